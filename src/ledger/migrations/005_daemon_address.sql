-- Where the daemon answers /healthz: `duban status --check` asks there.
ALTER TABLE daemon ADD COLUMN address TEXT NOT NULL DEFAULT '';
