//! What is run: small workflows of every form that the planner treats in its own way, and how their programs end.

use emboflow_model::AttemptId;

use super::executor::Fate;
use super::stage::Stage;

/// Workflow files. Names say what is special.
pub(super) const WORKFLOWS: &[&str] = &[
    "version: 1\nname: chain\ndefaults: { image: i }\ntasks:\n  a: {}\n  b: { needs: [a] }\n  c: { needs: [b] }\n",
    "version: 1\nname: single\ndefaults: { image: i }\ntasks:\n  a: { retry: { attempts: 3, delay: 1s } }\n",
    "version: 1\nname: fan\ndefaults: { image: i }\ntasks:\n  a: { matrix: { i: [1, 2, 3, 4] }, max_parallel: 2 }\n  z: { needs: [a] }\n",
    "version: 1\nname: diamond\ndefaults: { image: i }\ntasks:\n  a: {}\n  b: { needs: [a], retry: { attempts: 2, delay: 500ms, backoff: constant } }\n  c: { needs: [a], continue_on_error: true }\n  d: { needs: [b, c] }\n",
    "version: 1\nname: large\ndefaults: { image: i }\ntasks:\n  a: { resources: { cpu: 2 } }\n  b: { resources: { cpu: 2 } }\n  c: { needs: [a, b], resources: { cpu: 1 } }\n",
    "version: 1\nname: condition\ndefaults: { image: i }\ntasks:\n  a: {}\n  b: { needs: [a], if: \"${{ failure() }}\" }\n  c: { needs: [a, b], if: \"${{ always() }}\" }\n",
    "version: 1\nname: limited\ntimeout: 15s\ndefaults: { image: i }\ntasks:\n  a: {}\n  b: { needs: [a] }\n  c: { needs: [b] }\n",
    EXCLUSIVE,
    CODED,
    TIMED,
    LASTLY,
    TUNED,
    ASKED,
    ENDLESS,
    FANNED,
    PARENT,
    GIVER,
    TAKER,
    GANGED,
];

/// Fans out over what its first task finds: a list of 0 to 3 numbers, another one in each attempt.
pub(super) const FANNED: &str = "version: 1\nname: fanned\ndefaults: { image: i }\ntasks:\n  split: { outputs: { parts: { path: parts.json, value: true } }, retry: { attempts: 2, delay: 500ms } }\n  process: { matrix: { part: \"${{ tasks.split.values.parts }}\" }, args: [\"${{ matrix.part }}\"], max_parallel: 2, retry: { attempts: 2, delay: 500ms } }\n  join: { needs: [process], if: \"${{ always() }}\" }\n  tidy: { finally: always }\n";

/// Takes over what others of it have made, of one task only for a while. What `use` is told comes from `find`, whose values
/// are others in each attempt.
pub(super) const CACHED: &str = "version: 1\nname: cached\ninputs: { n: { type: integer, default: 1 } }\ndefaults: { image: i }\ntasks:\n  find: { command: [\"${{ inputs.n }}\"], cache: { ttl: 30s }, outputs: { parts: { path: parts.json, value: true } }, retry: { attempts: 2, delay: 500ms } }\n  use: { env: { P: \"${{ tasks.find.values.parts }}\" }, cache: true }\n  same: { needs: [find], matrix: { i: [1, 2] }, args: [\"${{ matrix.i }}\"], cache: true, retry: { attempts: 2, delay: 500ms } }\n  z: { needs: [use, same] }\n";

/// Runs of other workflows carry parts of it out, some of them one after the other.
pub(super) const PARENT: &str = "version: 1\nname: parent\ndefaults: { image: i }\ntasks:\n  a: {}\n  part: { needs: [a], matrix: { i: [1, 2, 3] }, max_parallel: 2, uses: { workflow: single } }\n  other: { continue_on_error: true, uses: { workflow: limited, version: 1 } }\n  none: { continue_on_error: true, uses: { workflow: nobody-keeps-it } }\n  z: { needs: [part, other, none] }\n";

/// Gives what its one task finds: a list of 0 to 3 numbers, another one in each attempt, and how many they are.
pub(super) const GIVER: &str = "version: 1\nname: giver\ndefaults: { image: i }\ntasks:\n  split: { outputs: { parts: { path: parts.json, value: true } }, retry: { attempts: 2, delay: 500ms } }\noutputs:\n  parts: \"${{ tasks.split.values.parts }}\"\n  count: \"${{ size(tasks.split.values.parts) }}\"\n";

/// Goes on with what runs of it give: fans out over it, and reads it of several of them.
pub(super) const TAKER: &str = "version: 1\nname: taker\ndefaults: { image: i }\ntasks:\n  given: { uses: { workflow: giver } }\n  process: { matrix: { part: \"${{ tasks.given.values.parts }}\" }, args: [\"${{ matrix.part }}\"], max_parallel: 2 }\n  many: { matrix: { i: [1, 2] }, continue_on_error: true, uses: { workflow: giver } }\n  z: { env: { ALL: \"${{ tasks.many.values.count }}\", ONE: \"${{ tasks.given.values.count }}\" } }\n";

/// The file that is kept under a name.
pub(super) fn kept(name: &str) -> Option<&'static str> {
    let line = format!("\nname: {name}\n");
    WORKFLOWS.iter().copied().find(|source| source.contains(&line))
}

/// Two that start together, and of which none goes on without the other.
pub(super) const GANGED: &str = "version: 1\nname: ganged\ndefaults: { image: i }\ntasks:\n  train: { replicas: 2, gang: true, retry: { attempts: 2, delay: 500ms } }\n  after: { needs: [train] }\n";

/// Queues of which each may hold two slots at once: at most, and because it may not borrow.
pub(super) const LIMITED_QUEUES: [(&str, &str); 2] = [
    ("narrow", r#"{ "maximum": { "slots": 2 } }"#),
    ("own", r#"{ "guarantee": { "slots": 2 }, "borrowing": false }"#),
];
/// Slots that each of them may hold.
pub(super) const LIMITED_SLOTS: usize = 2;

/// Exit codes of `coded` that count as success, that are worth another attempt, and that fail the whole run.
pub(super) const CODED: &str = "version: 1\nname: coded\ndefaults: { image: i }\ntasks:\n  coded: { retry: { attempts: 2, delay: 500ms }, exit_codes: { complete: [3], retry: [\"70-79\"], fail_run: [99] } }\n  b: { needs: [coded] }\n  c: {}\n  d: { needs: [c] }\n";
const CODES: [i32; 5] = [0, 1, 3, 75, 99];

/// Of its tasks no two attempts run at once; one of them takes long.
pub(super) const EXCLUSIVE: &str = "version: 1\nname: exclusive\ndefaults: { image: i, class: exclusive }\ntasks:\n  a: {}\n  long: { needs: [a] }\n  c: { needs: [long] }\n";

/// Waits for a place, and takes, no longer than so.
pub(super) const TIMED: &str = "version: 1\nname: timed\ndefaults: { image: i }\ntasks:\n  a: { resources: { cpu: 2 }, timeouts: { queue: 4s, total: 12s }, retry: { attempts: 3, delay: 1s } }\n  b: { matrix: { i: [1, 2, 3] }, max_parallel: 1, timeouts: { queue: 5s } }\n  c: { needs: [a, b], if: \"${{ always() }}\", timeouts: { total: 20s } }\n";

/// Its input decides what one task does and how many another becomes; it is repeated with other values.
pub(super) const TUNED: &str = "version: 1\nname: tuned\ninputs: { n: { type: integer, default: 1 } }\ndefaults: { image: i }\ntasks:\n  a: {}\n  b: { needs: [a], command: [\"${{ inputs.n }}\"] }\n  m: { needs: [a], matrix: { i: \"${{ range(inputs.n) }}\" } }\n  c: { needs: [b, m] }\n";

/// What follows all others, in whatever way these end.
pub(super) const LASTLY: &str = "version: 1\nname: lastly\ndefaults: { image: i }\ntasks:\n  a: {}\n  b: { needs: [a], retry: { attempts: 2, delay: 500ms } }\n  c: {}\n  tidy: { finally: always, retry: { attempts: 2, delay: 500ms } }\n  alarm: { finally: failure, needs: [tidy], if: \"${{ always() }}\" }\n";

/// People decide on parts of it, in time or not.
pub(super) const ASKED: &str = "version: 1\nname: asked\ndefaults: { image: i }\ntasks:\n  a: {}\n  review: { needs: [a], approval: { message: m, inputs: { n: { type: integer, default: 1 } } } }\n  forgotten: { approval: { message: m, timeout: 12s, on_timeout: approve, inputs: { n: { type: integer, default: 1 } } } }\n  wished: { continue_on_error: true, approval: { message: m, timeout: 20s, inputs: { n: { type: integer, required: false } } } }\n  z: { needs: [review, forgotten, wished], env: { N: \"${{ tasks.review.values.n }}\" } }\n  undo: { finally: failure, approval: { message: m, timeout: 15s } }\n";

/// Its program ends only when it is told to.
pub(super) const ENDLESS: &str =
    "version: 1\nname: endless\ndefaults: { image: i }\ntasks:\n  a: {}\n  forever: { needs: [a] }\n";
/// Longer than any simulation.
const FOR_EVER_MS: u64 = 10 * 3_600_000;

impl Stage {
    /// How the program of an attempt will end.
    pub(super) fn fate_of(&mut self, attempt: &AttemptId) -> Fate {
        if let Some(code) = self.scripted_codes.get(attempt.task.name.as_str()) {
            return Fate::Exits(*code);
        }
        if !self.plan.has_clients {
            return Fate::Exits(0);
        }
        if attempt.task.name.as_str() == "coded" {
            return Fate::Exits(self.dice.pick(&CODES).unwrap_or_default());
        }
        match self.dice.below(100) {
            0..=79 => Fate::Exits(0),
            80..=91 => Fate::Exits(1),
            _ => Fate::NoImage,
        }
    }

    /// How long it will run.
    pub(super) fn how_long(&mut self, attempt: &AttemptId) -> u64 {
        if attempt.task.name.as_str() == "forever" {
            return FOR_EVER_MS;
        }
        if attempt.task.name.as_str() == "long" {
            return self.dice.between(15_000, 45_000);
        }
        if let Some(load) = self.plan.load {
            return self.lasts_under(load, attempt);
        }
        if !self.plan.has_clients {
            return 2_000;
        }
        match self.dice.below(20) {
            0 => self.dice.between(10_000, 25_000),
            1..=4 => self.dice.between(1, 50),
            _ => self.dice.between(100, 4_000),
        }
    }
}
