//! Runs processes and lets things happen, one after the other, on one thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::scheduler::Condition;
use super::stage::{Shared, Work};

/// Work that a process does, as long as it lives.
struct Job {
    process: usize,
    life: u64,
    work: Work,
    is_woken: Arc<Woken>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Owns the work of all processes.
pub(super) struct Runner {
    shared: Shared,
    jobs: Vec<Job>,
}

impl Runner {
    pub(super) fn new(shared: Shared) -> Self {
        Self { shared, jobs: Vec::new() }
    }

    /// Goes on until `is_over` says so, something is broken, or nothing is left to happen.
    pub(super) fn run_until(&mut self, mut is_over: impl FnMut(&mut super::stage::Stage) -> bool) {
        loop {
            self.work();
            let next = {
                let mut stage = self.shared.stage();
                if stage.failure().is_some() || is_over(&mut stage) {
                    return;
                }
                stage.take_next()
            };
            let Some(action) = next else { return };
            action(&mut self.shared.stage());
        }
    }

    /// Lets every process work that can.
    fn work(&mut self) {
        loop {
            self.take_up();
            let mut has_worked = false;
            for index in 0..self.jobs.len() {
                has_worked |= self.work_on(index);
            }
            self.jobs.retain(|job| job.life != u64::MAX);
            if !has_worked && self.shared.stage().begun.is_empty() {
                return;
            }
        }
    }

    fn take_up(&mut self) {
        let begun = std::mem::take(&mut self.shared.stage().begun);
        self.jobs.extend(begun.into_iter().map(|(process, life, work)| Job {
            process,
            life,
            work,
            is_woken: Arc::new(Woken(AtomicBool::new(true))),
        }));
    }

    /// Whether the job has done anything. One that is over, or whose process is dead, is let go.
    fn work_on(&mut self, index: usize) -> bool {
        let job = &mut self.jobs[index];
        if job.life == u64::MAX {
            return false;
        }
        let condition = {
            let stage = self.shared.stage();
            let process = &stage.schedulers[job.process];
            if process.life == job.life { process.condition } else { Condition::Dead }
        };
        match condition {
            Condition::Dead => {
                // Dropped here, where nobody holds the stage.
                job.work = Box::pin(std::future::ready(()));
                job.life = u64::MAX;
                false
            }
            Condition::Stopped => false,
            Condition::Running => {
                if !job.is_woken.0.swap(false, Ordering::Relaxed) {
                    return false;
                }
                let waker = Waker::from(job.is_woken.clone());
                let polled = catch_unwind(AssertUnwindSafe(|| {
                    job.work.as_mut().poll(&mut Context::from_waker(&waker))
                }));
                match polled {
                    Ok(Poll::Pending) => {}
                    Ok(Poll::Ready(())) => {
                        job.work = Box::pin(std::future::ready(()));
                        job.life = u64::MAX;
                    }
                    Err(panic) => {
                        job.life = u64::MAX;
                        let why = panic.downcast_ref::<String>().map(String::as_str);
                        let why = why.or(panic.downcast_ref::<&str>().copied()).unwrap_or("for no reason");
                        self.shared.stage().fail(format!("a scheduler panics: {why}"));
                    }
                }
                true
            }
        }
    }
}
