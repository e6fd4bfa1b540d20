-- Whoever writes runs counts them: a trigger costs a copy of each page that the statement changes.
DROP TRIGGER run_counted;
DROP TRIGGER run_recounted;
