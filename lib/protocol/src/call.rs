//! Questions to the scheduler, and one to the API, that are answered at once and stored nowhere (core NATS
//! request/reply).

use std::collections::BTreeMap;

use emboflow_model::queue::Amount;
use emboflow_model::runtime_spec::SecretForm;
use emboflow_model::{
    AttemptId, Cause, ExecutorId, PoolName, QueueName, Reason, RunId, TaskKey, TaskState, Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::message::{Message, Subject};
use crate::position::Position;
use crate::secret_value::SecretValue;
use crate::verdict::Verdict;

/// May this attempt start, or go on? Asked before anything is created (no answer, no start), and again for a fresh
/// token whenever the old one nears its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Claim {
    /// The asking executor's pool.
    pub pool: PoolName,
    /// The asking executor.
    pub executor: ExecutorId,
    /// The attempt.
    pub attempt: AttemptId,
    /// Its fence, as in the command.
    pub fence: u64,
    /// The executor's data directory, by its journal id: what was given to another one is gone with it. None: an executor
    /// of an earlier version, which does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<String>,
    /// The values of its secrets are wanted too; one that only renews its token has them.
    #[serde(default)]
    pub secrets: bool,
    /// It was granted before: what began with it goes on until the command to stop it comes, also where nobody has heard yet
    /// that it began.
    #[serde(default)]
    pub again: bool,
}

impl Message for Claim {
    fn subject(&self) -> Subject {
        Self::subject_of(&self.pool, &self.executor)
    }
}

impl Claim {
    /// The subject of one executor's claims.
    pub fn subject_of(pool: &PoolName, executor: &ExecutorId) -> Subject {
        Subject::new(&[&"call", &"scheduler", &"claim", pool, executor])
    }

    /// The subjects of all executors' claims.
    pub fn filter() -> Subject {
        Subject::new(&[&"call", &"scheduler", &"claim", &"*", &"*"])
    }
}

/// Several claims of one executor that come at the same moment, none of them for secrets. An executor that gets no answer
/// asks for each by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Claims {
    /// The asking executor's pool.
    pub pool: PoolName,
    /// The asking executor.
    pub executor: ExecutorId,
    /// The executor's data directory, by its journal id.
    pub journal: String,
    /// What is claimed; [`MAX_CLAIMS`] at most are answered.
    pub attempts: Vec<ClaimedAttempt>,
}

/// Claims in one message at most: their answers have to fit into one too.
pub const MAX_CLAIMS: usize = 64;

/// An attempt, as it is claimed among others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClaimedAttempt {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its fence, as in the command.
    pub fence: u64,
    /// It was granted before, as in [`Claim`].
    #[serde(default)]
    pub again: bool,
}

impl Message for Claims {
    fn subject(&self) -> Subject {
        Self::subject_of(&self.pool, &self.executor)
    }
}

impl Claims {
    /// The subject of one executor's claims that come together.
    pub fn subject_of(pool: &PoolName, executor: &ExecutorId) -> Subject {
        Subject::new(&[&"call", &"scheduler", &"claims", pool, executor])
    }

    /// The subjects of all executors' claims that come together.
    pub fn filter() -> Subject {
        Subject::new(&[&"call", &"scheduler", &"claims", &"*", &"*"])
    }

    /// Each by itself, in the same order.
    pub fn apart(self) -> impl Iterator<Item = Claim> {
        let Self { pool, executor, journal, attempts } = self;
        attempts.into_iter().take(MAX_CLAIMS).map(move |ClaimedAttempt { attempt, fence, again }| Claim {
            pool: pool.clone(),
            executor: executor.clone(),
            attempt,
            fence,
            journal: Some(journal.clone()),
            secrets: false,
            again,
        })
    }
}

/// The answer to [`Claims`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClaimsAnswer {
    /// What each comes to, in the order of the claims. None: nobody can say it now, ask again.
    pub answers: Vec<Option<ClaimAnswer>>,
}

/// The answer to a [`Claim`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "claim", rename_all = "snake_case")]
pub enum ClaimAnswer {
    /// Start it, or go on. The only place where credentials travel.
    Granted {
        /// Token for the storage gateway: reads the declared inputs, writes below this attempt's prefix.
        storage_token: String,
        /// Milliseconds for which the token is good, from the answer on; the claim is repeated before they are over.
        storage_token_ms: u64,
        /// For an exclusive attempt: milliseconds from the sending of the claim on within which nothing of the attempt
        /// may run any more, unless the claim is granted again. See [`emboflow_model::fencing`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        good_for_ms: Option<u64>,
        /// The secrets of the task, if the claim wants them. The only place where their values travel.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        secrets: Vec<GivenSecret>,
    },
    /// The attempt is this executor's, but it cannot get what it needs: nothing is created, and this is how it ends.
    Denied {
        /// Whether the task or the installation is wrong.
        cause: Cause,
        /// What is wrong.
        reason: Reason,
        /// The same in words, with what to do.
        message: String,
    },
    /// The attempt is closed, fenced or another executor's: do not start it, end what runs of it, forget it.
    Refused {
        /// Why, in words.
        reason: String,
    },
}

/// A secret with its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GivenSecret {
    /// What the task calls it.
    pub variable: String,
    /// How it gets into the container.
    #[serde(rename = "as")]
    pub form: SecretForm,
    /// The value.
    pub value: SecretValue,
}

/// Why do the queued tasks of a run wait, as of now?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explain {
    /// The run.
    pub run: RunId,
    /// A task of it that is to be looked at closely: a verdict for each executor, its place, and what would help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskKey>,
}

impl Message for Explain {
    fn subject(&self) -> Subject {
        Self::filter()
    }
}

impl Explain {
    /// The subject of all such questions.
    pub fn filter() -> Subject {
        Subject::new(&[&"call", &"scheduler", &"explain"])
    }
}

/// The answer to an [`Explain`]: the reasons of the run's waiting tasks, 1,000 at most.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// One entry a waiting task.
    pub waits: Vec<TaskWait>,
    /// What stands between the task that was named and each executor, those of its pool first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<Verdict>,
    /// Where the task that was named stands; none when it stands in no line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// What would help the task that was named, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// Why a task waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskWait {
    /// The task.
    pub task: TaskKey,
    /// Its state; none from a scheduler of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<TaskState>,
    /// In words.
    pub wait_reason: String,
}

/// What do the queues hold and wait for, as of now?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AskQueues {}

impl Message for AskQueues {
    fn subject(&self) -> Subject {
        Self::filter()
    }
}

impl AskQueues {
    /// The subject of all such questions.
    pub fn filter() -> Subject {
        Subject::new(&[&"call", &"scheduler", &"queues"])
    }
}

/// The answer to an [`AskQueues`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueueFigures {
    /// What all executors have together.
    pub total: Amount,
    /// One entry a queue, by name; with those that are gone and still hold something.
    pub queues: Vec<QueueFigure>,
}

/// What a queue holds and waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueueFigure {
    /// The queue.
    pub name: QueueName,
    /// What its open attempts hold.
    pub held: Amount,
    /// The greatest part of any resource that it holds, from 0 to 1.
    pub share: f64,
    /// Tasks that are ready and have no executor.
    pub waiting: u64,
    /// Since when the first of them has waited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Timestamp>,
}

/// What do the executors that are cordoned still have to do, as of now?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AskCordons {}

impl Message for AskCordons {
    fn subject(&self) -> Subject {
        Self::filter()
    }
}

impl AskCordons {
    /// The subject of all such questions.
    pub fn filter() -> Subject {
        Subject::new(&[&"call", &"scheduler", &"cordons"])
    }
}

/// The answer to an [`AskCordons`]: the executors that the scheduler gives no work, by id, with their open attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CordonFigures {
    /// How many attempts each still has; with none it is empty.
    pub open_attempts: BTreeMap<ExecutorId, u32>,
}

/// Is there a scheduler that decides? Asked by one that stands by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AskLeader {}

impl Message for AskLeader {
    fn subject(&self) -> Subject {
        Self::filter()
    }
}

impl AskLeader {
    /// The subject of all such questions.
    pub fn filter() -> Subject {
        Subject::new(&[&"call", &"scheduler", &"leader"])
    }
}

/// The answer to an [`AskLeader`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Leader {
    /// The process that decides.
    pub holder: String,
}

/// An executor will never come back: what it holds is given up, and it leaves the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ForgetExecutor {
    /// The executor.
    pub executor: ExecutorId,
}

impl Message for ForgetExecutor {
    fn subject(&self) -> Subject {
        Self::filter()
    }
}

impl ForgetExecutor {
    /// The subject of all such calls.
    pub fn filter() -> Subject {
        Subject::new(&[&"call", &"scheduler", &"forget"])
    }
}

/// The answer to a [`ForgetExecutor`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "forget", rename_all = "snake_case")]
pub enum ForgetAnswer {
    /// It is forgotten; it may come back as a new one.
    Forgotten {
        /// Open attempts that it held and that are lost now.
        lost_attempts: u32,
    },
    /// It lives.
    Online {
        /// Milliseconds since it was heard of.
        age_ms: u64,
    },
    /// The scheduler knows nothing of it: it is not there, and nothing of any run was given to it.
    Unknown,
}

/// The records of a run are gone: its objects are to go too. Asked by the scheduler, answered by the API, which has the
/// key to the storage; carried out only for a run that the records note as being removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RemoveObjects {
    /// The run.
    pub run: RunId,
}

impl Message for RemoveObjects {
    fn subject(&self) -> Subject {
        Self::filter()
    }
}

impl RemoveObjects {
    /// The subject of all such calls.
    pub fn filter() -> Subject {
        Subject::new(&[&"call", &"api", &"remove_objects"])
    }
}

/// The answer to a [`RemoveObjects`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectsRemoved {
    /// Objects that are gone since the call.
    pub removed: u64,
    /// There are no more. Otherwise call again: a call works only for some seconds.
    pub done: bool,
}
