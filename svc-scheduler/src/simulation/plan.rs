//! What a simulation is to be.

use super::dice::Dice;
use super::fault::Fault;
use super::load::Load;
use super::sabotage::Sabotage;
use crate::planner::Policy;

/// In each so many lives there is one with parties that compete, one with a stream, and one that is foretold.
const ONE_IN: u64 = 100;

/// In each so many lives there is one in which few kinds of faults come again and again.
const FEW_KINDS_IN: u64 = 4;

/// One simulation. The same plan always goes the same way, bit by bit.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// What is broken on purpose, to see whether the judge notices.
    pub sabotage: Option<Sabotage>,
    pub(super) policy: Policy,
    pub(super) heartbeat_ms: u64,
    pub(super) executors: u64,
    /// Runs that are submitted.
    pub(super) runs: u64,
    /// How long requests come in and faults happen.
    pub(super) trouble_ms: u64,
    /// Faults in that time; none with 0.
    pub(super) faults: u64,
    /// The kinds of faults that happen; under load only light ones do.
    pub(super) kinds: Vec<Fault>,
    /// By when everything has ended, once the faults have.
    pub(super) heals_within_ms: u64,
    /// Programs, requests and requests for the end of runs are left to chance.
    pub(super) has_clients: bool,
    /// All runs are of the file that takes over what others of it have made, as those of every night are.
    pub(super) repeats_itself: bool,
    /// The executors are too few, in this way.
    pub(super) load: Option<Load>,
    /// Under load nothing that can be placed is ready for longer without a fault.
    pub(super) patience_ms: u64,
}

impl Plan {
    /// Chance decides on everything.
    pub fn of_seed(seed: u64) -> Self {
        match seed % ONE_IN {
            0 => Self::under(Load::Shares, seed),
            1 => Self::under(Load::Stream, seed),
            2 => Self::under(Load::Burst, seed),
            _ if seed % FEW_KINDS_IN == 3 => Self::of_few_kinds(seed),
            _ => Self::of_every_form(seed),
        }
    }

    /// What comes of one fault upon the other shows sooner where nothing else happens between them (swarm testing: Groce and
    /// others, ISSTA 2012).
    fn of_few_kinds(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0xfe30_0f70_7a1c_4a05);
        let kinds = (0..dice.between(1, 4)).filter_map(|_| dice.pick(Fault::ALL)).collect();
        Self { kinds, faults: dice.between(4, 24), ..Self::of_every_form(seed) }
    }

    /// Executors that are too few for what is asked of them, with few faults and short ones in every second life.
    pub(super) fn under(load: Load, seed: u64) -> Self {
        let mut plan = Self { has_clients: false, load: Some(load), ..Self::of_every_form(seed) };
        let mut dice = Dice::new(seed ^ 0x10ad_0f70_7a1c_4a05);
        plan.policy = Policy { lost_after_ms: 20_000, ..plan.policy };
        plan.executors = dice.between(2, 3);
        plan.faults = if load == Load::Burst || dice.below(2) == 0 { 0 } else { dice.between(1, 3) };
        // Enough time for a thousand decisions, and faults early in it.
        plan.trouble_ms = 240_000;
        if load == Load::Shares {
            // Who asks for more has waited for longer, and is not to have more. A life is short: room is kept early for
            // what others would pass.
            plan.policy.reserve_after_ms = 1_000;
            plan.policy.aging_step_ms = dice.pick(&[plan.policy.aging_step_ms, 2_000]).unwrap_or(2_000);
        }
        if load == Load::Stream {
            plan.trouble_ms = 70_000;
            plan.patience_ms = 25_000;
            plan.faults = plan.faults.min(1);
            // What has been ready for ten seconds comes first; room is kept for what has waited for two.
            (plan.policy.aging_step_ms, plan.policy.reserve_after_ms) = (5, 2_000);
        }
        plan
    }

    /// Small workflows of every form, and faults of every kind.
    fn of_every_form(seed: u64) -> Self {
        // The stage's dice begin with the seed itself.
        let mut dice = Dice::new(seed ^ 0x5eed_0f70_7a1c_4a05);
        Self {
            seed,
            sabotage: None,
            policy: Policy {
                suspect_after_ms: 5_000,
                lost_after_ms: dice.between(8, 20) * 1_000,
                redispatch_after_ms: 3_000,
                infra_retries: dice.between(1, 4) as u32,
                infra_retry_delay_ms: 200,
                infra_retry_max_delay_ms: 2_000,
                ..Policy::default()
            },
            heartbeat_ms: 2_000,
            executors: dice.between(1, 4),
            runs: dice.between(4, 12),
            trouble_ms: dice.between(20, 60) * 1_000,
            faults: dice.between(2, 10),
            kinds: Fault::ALL.to_vec(),
            heals_within_ms: 300_000,
            has_clients: true,
            repeats_itself: seed.is_multiple_of(8),
            load: None,
            patience_ms: 0,
        }
    }

    /// The same with a defect, under the load that shows it.
    pub fn of_defect(seed: u64, sabotage: Sabotage) -> Self {
        let plan = match sabotage.load() {
            Some(load) => Self::under(load, seed),
            None => Self::of_every_form(seed),
        };
        Self { sabotage: Some(sabotage), ..plan }
    }

    /// Nothing happens by itself but what a script says.
    #[cfg(test)]
    pub(super) fn scripted(seed: u64) -> Self {
        let plan = Self::of_every_form(seed);
        Self {
            executors: 2,
            runs: 0,
            faults: 0,
            trouble_ms: 0,
            has_clients: false,
            repeats_itself: false,
            ..plan
        }
    }

    pub(super) fn is_sabotaged(&self, sabotage: Sabotage) -> bool {
        self.sabotage == Some(sabotage)
    }
}
