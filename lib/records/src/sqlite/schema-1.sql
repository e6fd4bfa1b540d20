-- The decision log. run and number are null for a rejection.
CREATE TABLE log (
  shard  INTEGER NOT NULL,
  seq    INTEGER NOT NULL,
  run    TEXT,
  number INTEGER,
  body   TEXT NOT NULL,
  UNIQUE (shard, seq)
);
CREATE UNIQUE INDEX log_by_run ON log (run, number) WHERE run IS NOT NULL;

CREATE TABLE cursors (
  shard INTEGER NOT NULL,
  name  TEXT NOT NULL,
  seq   INTEGER NOT NULL,
  PRIMARY KEY (shard, name)
) WITHOUT ROWID;

-- Everything from here to run_counts derives from the log.
CREATE TABLE runs (
  id          TEXT PRIMARY KEY NOT NULL,
  shard       INTEGER NOT NULL,
  version     INTEGER NOT NULL,
  project     TEXT NOT NULL,
  workflow    TEXT NOT NULL,
  state       TEXT NOT NULL,
  open        INTEGER NOT NULL,
  created_ms  INTEGER NOT NULL,
  finished_ms INTEGER NOT NULL, -- the largest integer while the run is open
  duration_ms INTEGER NOT NULL, -- likewise
  body        TEXT NOT NULL
);
-- State and workflow at the end: filters are tested in the index, and only rows of the page are looked up.
CREATE INDEX runs_by_created ON runs (project, created_ms, id, state, workflow);
CREATE INDEX runs_by_finished ON runs (project, finished_ms, id, state, workflow);
CREATE INDEX runs_by_duration ON runs (project, duration_ms, id, state, workflow);
CREATE INDEX runs_open ON runs (shard, id) WHERE open = 1;

CREATE TABLE run_labels (
  project TEXT NOT NULL,
  label   TEXT NOT NULL, -- key=value
  run     TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  PRIMARY KEY (project, label, run)
) WITHOUT ROWID;
CREATE INDEX run_labels_by_run ON run_labels (run);

CREATE TABLE tasks (
  run      TEXT NOT NULL,
  key      TEXT NOT NULL,
  shard    INTEGER NOT NULL,
  version  INTEGER NOT NULL,
  position INTEGER NOT NULL,
  name     TEXT NOT NULL,
  state    TEXT NOT NULL,
  body     TEXT NOT NULL,
  UNIQUE (run, key)
);
CREATE INDEX tasks_by_position ON tasks (run, position, state, name);

CREATE TABLE requests (
  project TEXT NOT NULL,
  key     TEXT NOT NULL,
  shard   INTEGER NOT NULL,
  seq     INTEGER NOT NULL,
  body    TEXT NOT NULL,
  PRIMARY KEY (project, key)
);

CREATE TABLE run_counts (
  project TEXT NOT NULL,
  state   TEXT NOT NULL,
  runs    INTEGER NOT NULL,
  PRIMARY KEY (project, state)
) WITHOUT ROWID;
CREATE TRIGGER run_counted AFTER INSERT ON runs BEGIN
  INSERT INTO run_counts VALUES (new.project, new.state, 1)
    ON CONFLICT (project, state) DO UPDATE SET runs = runs + 1;
END;
CREATE TRIGGER run_recounted AFTER UPDATE OF state ON runs WHEN old.state <> new.state BEGIN
  UPDATE run_counts SET runs = runs - 1 WHERE project = old.project AND state = old.state;
  INSERT INTO run_counts VALUES (new.project, new.state, 1)
    ON CONFLICT (project, state) DO UPDATE SET runs = runs + 1;
END;
CREATE TRIGGER run_uncounted AFTER DELETE ON runs BEGIN
  UPDATE run_counts SET runs = runs - 1 WHERE project = old.project AND state = old.state;
END;

-- Kept by the API.
CREATE TABLE workflows (
  project TEXT NOT NULL,
  name    TEXT NOT NULL,
  version INTEGER NOT NULL,
  digest  TEXT NOT NULL,
  row     TEXT NOT NULL, -- all but the source, as JSON
  source  TEXT NOT NULL,
  PRIMARY KEY (project, name, version)
);
CREATE TABLE settings (
  name  TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
) WITHOUT ROWID;
