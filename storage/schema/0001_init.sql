-- The first schema: interviewers, interviews, the candidates' runs and what was said and scored.

CREATE TABLE agent_interviewers (
    id              text PRIMARY KEY,
    name            text NOT NULL,
    description     text NOT NULL,
    sliders         jsonb NOT NULL,
    voice           text NOT NULL,
    retell_agent_id text,
    image           text
);

CREATE TABLE mock_interview_sessions (
    id              text PRIMARY KEY,
    candidate_id    text NOT NULL,
    role            text NOT NULL,
    scenario        text NOT NULL,
    status          text NOT NULL CHECK (status IN (
        'created', 'in_progress', 'paused', 'completed', 'cancelled', 'interrupted', 'abandoned')),
    version         integer NOT NULL CHECK (version >= 0),
    wishes          jsonb NOT NULL,
    link_id         text NOT NULL UNIQUE,
    slug            text NOT NULL UNIQUE,
    name            text NOT NULL,
    interviewer_id  text NOT NULL REFERENCES agent_interviewers (id),
    metadata        jsonb NOT NULL DEFAULT '{}',
    results         jsonb,
    idempotency_key text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (candidate_id, idempotency_key)
);

CREATE INDEX mock_interview_sessions_of_candidate
    ON mock_interview_sessions (candidate_id, created_at DESC);

CREATE TABLE mock_interview_responses (
    id          text PRIMARY KEY,
    session_id  text NOT NULL REFERENCES mock_interview_sessions (id) ON DELETE CASCADE,
    call_id     text NOT NULL UNIQUE,
    transport   text NOT NULL,
    email       text NOT NULL,
    name        text NOT NULL,
    status      text NOT NULL CHECK (status IN (
        'created', 'in_progress', 'paused', 'completed', 'cancelled', 'interrupted', 'abandoned')),
    is_ended    boolean NOT NULL DEFAULT false,
    is_analysed boolean NOT NULL DEFAULT false,
    analytics   jsonb,
    progress    jsonb,
    end_reason  text,
    fence       bigint NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL,
    ended_at    timestamptz
);

CREATE INDEX mock_interview_responses_of_session
    ON mock_interview_responses (session_id, lower(email));

-- call_id is null for planned questions. A follow-up belongs to the call on which it came up:
-- two guests of one shared interview may well have follow-ups of the same id.
CREATE TABLE mock_interview_questions (
    session_id   text NOT NULL REFERENCES mock_interview_sessions (id) ON DELETE CASCADE,
    call_id      text REFERENCES mock_interview_responses (call_id) ON DELETE CASCADE,
    id           text NOT NULL,
    position     integer NOT NULL,
    text         text NOT NULL,
    type         text NOT NULL,
    block        text,
    persona      text NOT NULL,
    difficulty   text NOT NULL,
    competencies jsonb NOT NULL DEFAULT '[]',
    looks_for    jsonb NOT NULL DEFAULT '[]',
    angles       jsonb NOT NULL DEFAULT '[]',
    time_limit_s integer NOT NULL,
    max_probes   integer NOT NULL,
    parent_id    text,
    reason       text,
    bank_id      text,
    UNIQUE NULLS NOT DISTINCT (session_id, call_id, id)
);

CREATE INDEX mock_interview_questions_of_call ON mock_interview_questions (call_id);

CREATE TABLE mock_interview_utterances (
    call_id     text NOT NULL REFERENCES mock_interview_responses (call_id) ON DELETE CASCADE,
    turn        integer NOT NULL,
    speaker     text NOT NULL CHECK (speaker IN ('candidate', 'interviewer')),
    text        text NOT NULL,
    persona     text,
    question_id text,
    PRIMARY KEY (call_id, turn, speaker)
);

CREATE TABLE mock_interview_answers (
    call_id     text NOT NULL REFERENCES mock_interview_responses (call_id) ON DELETE CASCADE,
    turn        integer NOT NULL,
    question_id text NOT NULL,
    text        text NOT NULL,
    duration_ms integer CHECK (duration_ms >= 0),
    words       jsonb,
    audio_uri   text,
    sentiment   jsonb,
    delivery    jsonb,
    PRIMARY KEY (call_id, turn)
);

CREATE TABLE mock_interview_scores (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    call_id     text NOT NULL REFERENCES mock_interview_responses (call_id) ON DELETE CASCADE,
    question_id text,
    dimension   text NOT NULL,
    score       integer,
    reason      text,
    rationale   text,
    evidence    jsonb NOT NULL DEFAULT '[]',
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (call_id, question_id, dimension),
    CONSTRAINT score_or_reason CHECK (
        (score IS NOT NULL AND score BETWEEN 0 AND 100)
        OR (score IS NULL AND reason IS NOT NULL AND reason <> ''))
);

CREATE TABLE mock_interview_feedback (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    call_id       text NOT NULL REFERENCES mock_interview_responses (call_id) ON DELETE CASCADE,
    question_id   text,
    coach_tips    jsonb NOT NULL DEFAULT '[]',
    action_items  jsonb NOT NULL DEFAULT '[]',
    learning_tags jsonb NOT NULL DEFAULT '[]',
    created_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (call_id, question_id)
);

CREATE TABLE mock_interview_metrics (
    call_id    text NOT NULL REFERENCES mock_interview_responses (call_id) ON DELETE CASCADE,
    name       text NOT NULL,
    value      double precision NOT NULL,
    unit       text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (call_id, name)
);

CREATE TABLE consents (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id   text REFERENCES mock_interview_sessions (id) ON DELETE CASCADE,
    candidate_id text NOT NULL,
    kind         text NOT NULL,
    granted      boolean NOT NULL,
    text_version text NOT NULL,
    at           timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX consents_of_candidate ON consents (candidate_id, kind, at DESC);
CREATE INDEX consents_of_session ON consents (session_id);

-- No foreign keys: the log outlives what it tells of, and holds ids only.
CREATE TABLE audit_log (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT now(),
    actor   text NOT NULL,
    action  text NOT NULL,
    subject text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}'
);

CREATE INDEX audit_log_of_subject ON audit_log (subject, at);
