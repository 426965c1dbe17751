-- Second looks at a score: a candidate's dispute, a person's own value, another try at the question. What is in
-- force stands in the evaluations and scores; what was found first is kept here.

ALTER TABLE mock_interview_evaluations ADD COLUMN reviews integer NOT NULL DEFAULT 0 CHECK (reviews >= 0);

-- One dispute per answer: the same words are judged again once.
CREATE TABLE mock_interview_disputes (
    id          text PRIMARY KEY,
    call_id     text NOT NULL REFERENCES mock_interview_responses (call_id) ON DELETE CASCADE,
    question_id text NOT NULL,
    digest      text NOT NULL,
    reason      text NOT NULL CHECK (reason <> ''),
    by          text NOT NULL,
    at          timestamptz NOT NULL,
    before      jsonb NOT NULL,
    after       jsonb,
    judged_at   timestamptz,
    UNIQUE (call_id, question_id, digest)
);

-- The newest of a dimension is in force. ``original`` is what the judge had found.
CREATE TABLE mock_interview_overrides (
    id          text PRIMARY KEY,
    call_id     text NOT NULL REFERENCES mock_interview_responses (call_id) ON DELETE CASCADE,
    question_id text NOT NULL,
    digest      text NOT NULL,
    dimension   text NOT NULL,
    value       integer NOT NULL CHECK (value BETWEEN 0 AND 100),
    original    integer CHECK (original BETWEEN 0 AND 100),
    reason      text NOT NULL CHECK (reason <> ''),
    by          text NOT NULL,
    role        text NOT NULL,
    at          timestamptz NOT NULL
);

CREATE INDEX mock_interview_overrides_of_call ON mock_interview_overrides (call_id, at);

-- A question answered again afterwards. It is judged beside the first answer and counts for nothing.
CREATE TABLE mock_interview_retries (
    id          text PRIMARY KEY,
    call_id     text NOT NULL REFERENCES mock_interview_responses (call_id) ON DELETE CASCADE,
    question_id text NOT NULL,
    text        text NOT NULL CHECK (text <> ''),
    by          text NOT NULL,
    at          timestamptz NOT NULL,
    evaluation  jsonb,
    feedback    jsonb,
    judged_at   timestamptz
);

CREATE INDEX mock_interview_retries_of_call ON mock_interview_retries (call_id, at);
