-- How often a job was begun without an end that its worker could tell of. Counted when it is handed out: a worker
-- that a job kills cannot count anything afterwards. The row goes with its job.

CREATE TABLE job_deliveries (
    job_id bigint PRIMARY KEY REFERENCES pgqueuer (id) ON DELETE CASCADE,
    begun  integer NOT NULL CHECK (begun >= 0)
);
