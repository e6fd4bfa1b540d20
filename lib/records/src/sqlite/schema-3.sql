-- Small documents that people and services keep: users, keys, projects, secrets, triggers, …
CREATE TABLE kept (
  kind    TEXT NOT NULL,
  scope   TEXT NOT NULL,
  name    TEXT NOT NULL,
  version INTEGER NOT NULL,
  body    TEXT NOT NULL,
  PRIMARY KEY (kind, scope, name)
) WITHOUT ROWID;
