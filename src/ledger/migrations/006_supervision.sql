-- Supervision: an item is the fold of what its events set, an event says who acted in which role, and what
-- a list is sorted and found by stands in columns.

ALTER TABLE item_events RENAME COLUMN item_json TO set_json;
ALTER TABLE item_events RENAME COLUMN actor TO role;
ALTER TABLE item_events ADD COLUMN unit_code TEXT;
ALTER TABLE item_events ADD COLUMN post TEXT NOT NULL DEFAULT '';
ALTER TABLE item_events ADD COLUMN on_date TEXT NOT NULL DEFAULT '';
ALTER TABLE item_events ADD COLUMN rule_version INTEGER NOT NULL DEFAULT 0;
-- The district's own day is not known here; its clocks are ahead of UTC, and runs are made by day.
UPDATE item_events SET on_date = substr(at, 1, 10);

-- What a list of items is found and sorted by. The lists' order is one for all: what needs action first.
ALTER TABLE items ADD COLUMN level TEXT NOT NULL DEFAULT '';
ALTER TABLE items ADD COLUMN light TEXT NOT NULL DEFAULT 'green';
ALTER TABLE items ADD COLUMN source TEXT NOT NULL DEFAULT 'indicator';
ALTER TABLE items ADD COLUMN due_on TEXT NOT NULL DEFAULT '';
ALTER TABLE items ADD COLUMN responsible_code TEXT NOT NULL DEFAULT '';
-- An extension was asked for and not yet answered.
ALTER TABLE items ADD COLUMN asked INTEGER NOT NULL DEFAULT 0 CHECK (asked IN (0, 1));
-- 0 red, 1 yellow, 2 green, 3 stands still (suspended, or held back by a cause), 4 done.
ALTER TABLE items ADD COLUMN urgency INTEGER NOT NULL DEFAULT 4 CHECK (urgency BETWEEN 0 AND 4);
UPDATE items SET
    level = item_json ->> 'level',
    light = item_json ->> 'light',
    due_on = item_json ->> 'due_on',
    responsible_code = unit_code,
    urgency = CASE
        WHEN state IN ('closed', 'archived', 'withdrawn') THEN 4
        WHEN state = 'suspended' THEN 3
        WHEN item_json ->> 'light' = 'red' THEN 0
        WHEN item_json ->> 'light' = 'yellow' THEN 1
        ELSE 2
    END
WHERE item_json <> '';
-- Each usual filter is the beginning of an index, and urgency its order: a page of a million items is
-- read without the others. What filters are joined with most stands at the end.
CREATE INDEX items_by_urgency ON items (urgency, due_on);
CREATE INDEX items_by_unit ON items (responsible_code, urgency, due_on, state, light, level, check_id);
CREATE INDEX items_by_check ON items (check_id, urgency, due_on, state, light, level);
CREATE INDEX items_by_state ON items (state, urgency, due_on, level);
CREATE INDEX items_by_light ON items (light, urgency, due_on);
CREATE INDEX items_by_level ON items (level, urgency, due_on);
CREATE INDEX items_by_source ON items (source, urgency, due_on);
-- Few: assigned to another unit than the one at fault; waiting for an answer to a wish for more time.
CREATE INDEX items_by_fault ON items (unit_code, urgency, due_on) WHERE responsible_code <> unit_code;
CREATE INDEX items_asked ON items (asked, urgency, due_on) WHERE asked = 1;

-- Each judging of a check: under which version of the rule, and what it came to.
CREATE TABLE judgements (
    judgement_id INTEGER PRIMARY KEY AUTOINCREMENT,
    check_id TEXT NOT NULL,
    rule_version INTEGER NOT NULL,
    period TEXT NOT NULL,
    at TEXT NOT NULL,
    run_id INTEGER REFERENCES runs,
    n_violations INTEGER NOT NULL,
    -- Subjects that it could judge; null: all there are.
    n_judged INTEGER,
    n_held INTEGER NOT NULL,
    -- What the figures were made from: the same as at the judgement before, and only the rule can differ.
    inputs_sha256 TEXT NOT NULL
) STRICT;
CREATE INDEX judgements_by_check ON judgements (check_id, judgement_id);

-- The versions of each check: its text, its SQL, the metrics, targets and tables that it goes by.
CREATE TABLE rules (
    check_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    since TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    -- Its fields; the SQL texts and tables by their hash, in `blobs`.
    content_json TEXT NOT NULL,
    -- What differs from the version before, in a sentence.
    what TEXT NOT NULL,
    -- How its effect is known: `first`, `unchanged` (it judges as before), `same_data` (both versions were run on the same
    -- data), `both` (the old one could not be run any more: rule and data changed together).
    compared TEXT NOT NULL,
    run_id INTEGER REFERENCES runs,
    PRIMARY KEY (check_id, version)
) STRICT, WITHOUT ROWID;

-- What the rule alone brought about when its version was judged first: on the same data the version before
-- judged otherwise.
CREATE TABLE rule_effects (
    check_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_code TEXT NOT NULL,
    subject_name TEXT NOT NULL,
    -- `opened`, `closed`; `kept` (it would have closed), `spared` (it would have opened).
    effect TEXT NOT NULL,
    item_no INTEGER REFERENCES items,
    PRIMARY KEY (check_id, version, subject_kind, subject_code)
) STRICT, WITHOUT ROWID;

-- Violations for which no item was opened because the item of a cause explains them; as last judged.
CREATE TABLE held (
    check_id TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_code TEXT NOT NULL,
    subject_name TEXT NOT NULL,
    unit_code TEXT NOT NULL,
    period TEXT NOT NULL,
    detail TEXT NOT NULL,
    cause_item_no INTEGER NOT NULL REFERENCES items,
    since TEXT NOT NULL,
    PRIMARY KEY (check_id, subject_kind, subject_code)
) STRICT, WITHOUT ROWID;

-- Numbered papers of supervision (催办单, 督办通知单, …), one a unit, step and day.
CREATE TABLE slips (
    slip_id INTEGER PRIMARY KEY AUTOINCREMENT,
    step TEXT NOT NULL,
    title TEXT NOT NULL,
    -- Counted by step and year; none where the step has no number.
    year INTEGER NOT NULL,
    n INTEGER,
    number TEXT NOT NULL,
    unit_code TEXT NOT NULL,
    on_date TEXT NOT NULL,
    at TEXT NOT NULL,
    run_id INTEGER REFERENCES runs,
    -- Its PDF and the rows that it was made from.
    context_sha256 TEXT REFERENCES blobs,
    path TEXT,
    sha256 TEXT,
    UNIQUE (step, unit_code, on_date)
) STRICT;
CREATE UNIQUE INDEX slips_by_number ON slips (step, year, n) WHERE n IS NOT NULL;

CREATE TABLE slip_items (
    slip_id INTEGER NOT NULL REFERENCES slips,
    item_no INTEGER NOT NULL REFERENCES items,
    episode INTEGER NOT NULL,
    PRIMARY KEY (slip_id, item_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX slip_items_by_item ON slip_items (item_no);

-- Which mail carried a slip, or told of an item without one, to whom.
CREATE TABLE slip_mails (
    slip_id INTEGER NOT NULL REFERENCES slips,
    delivery_id INTEGER NOT NULL REFERENCES deliveries,
    PRIMARY KEY (slip_id, delivery_id)
) STRICT, WITHOUT ROWID;
