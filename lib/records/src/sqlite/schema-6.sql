-- A result is found again by what decided it, and a run from which another one took results stays. Tasks of before this
-- have no such key; what repeats took over is held by the run that repeats.
ALTER TABLE tasks ADD COLUMN finished_ms INTEGER;
ALTER TABLE tasks ADD COLUMN result TEXT; -- project/key, of a task that made it itself
ALTER TABLE tasks ADD COLUMN taken_over_from TEXT;
CREATE INDEX tasks_by_result ON tasks (result, finished_ms, run) WHERE result IS NOT NULL;
CREATE INDEX tasks_by_origin ON tasks (taken_over_from) WHERE taken_over_from IS NOT NULL;
