-- A guest's link carries the number that the call had when it was given. Raising it withdraws the links given so far.

ALTER TABLE mock_interview_responses ADD COLUMN link_number integer NOT NULL DEFAULT 0;
