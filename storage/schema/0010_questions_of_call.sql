-- Follow-ups alone have a call. An index that held the planned questions too was taken for "call_id IS NULL" while
-- the planner had no statistics, and read the questions of every session for each call that opened.

DROP INDEX mock_interview_questions_of_call;
CREATE INDEX mock_interview_questions_of_call ON mock_interview_questions (call_id) WHERE call_id IS NOT NULL;
