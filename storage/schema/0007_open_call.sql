-- What opening a live call takes, in one round trip. Each statement of a function sees what was committed before
-- it began, so what is read after the lock on the response is all that an owner before has stored.
--
-- The first words of a call need no disk: the commit is not waited for. The next write of the call waits for its
-- own, and so for this one. A fence is never below the time in microseconds: one that a crash of the database took
-- back, with the commit that nobody waited for, is not given out a second time.

CREATE FUNCTION mock_interview_open_call(wanted text, starts_from text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    run mock_interview_responses;
    interview mock_interview_sessions;
BEGIN
    SELECT * INTO run FROM mock_interview_responses WHERE call_id = wanted AND NOT is_ended FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT * INTO interview FROM mock_interview_sessions WHERE id = run.session_id FOR NO KEY UPDATE;
    IF interview.status = 'cancelled' THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE mock_interview_responses
    SET fence = greatest(fence + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
        status = 'in_progress', end_reason = NULL, ended_at = NULL
    WHERE id = run.id RETURNING * INTO run;
    IF interview.status = ANY (starts_from) THEN
        UPDATE mock_interview_sessions SET status = 'in_progress', version = version + 1, updated_at = now()
        WHERE id = interview.id RETURNING * INTO interview;
    END IF;
    RETURN json_build_object(
        'fence', run.fence,
        'response', row_to_json(run),
        'session', row_to_json(interview),
        'questions', (
            SELECT coalesce(json_agg(row_to_json(x)), '[]') FROM (
                SELECT id, text, type, block, persona, difficulty, competencies, looks_for, angles, time_limit_s,
                    max_probes, parent_id, reason, bank_id
                FROM mock_interview_questions WHERE session_id = interview.id AND call_id IS NULL
                ORDER BY position) x),
        'follow_ups', (
            SELECT coalesce(json_agg(row_to_json(q) ORDER BY q.position), '[]')
            FROM mock_interview_questions q WHERE q.call_id = wanted),
        'said', (
            SELECT coalesce(json_agg(row_to_json(u) ORDER BY u.turn, u.speaker), '[]')
            FROM mock_interview_utterances u WHERE u.call_id = wanted)
    )::text;
END
$$;
