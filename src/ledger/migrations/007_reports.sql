-- Reports: editions of one unit's own sheet (`scope`), what an edition is rendered from, approval, and mails
-- that are held, cancelled, sent again by hand or returned. SQLite cannot change a CHECK or a UNIQUE: the
-- tables are made anew.
CREATE TABLE editions_new (
    edition_id INTEGER PRIMARY KEY AUTOINCREMENT,
    report TEXT NOT NULL,
    -- The unit whose own sheet it is; empty for an edition of all.
    scope TEXT NOT NULL DEFAULT '',
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
    UNIQUE (report, scope, edition_no)
) STRICT;
INSERT INTO editions_new (edition_id, report, period, edition_no, inputs_hash, context_sha256,
    created_at, as_of, event_no, program, fonts_json, supersedes, run_id)
SELECT edition_id, report, period, edition_no, inputs_hash, context_sha256,
    created_at, as_of, event_no, program, fonts_json, supersedes, run_id FROM editions;
DROP TABLE editions;
ALTER TABLE editions_new RENAME TO editions;
CREATE INDEX editions_by_period ON editions (report, scope, period);

-- What an edition is rendered from besides its context: definition, styles, settings, shared rows. Equal
-- ones are kept once, however many editions have them.
CREATE TABLE edition_parts (
    edition_id INTEGER NOT NULL REFERENCES editions,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL REFERENCES blobs,
    PRIMARY KEY (edition_id, name)
) STRICT, WITHOUT ROWID;

-- Who said that an edition may go out.
CREATE TABLE approvals (
    edition_id INTEGER PRIMARY KEY REFERENCES editions,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    at TEXT NOT NULL
) STRICT;

CREATE TABLE deliveries_new (
    delivery_id INTEGER PRIMARY KEY AUTOINCREMENT,
    edition_id INTEGER REFERENCES editions,
    kind TEXT NOT NULL,
    dedupe_key TEXT NOT NULL UNIQUE,
    recipient TEXT NOT NULL,
    message_id TEXT NOT NULL UNIQUE,
    -- Of the whole message. It is a blob, or the blobs of `mail_parts` one after the other.
    bytes_sha256 TEXT NOT NULL,
    transport TEXT NOT NULL CHECK (transport IN ('folder', 'smtp')),
    state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'accepted', 'deferred', 'refused',
        'uncertain', 'held', 'cancelled', 'bounced')),
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    last_code INTEGER,
    last_reply TEXT NOT NULL DEFAULT '',
    -- Why it is held: `approval` of its edition, or by `hand`; empty if it is not.
    held_for TEXT NOT NULL DEFAULT '' CHECK (held_for IN ('', 'approval', 'hand')),
    -- The mail that it repeats, by hand.
    resend_of INTEGER REFERENCES deliveries,
    -- What the last report of delivery said (RFC 3463): 5.1.1; empty if none came.
    dsn_status TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO deliveries_new (delivery_id, edition_id, kind, dedupe_key, recipient, message_id,
    bytes_sha256, transport, state, attempts, not_before, created_at, updated_at, last_code, last_reply)
SELECT delivery_id, edition_id, kind, dedupe_key, recipient, message_id,
    bytes_sha256, transport, state, attempts, not_before, created_at, updated_at, last_code, last_reply
FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE deliveries_new RENAME TO deliveries;
CREATE UNIQUE INDEX deliveries_by_edition ON deliveries (edition_id, recipient)
    WHERE edition_id IS NOT NULL AND resend_of IS NULL;
CREATE INDEX deliveries_by_state ON deliveries (state);
CREATE INDEX deliveries_by_message ON deliveries (message_id);
-- How often somebody was written to lately: what the limits count.
CREATE INDEX attempts_by_start ON attempts (started_at);

-- Mails of the mailbox for returns that were looked at: each once.
CREATE TABLE returns (
    mailbox TEXT NOT NULL,
    -- What names it there: a file's name, or UIDVALIDITY and UID.
    key TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    -- None: it speaks of no mail of ours.
    delivery_id INTEGER REFERENCES deliveries,
    action TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (mailbox, key)
) STRICT, WITHOUT ROWID;

-- Long messages in parts: the papers that a mail carries are kept once, however many receive them.
CREATE TABLE mail_parts (
    bytes_sha256 TEXT NOT NULL,
    position INTEGER NOT NULL,
    part_sha256 TEXT NOT NULL REFERENCES blobs,
    PRIMARY KEY (bytes_sha256, position)
) STRICT, WITHOUT ROWID;

-- Every run asks for the last event, so that an as-of before it is read-only.
CREATE INDEX events_by_at ON events (at);
