//! The states of runs, tasks and attempts, and the one table of the steps that are legal between them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! word_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[schemars(inline)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in the order of the declaration.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The word that API, NATS, CLI and page use.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }

            /// The value with this word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.word() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }
    };
}

word_enum! {
    /// The state of a run.
    RunState {
        /// Accepted; nothing of it has started.
        Queued = "queued",
        /// At least one task has been given to an executor.
        Running = "running",
        /// No new attempt starts; what runs goes on.
        Paused = "paused",
        /// Somebody asked for the end; not everything has stopped yet.
        Cancelling = "cancelling",
        /// Every task ended well.
        Succeeded = "succeeded",
        /// A task failed and nothing is left to do.
        Failed = "failed",
        /// The run's own time limit passed.
        TimedOut = "timed_out",
        /// Cancelled, and nothing of it runs any more.
        Cancelled = "cancelled",
    }
}

word_enum! {
    /// The state of a task.
    TaskState {
        /// Other tasks come first, a back-off runs (`retry_at`), a person has to decide (`approval`), or a run has to
        /// end (`child`).
        Waiting = "waiting",
        /// Ready; no executor has it yet (`wait_reason` says why).
        Queued = "queued",
        /// An attempt is open.
        Active = "active",
        /// An attempt ended well and was accepted, a person approved, or its child run succeeded.
        Succeeded = "succeeded",
        /// The results of an earlier run were taken over.
        Cached = "cached",
        /// Its condition was false.
        Skipped = "skipped",
        /// No attempt ended well and none is left, or a person said no.
        Failed = "failed",
        /// A task it needs did not end well.
        UpstreamFailed = "upstream_failed",
        /// The run was cancelled first.
        Cancelled = "cancelled",
    }
}

word_enum! {
    /// The state of an attempt.
    AttemptState {
        /// An executor has been told.
        Dispatched = "dispatched",
        /// Image and inputs are fetched, the container is made.
        Preparing = "preparing",
        /// The container runs.
        Running = "running",
        /// The container ended; log and outputs are stored.
        Finishing = "finishing",
        /// Over, with an outcome.
        Closed = "closed",
    }
}

word_enum! {
    /// How an attempt ended.
    Outcome {
        /// Exit 0 was seen, or a code that the file counts as success; the log is sealed, every output is stored.
        Succeeded = "succeeded",
        /// It ended badly.
        Failed = "failed",
        /// Its time limit passed and it was stopped.
        TimedOut = "timed_out",
        /// It was stopped: its run was cancelled, or its gang had failed.
        Cancelled = "cancelled",
        /// It had to give way.
        Preempted = "preempted",
        /// Nobody can say what became of it.
        Lost = "lost",
        /// The executor refused to start it.
        Rejected = "rejected",
    }
}

word_enum! {
    /// Who an attempt's end is charged to. Only `user` uses up the task's own retries.
    Cause {
        /// The user's program or file.
        User = "user",
        /// A rule or a person stopped it.
        Policy = "policy",
        /// Machine, network, registry, storage.
        Infra = "infra",
        /// A defect of the platform.
        System = "system",
    }
}

word_enum! {
    /// Why an attempt or a task did not end well: a closed list.
    Reason {
        /// The program ended with an exit code other than 0.
        ExitCode = "exit_code",
        /// The memory limit was hit.
        OomKilled = "oom_killed",
        /// The executor's disk was full (an infrastructure failure), or the task took more of it than it may (its own).
        DiskFull = "disk_full",
        /// No such image.
        ImageNotFound = "image_not_found",
        /// The registry refused the image.
        ImageDenied = "image_denied",
        /// The registry did not answer or failed.
        ImageUnavailable = "image_unavailable",
        /// The command cannot be started in this image.
        BadCommand = "bad_command",
        /// It waited too long for a place on an executor.
        QueueTimeout = "queue_timeout",
        /// It did not start in time.
        StartTimeout = "start_timeout",
        /// It ran too long.
        RunTimeout = "run_timeout",
        /// All its attempts and waits together took too long.
        TotalTimeout = "total_timeout",
        /// Nobody decided in time.
        ApprovalTimeout = "approval_timeout",
        /// It gave no sign of life for too long.
        HeartbeatLost = "heartbeat_lost",
        /// Its executor is gone.
        ExecutorLost = "executor_lost",
        /// Another attempt had taken its place.
        Fenced = "fenced",
        /// Its executor was drained.
        Drained = "drained",
        /// Another member of its gang did not end well.
        GangFailed = "gang_failed",
        /// More urgent work took its place.
        Preempted = "preempted",
        /// An input could not be fetched.
        StageInFailed = "stage_in_failed",
        /// An output is missing or could not be stored.
        StageOutFailed = "stage_out_failed",
        /// An expression or a limit of the spec failed when it was used.
        SpecInvalid = "spec_invalid",
        /// A secret that the task names is not there, or cannot be opened.
        SecretUnavailable = "secret_unavailable",
        /// A person said no.
        Rejected = "rejected",
        /// The run that was to carry it out did not end well.
        ChildFailed = "child_failed",
        /// The run that was to carry it out could not be made.
        ChildRefused = "child_refused",
        /// A task it needs did not end well.
        Upstream = "upstream",
        /// The run was cancelled.
        Cancelled = "cancelled",
        /// The container engine failed or did not answer.
        RuntimeFailed = "runtime_failed",
    }
}

impl RunState {
    /// A terminal run never changes again.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::TimedOut | Self::Cancelled)
    }

    /// Whether [`RUN_STEPS`] has the step.
    pub fn may_become(self, to: RunState) -> bool {
        RUN_STEPS.contains(&(self, to))
    }
}

impl TaskState {
    /// A terminal task never changes again within its run.
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Waiting | Self::Queued | Self::Active)
    }

    /// Terminal, and what needs it may start.
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Succeeded | Self::Cached)
    }

    /// Whether [`TASK_STEPS`] has the step.
    pub fn may_become(self, to: TaskState) -> bool {
        TASK_STEPS.contains(&(self, to))
    }
}

impl AttemptState {
    /// An attempt only moves forward; a phase that nobody reported may be passed over.
    pub fn may_become(self, to: AttemptState) -> bool {
        self < to
    }
}

/// Every legal step of a run.
pub const RUN_STEPS: &[(RunState, RunState)] = {
    use RunState::*;
    &[
        (Queued, Running),
        (Running, Succeeded),
        (Running, Failed),
        (Running, TimedOut),
        (Running, Paused),
        (Paused, Running),
        (Queued, Cancelling),
        (Running, Cancelling),
        (Paused, Cancelling),
        (Cancelling, Cancelled),
    ]
};

/// Every legal step of a task.
pub const TASK_STEPS: &[(TaskState, TaskState)] = {
    use TaskState::*;
    &[
        // Its needs ended well, or its back-off passed.
        (Waiting, Queued),
        (Waiting, Skipped),
        (Waiting, Cached),
        (Waiting, UpstreamFailed),
        // A person approved, or its child run succeeded.
        (Waiting, Succeeded),
        // An expression of the task could not be evaluated, a person said no, or its child run did not end well.
        (Waiting, Failed),
        (Waiting, Cancelled),
        (Queued, Active),
        (Queued, Failed),
        (Queued, Cancelled),
        (Active, Succeeded),
        (Active, Failed),
        (Active, Cancelled),
        // Another attempt follows: at once, or after a back-off.
        (Active, Queued),
        (Active, Waiting),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_state_is_left_by_no_step() {
        assert!(RUN_STEPS.iter().all(|(from, _)| !from.is_terminal()));
        assert!(TASK_STEPS.iter().all(|(from, _)| !from.is_terminal()));
    }

    #[test]
    fn every_state_but_the_first_is_reached_by_a_step() {
        for state in RunState::ALL.iter().skip(1) {
            assert!(RUN_STEPS.iter().any(|(_, to)| to == state), "{state}");
        }
        for state in TaskState::ALL.iter().skip(1) {
            assert!(TASK_STEPS.iter().any(|(_, to)| to == state), "{state}");
        }
    }

    #[test]
    fn words_read_back() {
        for state in RunState::ALL {
            assert_eq!(RunState::from_word(state.word()), Some(*state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.word());
        }
    }
}
