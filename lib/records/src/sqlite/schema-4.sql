-- Who did what: appended to, read, and dropped when it is old; never changed.
CREATE TABLE audit (
  id      TEXT NOT NULL PRIMARY KEY,
  at      INTEGER NOT NULL,
  who     TEXT NOT NULL,
  action  TEXT NOT NULL,
  project TEXT,
  result  TEXT NOT NULL,
  body    TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX audit_by_time ON audit (at, id);
CREATE INDEX audit_by_project ON audit (project, at, id) WHERE project IS NOT NULL;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
  SELECT RAISE(ABORT, 'the audit is never changed');
END;
