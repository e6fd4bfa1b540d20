//! What is done once a transition is in the records. Everything here follows from the transition and the run after it,
//! so that after a crash it is simply done again.

use std::collections::HashMap;

use emboflow_model::state::Reason;
use emboflow_model::transition::{Change, Transition};
use emboflow_model::{AttemptId, ExecutorId, PoolName, RuntimeSpec, TaskKey};
use emboflow_protocol::command::{Command, Start};
use emboflow_protocol::event::Event;

use super::open_run::OpenRun;

/// One thing to do. All of them may be done twice.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// Tell everyone.
    Publish(Box<Event>),
    /// Tell an executor.
    Command { pool: PoolName, executor: ExecutorId, command: Command },
}

/// The kinds of effects, for fail-points and their coverage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum EffectKind {
    Publish,
    Start,
    Stop,
    Release,
}

impl EffectKind {
    /// Every kind.
    pub(crate) const ALL: &'static [EffectKind] = &[Self::Publish, Self::Start, Self::Stop, Self::Release];

    /// The name used by fail-points.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Release => "release",
        }
    }
}

impl Effect {
    /// Its kind.
    pub(crate) fn kind(&self) -> EffectKind {
        match self {
            Self::Publish(_) => EffectKind::Publish,
            Self::Command { command: Command::Start(_), .. } => EffectKind::Start,
            Self::Command { command: Command::Stop { .. }, .. } => EffectKind::Stop,
            Self::Command { command: Command::Release { .. }, .. } => EffectKind::Release,
        }
    }
}

/// The effects of a transition that has just been folded into `open`.
/// `specs` has what attempts are to do where that is evaluated already.
pub(crate) fn effects_of(
    transition: &Transition,
    open: &OpenRun,
    specs: &mut HashMap<AttemptId, RuntimeSpec>,
) -> Vec<Effect> {
    let mut effects = vec![Effect::Publish(Box::new(Event::of(transition, &open.run)))];
    for change in &transition.changes {
        effects.extend(match change {
            Change::AttemptOpened { task, number, .. } => {
                let id = AttemptId { run: open.id(), task: task.clone(), number: *number };
                specs
                    .remove(&id)
                    .map_or_else(|| start(open, task, *number), |spec| start_with(open, id, spec))
            }
            Change::AttemptStopping { task, number, .. } => stop(open, task, *number),
            Change::AttemptClosed { task, number, .. } => release(open, task, *number),
            _ => None,
        });
    }
    effects
}

/// The command that gives an attempt to its executor; none when the attempt is no longer open.
pub(super) fn start(open: &OpenRun, task: &TaskKey, number: u32) -> Option<Effect> {
    open.attempt(task, number).filter(|attempt| attempt.is_open())?;
    let spec = open.runtime_spec(task)?.ok()?;
    start_with(open, AttemptId { run: open.id(), task: task.clone(), number }, spec)
}

fn start_with(open: &OpenRun, id: AttemptId, spec: RuntimeSpec) -> Option<Effect> {
    let attempt = open.attempt(&id.task, id.number).filter(|attempt| attempt.is_open())?;
    // What the attempt holds is in the log; everything else follows from the workflow.
    let spec = RuntimeSpec { devices: attempt.devices.clone(), ..spec };
    let start = Start {
        attempt: id,
        fence: attempt.fence,
        project: open.run.summary.project.clone(),
        trace_id: open.run.summary.trace_id.clone(),
        spec,
    };
    Some(Effect::Command {
        pool: attempt.pool.clone(),
        executor: attempt.executor.clone(),
        command: Command::Start(Box::new(start)),
    })
}

/// The command that ends an attempt; none when it is no longer open or nobody wants it to end.
pub(super) fn stop(open: &OpenRun, task: &TaskKey, number: u32) -> Option<Effect> {
    let attempt = open.attempt(task, number).filter(|attempt| attempt.is_open())?;
    let command = Command::Stop {
        attempt: AttemptId { run: open.id(), task: task.clone(), number },
        fence: attempt.fence,
        reason: told(attempt.stopping?),
    };
    Some(Effect::Command { pool: attempt.pool.clone(), executor: attempt.executor.clone(), command })
}

/// What an executor is told: to it, time that is over is time that is over, and one of the version before knows no more.
pub(super) const fn told(reason: Reason) -> Reason {
    match reason {
        Reason::TotalTimeout => Reason::RunTimeout,
        other => other,
    }
}

fn release(open: &OpenRun, task: &TaskKey, number: u32) -> Option<Effect> {
    let attempt = open.attempt(task, number)?;
    let command = Command::Release {
        attempt: AttemptId { run: open.id(), task: task.clone(), number },
        fence: attempt.fence,
    };
    Some(Effect::Command { pool: attempt.pool.clone(), executor: attempt.executor.clone(), command })
}
