-- Which reminder of which missing submission went out in which mail: each once.
CREATE TABLE reminders (
    dataset TEXT NOT NULL,
    period TEXT NOT NULL,
    reporter_code TEXT NOT NULL,
    -- Working days after the due date; negative before it.
    workdays INTEGER NOT NULL,
    recipient TEXT NOT NULL,
    delivery_id INTEGER NOT NULL REFERENCES deliveries,
    at TEXT NOT NULL,
    PRIMARY KEY (dataset, period, reporter_code, workdays, recipient)
) STRICT, WITHOUT ROWID;
CREATE INDEX reminders_by_delivery ON reminders (delivery_id);

-- Units that should have been reminded and cannot be: said to the operator once, gone when mended.
CREATE TABLE unreachable (
    reporter_code TEXT PRIMARY KEY,
    why TEXT NOT NULL,
    since TEXT NOT NULL
) STRICT, WITHOUT ROWID;
