-- What was fetched of a provider's recording, once it is in the object store: {channels, seconds}.

ALTER TABLE mock_interview_responses ADD COLUMN recording jsonb;
