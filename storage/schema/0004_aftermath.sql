-- What comes after an answer and after a call: the judge's findings, the analysis, the provider's record.

ALTER TABLE mock_interview_responses
    ADD COLUMN details         jsonb,
    ADD COLUMN analysis_digest text,
    ADD COLUMN analysed_at     timestamptz;

CREATE INDEX mock_interview_responses_unanalysed
    ON mock_interview_responses (created_at) WHERE NOT is_analysed;

-- One row per question thread that a judge has looked at. The digest is that of the words it saw, so the
-- same words are never judged twice and changed words always are. An empty digest: no judge could be
-- reached, judge again when asked. Revisions count how often the row was written.
CREATE TABLE mock_interview_evaluations (
    call_id     text NOT NULL REFERENCES mock_interview_responses (call_id) ON DELETE CASCADE,
    question_id text NOT NULL,
    digest      text NOT NULL,
    overall     integer CHECK (overall BETWEEN 0 AND 100),
    reason      text NOT NULL DEFAULT '',
    confidence  text NOT NULL CHECK (confidence IN ('low', 'medium', 'high')),
    flags       jsonb NOT NULL DEFAULT '[]',
    provenance  jsonb NOT NULL DEFAULT '{}',
    revisions   integer NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (call_id, question_id),
    CONSTRAINT overall_or_reason CHECK (overall IS NOT NULL OR reason <> '')
);

ALTER TABLE mock_interview_scores
    ADD COLUMN confidence text NOT NULL DEFAULT 'medium' CHECK (confidence IN ('low', 'medium', 'high')),
    ADD COLUMN spread     integer NOT NULL DEFAULT 0 CHECK (spread >= 0),
    ADD COLUMN provenance jsonb NOT NULL DEFAULT '{}';

ALTER TABLE mock_interview_feedback
    ADD COLUMN digest     text NOT NULL DEFAULT '',
    ADD COLUMN better     text NOT NULL DEFAULT '',
    ADD COLUMN provenance jsonb NOT NULL DEFAULT '{}';

-- Every version of an interview's insights; the newest is in the session's results too.
CREATE TABLE mock_interview_insights (
    session_id text NOT NULL REFERENCES mock_interview_sessions (id) ON DELETE CASCADE,
    version    integer NOT NULL CHECK (version > 0),
    insights   jsonb NOT NULL,
    provenance jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (session_id, version)
);

-- A provider's notice that was taken: the same one again changes nothing.
CREATE TABLE webhook_receipts (
    event       text NOT NULL,
    call_id     text NOT NULL REFERENCES mock_interview_responses (call_id) ON DELETE CASCADE,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event, call_id)
);
