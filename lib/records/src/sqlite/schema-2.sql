-- What may be removed is found without reading everything; what is being removed is noted until its objects are gone.
ALTER TABLE runs ADD COLUMN recovered_from TEXT;
UPDATE runs SET recovered_from = json_extract(body, '$.recovered_from');
CREATE INDEX runs_by_recovered ON runs (recovered_from) WHERE recovered_from IS NOT NULL;
CREATE INDEX runs_ended ON runs (shard, finished_ms, id) WHERE open = 0;
CREATE INDEX requests_by_place ON requests (shard, seq);

CREATE TABLE removals (
  run   TEXT PRIMARY KEY NOT NULL,
  shard INTEGER NOT NULL,
  body  TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX removals_by_shard ON removals (shard, run);
