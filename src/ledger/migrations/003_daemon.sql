-- A schedule as it stood when the daemon last looked. An edited or re-enabled one begins anew:
-- what fell due before `since` is nobody's.
CREATE TABLE schedules (
    name TEXT PRIMARY KEY,
    definition TEXT NOT NULL,
    -- 0: switched off, or gone from the definitions.
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    since TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per schedule and due time.
CREATE TABLE slots (
    schedule TEXT NOT NULL REFERENCES schedules,
    due_at TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'missed')),
    -- How many due times this row stands for: more than one only where many were missed at once.
    n INTEGER NOT NULL DEFAULT 1,
    attempts INTEGER NOT NULL DEFAULT 0,
    begun_at TEXT NOT NULL,
    finished_at TEXT,
    -- Of the last attempt.
    run_id INTEGER REFERENCES runs,
    detail TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (schedule, due_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX slots_by_run ON slots (run_id);
CREATE INDEX slots_running ON slots (state) WHERE state = 'running';

-- At most one row: the daemon of this home.
CREATE TABLE daemon (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    holder_json TEXT NOT NULL,
    started_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    -- What it refuses to go on with, such as definitions that do not compile; empty if all is well.
    trouble TEXT NOT NULL DEFAULT ''
) STRICT;
