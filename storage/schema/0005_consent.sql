-- What a candidate agreed to before a call, as proof (ledger) and for the call to go by (response).

ALTER TABLE mock_interview_responses ADD COLUMN consent jsonb;
ALTER TABLE consents ADD COLUMN call_id text, ADD COLUMN locale text;
