//! Time limits: those that a runtime keeps, and those that the scheduler watches.

use super::{Given, Render};
use crate::runtime_spec::Timeouts;
use crate::workflow::Context;
use crate::workflow::field::Scalar;
use crate::workflow::task_spec::TimeoutsSpec;
use crate::workflow::{PlannedTask, Problem, TaskSpec, Workflow, quantity};

/// The time limits of a task that the scheduler watches, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskLimits {
    /// How long it may be ready and have no executor.
    pub queue_ms: Option<u64>,
    /// How long all of it may take, from the moment when it was first ready.
    pub total_ms: Option<u64>,
}

impl Workflow {
    /// Whether the scheduler watches any time limit of a task.
    pub fn has_limits(&self, spec: &str) -> bool {
        let own = self.task(spec).and_then(|task| task.timeouts.as_ref());
        let given = |limits: &TimeoutsSpec| limits.queue.is_some() || limits.total.is_some();
        own.is_some_and(given) || self.file.defaults.timeouts.as_ref().is_some_and(given)
    }

    /// The time limits of a task that the scheduler watches. Errors: as for [`Workflow::render`].
    pub fn render_limits(&self, task: &PlannedTask, context: &Context) -> Result<TaskLimits, Problem> {
        if !self.has_limits(&task.spec_name) {
            return Ok(TaskLimits::default());
        }
        self.rendered(task, context, |render, spec| render.limits(spec))
    }
}

impl Render<'_> {
    /// What the task says wins over what the defaults say, whichever way it is written.
    pub(super) fn timeouts(&mut self, spec: &TaskSpec) -> Result<Timeouts, Problem> {
        let file = self.workflow.file.clone();
        let shared = file.defaults.timeouts.as_ref();
        let start = self.time_limit(spec, shared, "start", |limits| limits.start.as_ref());
        let heartbeat = self.time_limit(spec, shared, "heartbeat", |limits| limits.heartbeat.as_ref());
        let of_task = spec.timeouts.as_ref().and_then(|own| own.run.as_ref());
        let run = self
            .given(spec.timeout.as_ref(), None, "timeout")
            .or_else(|| self.given(of_task, None, "timeouts/run"))
            .or_else(|| self.given(None, file.defaults.timeout.as_ref(), "timeout"))
            .or_else(|| self.given(None, shared.and_then(|shared| shared.run.as_ref()), "timeouts/run"));
        Ok(Timeouts {
            start_ms: self
                .given_amount(start, quantity::duration_ms)?
                .unwrap_or(Timeouts::default().start_ms),
            run_ms: self.given_amount(run, quantity::duration_ms)?,
            heartbeat_ms: self.given_amount(heartbeat, quantity::heartbeat_ms)?,
        })
    }

    fn limits(&mut self, spec: &TaskSpec) -> Result<TaskLimits, Problem> {
        let file = self.workflow.file.clone();
        let shared = file.defaults.timeouts.as_ref();
        let queue = self.time_limit(spec, shared, "queue", |limits| limits.queue.as_ref());
        let total = self.time_limit(spec, shared, "total", |limits| limits.total.as_ref());
        Ok(TaskLimits {
            queue_ms: self.given_amount(queue, quantity::duration_ms)?,
            total_ms: self.given_amount(total, quantity::duration_ms)?,
        })
    }

    fn time_limit<'s>(
        &self,
        spec: &'s TaskSpec,
        shared: Option<&'s TimeoutsSpec>,
        name: &str,
        limit: impl Fn(&'s TimeoutsSpec) -> Option<&'s Scalar>,
    ) -> Given<'s, Scalar> {
        let own = spec.timeouts.as_ref().and_then(&limit);
        self.given(own, shared.and_then(&limit), &format!("timeouts/{name}"))
    }
}
