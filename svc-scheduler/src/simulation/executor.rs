//! Executors: a journal on a disk, and a process that carries out what is in it. The model follows `svc-executor`:
//! nothing starts without a claim, a container that was started once is never started again, an end is reported until
//! it is released.

use std::collections::BTreeMap;

use emboflow_model::state::Reason;
use emboflow_model::transition::AttemptEnd;
use emboflow_model::{AttemptId, ExecutorId, Resources, Timestamp};
use emboflow_protocol::command::Start;
use serde_json::json;

use super::fencing::Right;
use super::sabotage;
use super::stage::{Action, Stage};
use crate::driver::Signal;

/// An executor on a machine of its own.
pub(super) struct Executor {
    pub(super) id: ExecutorId,
    pub(super) slots: u32,
    pub(super) capacity: Resources,
    /// Its process runs.
    pub(super) is_up: bool,
    /// Its machine is gone for good.
    pub(super) is_gone: bool,
    /// Its process is stopped, and goes on later.
    pub(super) is_stopped: bool,
    /// What it will do then.
    pub(super) held_back: Vec<Action>,
    pub(super) is_mute: bool,
    pub(super) is_deaf: bool,
    /// Its wall clock is so much ahead.
    pub(super) clock_ahead_ms: i64,
    /// Which of its lives; what an earlier one began means nothing.
    pub(super) life: u64,
    pub(super) disk: Disk,
    /// What its process knows and its disk does not.
    pub(super) memory: BTreeMap<AttemptId, Memory>,
}

/// What survives a crash.
#[derive(Clone, Default)]
pub(super) struct Disk {
    pub(super) journal: String,
    pub(super) attempts: BTreeMap<AttemptId, Journaled>,
    pub(super) released: BTreeMap<AttemptId, u64>,
}

/// An attempt in the journal.
#[derive(Clone)]
pub(super) struct Journaled {
    pub(super) start: Start,
    /// Its container is about to be started.
    pub(super) is_launched: bool,
    /// For how long it may run, if it is exclusive; in a file of its own.
    pub(super) right: Option<Right>,
    pub(super) end: Option<Box<AttemptEnd>>,
}

#[derive(Clone, Default)]
pub(super) struct Memory {
    pub(super) stop: Option<Reason>,
    /// The newest claim; an answer to an older one comes too late.
    pub(super) claim: u64,
    pub(super) is_granted: bool,
}

impl Executor {
    pub(super) fn new(index: usize, slots: u32) -> Self {
        Self {
            id: ExecutorId::new(format!("exec-{index}")).expect("it is a name"),
            slots,
            capacity: Resources {
                cpu_millis: u64::from(slots) * 1_000,
                memory_bytes: 64 << 30,
                disk_bytes: 64 << 30,
                ..Resources::default()
            },
            is_up: true,
            is_gone: false,
            is_stopped: false,
            held_back: Vec::new(),
            is_mute: false,
            is_deaf: false,
            clock_ahead_ms: 0,
            life: 1,
            disk: Disk { journal: format!("journal-{index}-1"), ..Disk::default() },
            memory: BTreeMap::new(),
        }
    }

    /// Whether what NATS sends arrives.
    pub(super) fn hears(&self) -> bool {
        self.is_up && !self.is_deaf && !self.is_stopped
    }
}

/// What becomes of a program.
pub(super) enum Fate {
    Exits(i32),
    /// The machine fails it before it begins.
    NoImage,
}

impl Stage {
    fn of_life(&self, index: usize, life: u64) -> bool {
        self.executors[index].is_up && self.executors[index].life == life
    }

    /// Has something happen in this life of the executor.
    pub(super) fn later(&mut self, index: usize, ms: u64, action: impl FnOnce(&mut Stage) + Send + 'static) {
        let life = self.executors[index].life;
        self.after(ms, move |stage| {
            if !stage.of_life(index, life) {
                return;
            }
            if stage.executors[index].is_stopped {
                stage.executors[index].held_back.push(Box::new(action));
            } else {
                action(stage);
            }
        });
    }

    /// The process starts: what has no owner is removed, what is in the journal is taken up.
    pub(super) fn start_executor(&mut self, index: usize) {
        let executor = &mut self.executors[index];
        executor.is_up = true;
        executor.life += 1;
        executor.is_stopped = false;
        executor.held_back.clear();
        executor.memory.clear();
        let held: Vec<AttemptId> = executor.disk.attempts.keys().cloned().collect();
        self.note(|| format!("e{index} starts with {} attempts", held.len()));
        self.witness.containers.retain(|(own, attempt), _| *own != index || held.contains(attempt));
        for attempt in held {
            self.take_up(index, attempt);
        }
        self.beat(index);
    }

    /// The process ends at once; its containers run on.
    pub(super) fn kill_executor(&mut self, index: usize) {
        self.count("executor killed");
        self.note(|| format!("e{index} is killed"));
        self.executors[index].is_up = false;
    }

    /// The machine loses its power: no container runs on.
    pub(super) fn cut_power(&mut self, index: usize) {
        self.kill_executor(index);
        self.count("machine lost");
        for ((own, _), container) in &mut self.witness.containers {
            if *own == index && container.is_running {
                container.is_running = false;
            }
        }
    }

    /// Its data directory is gone: it comes back as somebody who knows of nothing.
    pub(super) fn empty_disk(&mut self, index: usize) {
        self.count("data directory emptied");
        let executor = &mut self.executors[index];
        executor.disk = Disk { journal: format!("journal-{index}-{}", executor.life + 1), ..Disk::default() };
    }

    /// Tells the schedulers that it is there, and again after a while.
    pub(super) fn beat(&mut self, index: usize) {
        let pause = self.plan.heartbeat_ms;
        self.later(index, pause, move |stage| stage.beat(index));
        if !self.executors[index].is_mute && !self.trouble.post.is_away {
            let beat = self.heartbeat(index);
            self.post.heartbeats.insert(index, beat.clone());
            let way = self.delay(self.trouble.post.slow);
            if !self.dice.in_a_thousand(self.trouble.post.lost) {
                self.after(way, move |stage| {
                    stage.broadcast(|| Signal::Heartbeat(Box::new(read(&beat))));
                });
            }
        }
    }

    /// What the bucket of heartbeats holds, for a process that begins to listen.
    pub(super) fn tell_heartbeats(&mut self, process: usize) {
        let kept: Vec<_> = self.post.heartbeats.values().cloned().collect();
        for beat in kept {
            self.signal(process, Signal::Heartbeat(Box::new(read(&beat))));
        }
    }

    fn heartbeat(&self, index: usize) -> serde_json::Value {
        let executor = &self.executors[index];
        let attempts = executor.disk.attempts.iter();
        let held: Vec<_> = attempts
            .map(|(attempt, journaled)| json!({ "attempt": attempt, "fence": journaled.start.fence }))
            .collect();
        let capacity = sabotage::capacity(self, executor.capacity);
        json!({
            "executor": executor.id, "pool": "default", "incarnation": executor.life.to_string(),
            "journal": executor.disk.journal, "state": "online", "capacity": capacity,
            "slots": sabotage::slots(self, executor.slots), "runtime": "simulated", "version": "0",
            "attempts": held, "fences": true, "disk": { "free_bytes": 1u64 << 40, "total_bytes": 1u64 << 40 },
            "sent_at": self.clock_of(index),
        })
    }

    pub(super) fn clock_of(&self, index: usize) -> Timestamp {
        Timestamp(self.wall_ms() + self.executors[index].clock_ahead_ms)
    }
}

fn read(beat: &serde_json::Value) -> emboflow_model::executor::Heartbeat {
    serde_json::from_value(beat.clone()).expect("it is a heartbeat")
}
