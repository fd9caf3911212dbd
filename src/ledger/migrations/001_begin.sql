-- Instants are UTC text to the second (2024-09-01T00:00:00Z), so that text order is time order.
-- What is derived from several rows (a submission's state, a snapshot's end) is computed in
-- queries that take an as-of, so that the ledger can be read as it stood on any day.

CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail_json TEXT NOT NULL
) STRICT;

-- Large values, once each, by their own hash.
CREATE TABLE blobs (
    sha256 TEXT PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;

CREATE TABLE submissions (
    submission_id INTEGER PRIMARY KEY AUTOINCREMENT,
    dataset TEXT NOT NULL,
    reporter_code TEXT NOT NULL,
    period TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    file_name TEXT NOT NULL,
    size INTEGER NOT NULL,
    door TEXT NOT NULL CHECK (door IN ('inbox', 'command')),
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
CREATE INDEX submissions_by_key ON submissions (dataset, period, reporter_code);
CREATE INDEX submissions_by_sha256 ON submissions (sha256);

CREATE TABLE submission_units (
    submission_id INTEGER NOT NULL REFERENCES submissions,
    unit_code TEXT NOT NULL,
    n_rows INTEGER NOT NULL,
    PRIMARY KEY (submission_id, unit_code)
) STRICT, WITHOUT ROWID;

CREATE TABLE findings (
    submission_id INTEGER NOT NULL REFERENCES submissions,
    seq INTEGER NOT NULL,
    code TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('error', 'confirm', 'note')),
    sheet TEXT,
    cell_row INTEGER,
    cell_col INTEGER,
    read TEXT NOT NULL,
    expected TEXT NOT NULL,
    fix TEXT NOT NULL,
    PRIMARY KEY (submission_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE seen_files (
    path TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    seen_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    run_id INTEGER PRIMARY KEY AUTOINCREMENT,
    command TEXT NOT NULL,
    period TEXT,
    holder_json TEXT NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'interrupted')),
    detail TEXT NOT NULL DEFAULT ''
) STRICT;

-- At most one row: the run that may change this home.
CREATE TABLE lease (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    run_id INTEGER NOT NULL REFERENCES runs
) STRICT;

CREATE TABLE steps (
    step_id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id INTEGER NOT NULL REFERENCES runs,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'interrupted')),
    detail TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX steps_by_run ON steps (run_id);

CREATE TABLE cuts (
    cut_id INTEGER PRIMARY KEY AUTOINCREMENT,
    dataset TEXT NOT NULL,
    period TEXT NOT NULL,
    snapshot_id TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    contract_hash TEXT NOT NULL,
    path TEXT NOT NULL,
    n_rows INTEGER NOT NULL,
    missing_units_json TEXT NOT NULL,
    cut_at TEXT NOT NULL,
    run_id INTEGER REFERENCES runs
) STRICT;
CREATE INDEX cuts_by_period ON cuts (dataset, period);

CREATE TABLE cut_inputs (
    cut_id INTEGER NOT NULL REFERENCES cuts,
    submission_id INTEGER NOT NULL REFERENCES submissions,
    unit_code TEXT NOT NULL,
    PRIMARY KEY (cut_id, submission_id, unit_code)
) STRICT, WITHOUT ROWID;

CREATE TABLE items (
    item_no INTEGER PRIMARY KEY AUTOINCREMENT,
    check_id TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_code TEXT NOT NULL,
    unit_code TEXT NOT NULL,
    state TEXT NOT NULL,
    -- The whole item as it is now; the columns beside it are there to find it by.
    item_json TEXT NOT NULL,
    UNIQUE (check_id, subject_kind, subject_code)
) STRICT;

CREATE TABLE item_events (
    item_no INTEGER NOT NULL REFERENCES items,
    seq INTEGER NOT NULL,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    from_state TEXT,
    to_state TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    observed REAL,
    run_id INTEGER REFERENCES runs,
    -- The whole item as this event left it: what makes an as-of possible.
    item_json TEXT NOT NULL,
    PRIMARY KEY (item_no, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE editions (
    edition_id INTEGER PRIMARY KEY AUTOINCREMENT,
    report TEXT NOT NULL,
    period TEXT NOT NULL,
    edition_no INTEGER NOT NULL,
    inputs_hash TEXT NOT NULL,
    context_sha256 TEXT NOT NULL REFERENCES blobs,
    created_at TEXT NOT NULL,
    as_of TEXT NOT NULL,
    event_no INTEGER NOT NULL,
    program TEXT NOT NULL,
    fonts_json TEXT NOT NULL,
    supersedes INTEGER REFERENCES editions,
    run_id INTEGER REFERENCES runs,
    UNIQUE (report, edition_no)
) STRICT;
CREATE INDEX editions_by_period ON editions (report, period);

CREATE TABLE edition_files (
    edition_id INTEGER NOT NULL REFERENCES editions,
    format TEXT NOT NULL,
    file_name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (edition_id, format)
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
    delivery_id INTEGER PRIMARY KEY AUTOINCREMENT,
    edition_id INTEGER REFERENCES editions,
    kind TEXT NOT NULL,
    dedupe_key TEXT NOT NULL UNIQUE,
    recipient TEXT NOT NULL,
    message_id TEXT NOT NULL UNIQUE,
    bytes_sha256 TEXT NOT NULL REFERENCES blobs,
    transport TEXT NOT NULL CHECK (transport IN ('folder', 'smtp')),
    state TEXT NOT NULL
        CHECK (state IN ('queued', 'sending', 'accepted', 'deferred', 'refused', 'uncertain')),
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    last_code INTEGER,
    last_reply TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX deliveries_by_edition ON deliveries (edition_id, recipient)
    WHERE edition_id IS NOT NULL;
CREATE INDEX deliveries_by_state ON deliveries (state);

CREATE TABLE attempts (
    delivery_id INTEGER NOT NULL REFERENCES deliveries,
    attempt_no INTEGER NOT NULL,
    started_at TEXT NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('connect', 'mail', 'rcpt', 'data', 'end')),
    phase_at TEXT NOT NULL,
    finished_at TEXT,
    -- The state that this attempt left the delivery in.
    state TEXT,
    not_before TEXT,
    code INTEGER,
    reply TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (delivery_id, attempt_no)
) STRICT, WITHOUT ROWID;
