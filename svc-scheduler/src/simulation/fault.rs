//! What can break.

macro_rules! faults {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)+) => {
        /// Something that breaks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Fault {
            $($(#[$doc])* $variant,)+
        }

        impl Fault {
            /// All of them.
            pub(super) const ALL: &'static [Fault] = &[$(Fault::$variant,)+];

            /// The name under which it is counted.
            pub(super) const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    };
}

faults! {
    KillScheduler = "kill scheduler",
    /// Between a decision and its effects, where it hurts most.
    KillSchedulerAtWork = "kill scheduler at work",
    /// Stopped for a while and continued, while another one takes its place.
    ZombieScheduler = "zombie scheduler",
    StallScheduler = "stall scheduler",
    SecondScheduler = "second scheduler",
    CutSchedulerFromRecords = "cut scheduler from records",
    /// What it sends does not arrive: a partition one way.
    SchedulerIsMute = "scheduler is mute",
    /// What is sent to it does not arrive: the other way.
    SchedulerIsDeaf = "scheduler is deaf",
    /// Both ways, and it knows: its connection is gone.
    SchedulerIsCut = "scheduler is cut",
    KillExecutor = "kill executor",
    /// Stopped for a while and continued.
    StopExecutor = "stop executor",
    CutPower = "cut power",
    /// For good; an operator says so later.
    LoseMachine = "lose machine",
    EmptyDisk = "empty disk",
    ExecutorIsMute = "executor is mute",
    ExecutorIsDeaf = "executor is deaf",
    /// A partition both ways.
    CutExecutor = "cut executor",
    ExecutorClockJumps = "executor clock jumps",
    SchedulerClockJumps = "scheduler clock jumps",
    RecordsAway = "records away",
    RecordsTorn = "records torn",
    RecordsSlow = "records slow",
    /// What was not forced to disk is lost.
    RecordsPowerCut = "records power cut",
    PostAway = "post away",
    PostLossy = "post lossy",
    PostSlow = "post slow",
    PostEmptied = "post emptied",
    Maintenance = "maintenance",
    /// No new work is given to an executor.
    CordonExecutor = "cordon executor",
    /// And what it has is stopped and tried elsewhere.
    DrainExecutor = "drain executor",
    /// Everything since the backup is undone.
    RestoreBackup = "restore backup",
}
