-- Where an answer lies on the call's audio clock, so that any of its words can be played.

ALTER TABLE mock_interview_answers ADD COLUMN start_ms integer CHECK (start_ms >= 0);
