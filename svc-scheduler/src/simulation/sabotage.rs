//! Defects on purpose: each must be noticed by the judge, or the judge is worth nothing. They tamper with what travels
//! between the shipped code and its world, so that no shipped line knows of them.

mod decisions;

use emboflow_model::cordon::Cordon;
use emboflow_model::maintenance::Maintenance;
use emboflow_model::queue::Queue;
use emboflow_model::state::{Cause, Outcome, Reason, TaskState};
use emboflow_model::transition::Change;
use emboflow_model::{LogEntry, Resources, RunId, Task, Timestamp, Transition};
use emboflow_protocol::batch::BatchBody;
use emboflow_protocol::call::ClaimAnswer;
use emboflow_protocol::command::{Command, Commands};
use emboflow_protocol::report::{Phase, Report};
use emboflow_protocol::request::{
    RunBody, Verb, body_sha256, parse_request_subject, reply_subject, request_subject,
};
use emboflow_records::{Derived, Kept, RequestRecord};
use serde::de::IgnoredAny;

use super::client::granted;
use super::load::Load;
use super::post::Mail;
use super::stage::Stage;
use super::store::Store;
use crate::forecast::Bounds;
use crate::planner::Policy;

pub(super) use decisions::entries;

macro_rules! sabotages {
    ($($(#[$doc:meta])* $variant:ident,)+) => {
        /// A defect.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Sabotage {
            $($(#[$doc])* $variant,)+
        }

        impl Sabotage {
            /// All of them.
            pub const ALL: &'static [Sabotage] = &[$(Sabotage::$variant,)+];
        }
    };
}

sabotages! {
    /// The log's places are not unique: whoever writes last wins.
    AppendOverOthers,
    /// A place that is taken is no reason to give the shard up.
    IgnoreConflicts,
    /// A torn batch counts as stored.
    TornBatchIsWhole,
    /// Decisions are acted upon before they are durable.
    AnswerBeforeDurable,
    /// Messages are settled before what they ask for is in the records.
    AckFirst,
    /// Keys of requests are forgotten as soon as they are in the documents only.
    ForgetKeys,
    /// A key that comes again with another body is answered as before.
    TakeAnyBody,
    /// The effects cursor runs ahead of what has been told.
    CursorAhead,
    /// The projection cursor moves without the documents.
    LoseDocuments,
    /// What stood for a fan-out is shown beside its tasks.
    KeepPlaceHolders,
    /// A fan-out leaves its last task out.
    LeaveOutPart,
    /// A start leaves out a run that is open.
    ForgetOpenRun,
    /// A start does not see the last decision on a run.
    ShortHistories,
    /// A start takes the log for one place shorter than it is.
    StaleEndOfLog,
    /// A restored log goes on in the old epoch.
    ForgetEpoch,
    /// A report is taken under whatever fence is open now.
    TakeStaleReports,
    /// What infrastructure does to an attempt is charged to the user.
    ChargeTheUser,
    /// One loss more is forgiven than the policy says.
    ForgiveOneMore,
    /// Who waits gives up at once, as if its time were over.
    GiveUpEarly,
    /// What failed counts as a result where a run is repeated.
    TakeOverFailures,
    /// What was made of something else counts as the result.
    TakeOtherResults,
    /// A result never becomes too old.
    KeepResultsYoung,
    /// Every queue has the same weight.
    EqualWeights,
    /// Whose a run is inside of its project says nothing.
    OneKey,
    /// Queues may hold as much as they like.
    LoosenQueues,
    /// Of a gang one stays behind.
    TearGang,
    /// What nobody can read is set aside before it is refused.
    BuryFirst,
    /// An order counts whosever run it is about.
    CrossProjects,
    /// Of a batch only the first request arrives.
    ShortBatches,
    /// Waiting lifts nobody.
    NeverAge,
    /// No room is kept for what needs much.
    KeepNoRoom,
    /// What comes is foretold as if it could come in one way alone.
    LookOnce,
    /// What comes is foretold much too far away.
    ForetellLate,
    /// A cancel takes what follows all others with it.
    LeaveOutFinals,
    /// What a person has rejected counts as approved.
    TurnDecisions,
    /// A task succeeds although the run that carries it out has not.
    PraiseChildren,
    /// A task loses a part of what the run gave that carried it out.
    LoseOutputs,
    /// A run ends while an attempt of it is open.
    EndEarly,
    /// A task starts twice: its start goes to a second executor too, and every claim is granted.
    DoubleOpen,
    /// Every claim is granted.
    GrantEverything,
    /// Executors are given twice of what they have.
    LeakSlots,
    /// Releases are not sent.
    DropReleases,
    /// Stops are not sent.
    DropStops,
    /// Lost starts are not sent again.
    DropSomeStarts,
    /// An executor starts without asking.
    StartUnclaimed,
    /// An executor starts a program again after its own restart.
    StartAgain,
    /// An executor says that it has stopped what still runs.
    ConfirmStopUnseen,
    /// A start takes what was given up for gone.
    ForgetStrays,
    /// Executors end what they cannot renew much too late.
    FenceLate,
    /// Nobody ends it for an executor whose process is dead or stopped.
    NoGuard,
    /// Schedulers give exclusive attempts away before the time is over that they grant.
    ReleaseEarly,
    /// No scheduler hears what operators keep work away from.
    ForgetCordons,
    /// A scheduler that hears nobody does not know it.
    KeepDeafnessQuiet,
    /// Every scheduler takes itself for the one that leads.
    EverybodyLeads,
    /// An executor takes every exit code for a success.
    CompleteAnyCode,
    /// An executor reports an end before the log is stored.
    ForgetSeal,
    /// An executor never reports what it could not report at once.
    ReportOnce,
}

impl Sabotage {
    /// The load under which it shows; small workflows of every form show the others.
    pub(super) fn load(self) -> Option<Load> {
        match self {
            Self::EqualWeights | Self::OneKey => Some(Load::Shares),
            Self::NeverAge | Self::KeepNoRoom => Some(Load::Stream),
            Self::LookOnce | Self::ForetellLate => Some(Load::Burst),
            _ => None,
        }
    }
}

impl Store {
    /// Gives the place of an entry free.
    pub(super) fn forget(&mut self, entry: &LogEntry) {
        if let Some(old) = self.log.remove(&entry.seq())
            && let LogEntry::Transition(old) = &*old
        {
            self.places.remove(&(old.run, old.number));
        }
        if let LogEntry::Transition(new) = entry
            && let Some(seq) = self.places.remove(&(new.run, new.number))
        {
            self.log.remove(&seq);
        }
    }
}

/// Histories on their way to a start, or to whoever repeats a run.
pub(super) fn histories(stage: &Stage, mut histories: Vec<Vec<Transition>>) -> Vec<Vec<Transition>> {
    if stage.is_sabotaged(Sabotage::ShortHistories) {
        for history in histories.iter_mut().filter(|history| history.len() > 1) {
            history.pop();
        }
    }
    if stage.is_sabotaged(Sabotage::ForgetStrays) {
        for change in histories.iter_mut().flatten().flat_map(|transition| &mut transition.changes) {
            if let Change::AttemptClosed { end, .. } = change {
                end.unseen = false;
            }
        }
    }
    if stage.is_sabotaged(Sabotage::TakeOverFailures) {
        for change in histories.iter_mut().flatten().flat_map(|transition| &mut transition.changes) {
            if let Change::Task { to: to @ TaskState::Failed, .. } = change {
                *to = TaskState::Succeeded;
            }
        }
    }
    histories
}

/// A cursor on its way into the records.
pub(super) fn cursor(stage: &Stage, seq: u64) -> u64 {
    if stage.is_sabotaged(Sabotage::CursorAhead) { stage.store.last_seq() + 3 } else { seq }
}

/// Documents on their way into the records.
pub(super) fn derived(stage: &Stage, mut derived: Derived) -> Derived {
    if stage.is_sabotaged(Sabotage::KeepPlaceHolders) {
        derived.tasks.retain(|task| !task.replaced);
    }
    let is_lost = stage.is_sabotaged(Sabotage::LoseDocuments) && derived.through_seq.is_multiple_of(5);
    if is_lost { Derived { runs: Vec::new(), tasks: Vec::new(), ..derived } } else { derived }
}

/// The list of open runs on its way to a start.
pub(super) fn open_runs(stage: &Stage, mut runs: Vec<RunId>) -> Vec<RunId> {
    if stage.is_sabotaged(Sabotage::ForgetOpenRun) {
        runs.pop();
    }
    runs
}

/// What a key was used for, on its way to who asks.
pub(super) fn request(stage: &Stage, found: Option<RequestRecord>) -> Option<RequestRecord> {
    let found = found.filter(|_| !stage.is_sabotaged(Sabotage::ForgetKeys))?;
    if stage.is_sabotaged(Sabotage::TakeAnyBody) {
        let other = stage.clients.asked.iter().rev().find(|ask| ask.makes_run() && ask.key == found.key);
        return other.map(|ask| RequestRecord { body_sha256: body_sha256(&ask.body), ..found });
    }
    Some(found)
}

/// The newest result on its way to who asks for it by its key.
pub(super) fn result(stage: &Stage, key: &str, found: Option<Task>, at: Timestamp) -> Option<Task> {
    if stage.is_sabotaged(Sabotage::TakeOtherResults) {
        let all = stage.store.lazy.tasks.values();
        let other = all.rev().find(|task| task.result_key().is_some_and(|other| other != key));
        return other.map(|task| Task { content_key: Some(key.to_owned()), ..task.clone() }).or(found);
    }
    let is_young = stage.is_sabotaged(Sabotage::KeepResultsYoung);
    found.map(|task| if is_young { Task { finished_at: Some(at), ..task } } else { task })
}

/// Commands on their way to an executor; none arrive where none is given.
pub(super) fn commands(stage: &mut Stage, mut commands: Commands) -> Option<Commands> {
    let drops = |command: &Command| match command {
        Command::Release { .. } => stage.is_sabotaged(Sabotage::DropReleases),
        Command::Stop { .. } => stage.is_sabotaged(Sabotage::DropStops),
        Command::Start(start) => {
            stage.is_sabotaged(Sabotage::DropSomeStarts) && start.attempt.run.bits().is_multiple_of(3)
        }
    };
    commands.commands.retain(|command| !drops(command));
    if stage.is_sabotaged(Sabotage::DoubleOpen) {
        let payload = serde_json::to_vec(&commands).unwrap_or_default();
        let other = stage.executors.iter().position(|one| one.id != commands.executor);
        if let Some(other) = other {
            stage.after(1, move |stage| {
                if stage.executors[other].hears() {
                    stage.take_commands(other, &payload);
                }
            });
        }
    }
    (!commands.commands.is_empty()).then_some(commands)
}

/// The answer to a claim on its way to the executor.
pub(super) fn claim_answer(stage: &Stage, answer: ClaimAnswer) -> ClaimAnswer {
    let grants = stage.is_sabotaged(Sabotage::GrantEverything) || stage.is_sabotaged(Sabotage::DoubleOpen);
    match answer {
        _ if grants => granted(),
        ClaimAnswer::Granted { good_for_ms: Some(ms), storage_token, storage_token_ms, secrets }
            if stage.is_sabotaged(Sabotage::ReleaseEarly) =>
        {
            ClaimAnswer::Granted { good_for_ms: Some(2 * ms), storage_token, storage_token_ms, secrets }
        }
        answer => answer,
    }
}

/// A report on its way to the schedulers.
pub(super) fn report(stage: &Stage, executor: usize, mut report: Report) -> Report {
    if let Phase::Ended { end } = &mut report.phase
        && stage.is_sabotaged(Sabotage::ChargeTheUser)
        && end.outcome == Outcome::Failed
    {
        end.cause = Cause::User;
    }
    if let Phase::Ended { end } = &mut report.phase
        && stage.is_sabotaged(Sabotage::CompleteAnyCode)
        && end.reason == Some(Reason::ExitCode)
    {
        (end.outcome, end.reason) = (Outcome::Succeeded, None);
    }
    if stage.is_sabotaged(Sabotage::TakeStaleReports) {
        let name = &stage.executors[executor].id;
        if let Some((number, fence)) = stage.judge.open_attempt_on(name, &report.attempt) {
            report.attempt.number = number;
            report.fence = fence;
        }
    }
    report
}

/// What an executor says that it has.
pub(super) fn capacity(stage: &Stage, truly: Resources) -> Resources {
    if stage.is_sabotaged(Sabotage::LeakSlots) { truly.plus(&truly) } else { truly }
}

/// The slots that an executor says that it has.
pub(super) fn slots(stage: &Stage, truly: u32) -> u32 {
    if stage.is_sabotaged(Sabotage::LeakSlots) { 2 * truly } else { truly }
}

/// The rules of queues on their way to a scheduler.
pub(super) fn kept(stage: &Stage, kind: &str, mut kept: Vec<Kept>) -> Vec<Kept> {
    let loosens = stage.is_sabotaged(Sabotage::EqualWeights) || stage.is_sabotaged(Sabotage::LoosenQueues);
    if kind == Queue::KIND && loosens {
        kept.iter_mut().for_each(|queue| queue.body = "{}".to_owned());
    }
    let is_order = [Cordon::KIND, Maintenance::KIND].contains(&kind);
    if is_order && stage.is_sabotaged(Sabotage::ForgetCordons) {
        kept.clear();
    }
    kept
}

/// Whether a defective server sets a message aside at once: one that is no JSON.
pub(super) fn buries_first(stage: &Stage, mail: &Mail) -> bool {
    stage.is_sabotaged(Sabotage::BuryFirst) && serde_json::from_slice::<IgnoredAny>(&mail.payload).is_err()
}

/// A message on its way to a scheduler.
pub(super) fn mail(stage: &Stage, mut mail: Mail) -> Mail {
    let parsed = parse_request_subject(&mail.subject).ok();
    match parsed {
        Some((_, Verb::Batch)) if stage.is_sabotaged(Sabotage::ShortBatches) => {
            if let Ok(mut body) = serde_json::from_slice::<BatchBody>(&mail.payload) {
                body.requests.truncate(1);
                mail.payload = serde_json::to_vec(&body).map_or(mail.payload, Into::into);
            }
        }
        Some((_, verb @ (Verb::Pause | Verb::Cancel))) if stage.is_sabotaged(Sabotage::CrossProjects) => {
            let run = serde_json::from_slice::<RunBody>(&mail.payload).map(|body| body.run);
            if let Some(owner) = run.ok().and_then(|run| stage.judge.runs.get(&run)) {
                let project = &owner.run.summary.project;
                mail.subject = request_subject(project, verb).as_str().to_owned();
                let ask = mail.reply_to.as_deref().and_then(|to| to.rsplit('.').next());
                mail.reply_to = ask.map(|ask| reply_subject(project, ask).as_str().to_owned());
            }
        }
        _ => {}
    }
    mail
}

/// Whose a run is inside of its project, on its way into a request.
pub(super) fn fairness_key<'k>(stage: &Stage, key: &'k str) -> Option<&'k str> {
    Some(key).filter(|key| !key.is_empty() && !stage.is_sabotaged(Sabotage::OneKey))
}

/// The rules by which a scheduler decides.
pub(super) fn policy(stage: &Stage, mut policy: Policy) -> Policy {
    if stage.is_sabotaged(Sabotage::ForgiveOneMore) {
        policy.infra_retries += 1;
    }
    if stage.is_sabotaged(Sabotage::NeverAge) {
        policy.aging_step_ms = 0;
    }
    if stage.is_sabotaged(Sabotage::KeepNoRoom) {
        policy.reserve_after_ms = u64::MAX;
    }
    policy
}

/// How far and in how many ways somebody looks ahead.
pub(super) fn bounds(stage: &Stage, bounds: Bounds) -> Bounds {
    if stage.is_sabotaged(Sabotage::LookOnce) { Bounds { walks: 1, ..bounds } } else { bounds }
}

/// A moment that is foretold, on its way to who asks.
pub(super) fn foretold(stage: &Stage, looked: Timestamp, foretold: Option<Timestamp>) -> Option<Timestamp> {
    let late = |at: Timestamp| at.plus_ms(4 * at.ms_since(looked));
    if stage.is_sabotaged(Sabotage::ForetellLate) { foretold.map(late) } else { foretold }
}
