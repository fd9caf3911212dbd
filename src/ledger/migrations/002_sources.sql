-- Files may come by HTTP too. SQLite cannot change a CHECK: the table is made anew.
CREATE TABLE submissions_new (
    submission_id INTEGER PRIMARY KEY AUTOINCREMENT,
    dataset TEXT NOT NULL,
    reporter_code TEXT NOT NULL,
    period TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    file_name TEXT NOT NULL,
    size INTEGER NOT NULL,
    door TEXT NOT NULL CHECK (door IN ('inbox', 'command', 'http')),
    received_at TEXT NOT NULL,
    late INTEGER NOT NULL CHECK (late IN (0, 1)),
    decided_at TEXT,
    decision TEXT CHECK (decision IN ('accepted', 'accepted_with_warnings', 'returned', 'nil')),
    -- 'whole': speaks for all that its reporter reports; 'units': only for its own units.
    scope TEXT CHECK (scope IN ('whole', 'units')),
    n_rows INTEGER,
    contract_hash TEXT,
    layout TEXT,
    identity INTEGER NOT NULL DEFAULT 0 CHECK (identity IN (0, 1)),
    superseded_at TEXT,
    CHECK ((decided_at IS NULL) = (decision IS NULL))
) STRICT;
INSERT INTO submissions_new SELECT * FROM submissions;
DROP TABLE submissions;
ALTER TABLE submissions_new RENAME TO submissions;
CREATE INDEX submissions_by_key ON submissions (dataset, period, reporter_code);
CREATE INDEX submissions_by_sha256 ON submissions (sha256);

-- What came of asking a source for a file: one row each time that the answer changed, and the newest of
-- a file is how it stands. Earlier ones are kept, so that an as-of sees what was known then.
CREATE TABLE fetches (
    fetch_id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    dataset TEXT NOT NULL,
    unit_code TEXT NOT NULL,
    period TEXT NOT NULL,
    -- Without its query, which may hold a secret.
    url TEXT NOT NULL,
    state TEXT NOT NULL,
    code INTEGER,
    message TEXT NOT NULL DEFAULT '',
    hint TEXT NOT NULL DEFAULT '',
    etag TEXT,
    last_modified TEXT,
    -- Of the bytes that were taken last.
    sha256 TEXT,
    -- Since when the state is what it is; when this answer first came; when it came last.
    since TEXT NOT NULL,
    noted_at TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    not_before TEXT,
    -- How often in a row the file could not be had.
    failures INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX fetches_by_file ON fetches (source, dataset, unit_code, period);
