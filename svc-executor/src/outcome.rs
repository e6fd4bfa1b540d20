//! What an attempt's end means: pure mapping of what was seen to outcome, cause, reason and words.

use std::time::Duration;

use emboflow_model::{Cause, CodeRange, Outcome, Reason};

use crate::runtime::{Exit, RuntimeError};

/// What is reported of an end, without log, artifacts and times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The outcome.
    pub(crate) outcome: Outcome,
    /// Who it is charged to.
    pub(crate) cause: Cause,
    /// Why it did not go well.
    pub(crate) reason: Option<Reason>,
    /// The same in words, with what to do.
    pub(crate) message: Option<String>,
    /// The program's exit code.
    pub(crate) exit_code: Option<i32>,
}

impl Verdict {
    fn new(outcome: Outcome, cause: Cause, reason: Reason, message: impl Into<String>) -> Self {
        Self { outcome, cause, reason: Some(reason), message: Some(message.into()), exit_code: None }
    }

    fn failed(cause: Cause, reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Outcome::Failed, cause, reason, message)
    }

    fn with_code(self, code: i64) -> Self {
        Self { exit_code: i32::try_from(code).ok(), ..self }
    }
}

/// What is known about the end of a container that ran.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndOfContainer<'a> {
    /// How it ended.
    pub(crate) exit: &'a Exit,
    /// Why we asked it to end, if we did.
    pub(crate) asked: Option<Reason>,
    /// The engine or the machine was started again meanwhile.
    pub(crate) engine_restarted: bool,
    /// Codes other than 0 with which the task has succeeded.
    pub(crate) complete_codes: &'a [CodeRange],
    /// The first bytes of its log.
    pub(crate) log_head: &'a [u8],
    /// Its memory limit in bytes; 0 = none.
    pub(crate) memory_bytes: u64,
}

/// Judges a container that ran and ended. An exit code of 137 is no verdict: the engine's memory flag, who asked and
/// a restart of the engine are looked at first.
pub(crate) fn of_exit(end: EndOfContainer<'_>) -> Verdict {
    let code = end.exit.code;
    if let Some(reason) = end.asked {
        return asked(reason, true).with_code(code);
    }
    match code {
        0 => succeeded(end.exit.oom_killed),
        137 if end.exit.oom_killed => {
            let limit = in_mib(end.memory_bytes);
            let message = format!(
                "The program was killed: it reached its memory limit{limit}. Raise `resources.memory`."
            );
            Verdict::failed(Cause::User, Reason::OomKilled, message).with_code(code)
        }
        // 255 is what an engine says of an end that it did not see.
        137 | 143 | 255 if end.engine_restarted => Verdict::new(
            Outcome::Lost,
            Cause::Infra,
            Reason::RuntimeFailed,
            "The container was killed because its engine or machine was restarted.",
        ),
        _ if is_bad_command(code, end.log_head) => {
            let said = String::from_utf8_lossy(end.log_head).trim().to_owned();
            bad_command(&said).with_code(code)
        }
        _ if completes(code, end.complete_codes) => completed(code, end.exit.oom_killed),
        _ => exit_code(code, end.exit).with_code(code),
    }
}

fn succeeded(child_oom: bool) -> Verdict {
    let note =
        "A process of the task was killed because the memory limit was reached, yet the task ended well.";
    let message = child_oom.then(|| note.to_owned());
    Verdict { outcome: Outcome::Succeeded, cause: Cause::User, reason: None, message, exit_code: Some(0) }
}

/// Whether a task has succeeded by its exit code.
pub(crate) fn completes(code: i64, complete_codes: &[CodeRange]) -> bool {
    code == 0 || complete_codes.iter().any(|codes| codes.contains(code))
}

fn completed(code: i64, child_oom: bool) -> Verdict {
    let counts =
        format!("The program ended with exit code {code}, which counts as success (`exit_codes.complete`).");
    let verdict = succeeded(child_oom);
    let message = verdict.message.map_or(counts.clone(), |note| format!("{counts} {note}"));
    Verdict { message: Some(message), ..verdict }.with_code(code)
}

fn exit_code(code: i64, exit: &Exit) -> Verdict {
    let mut message = match code {
        137 => "The program was killed (exit code 137), not by its memory limit.".to_owned(),
        code if (129..=159).contains(&code) => {
            format!("The program ended with exit code {code} (signal {}). Its log says more.", code - 128)
        }
        code => format!("The program ended with exit code {code}. Its log says more."),
    };
    if exit.oom_killed {
        message.push_str(" A process of the task was killed because the memory limit was reached.");
    }
    if let Some(error) = &exit.error {
        message.push_str(&format!(" The engine says: {error}."));
    }
    Verdict::failed(Cause::User, Reason::ExitCode, message)
}

/// The container's own init says so when it cannot start the program, and nothing else is in the log.
fn is_bad_command(code: i64, log_head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(log_head);
    let one_line = text.trim_end().lines().count() == 1;
    matches!(code, 126 | 127) && one_line && text.starts_with("[FATAL tini (") && text.contains(" exec ")
}

fn bad_command(detail: &str) -> Verdict {
    let message =
        format!("The command cannot be started in this image: {detail}. Check `command` and the image.");
    Verdict::failed(Cause::User, Reason::BadCommand, message)
}

fn in_mib(bytes: u64) -> String {
    if bytes == 0 { String::new() } else { format!(" of {} MiB", bytes >> 20) }
}

/// An attempt that the scheduler gives no secret.
pub(crate) fn denied(cause: Cause, reason: Reason, message: String) -> Verdict {
    Verdict::failed(cause, reason, message)
}

/// An attempt whose secrets cannot be kept on this machine.
pub(crate) fn no_place_for_secrets(why: &str) -> Verdict {
    let message = format!("The executor cannot take in the task's secrets: {why}.");
    Verdict::failed(Cause::Infra, Reason::SecretUnavailable, message)
}

/// An attempt that was asked to end. `ran`: its container had been started.
pub(crate) fn asked(reason: Reason, ran: bool) -> Verdict {
    let place = if ran { "" } else { " before its container was started" };
    let (outcome, cause, what) = match reason {
        Reason::RunTimeout => {
            (Outcome::TimedOut, Cause::User, "It ran longer than its `timeout` and was stopped")
        }
        Reason::HeartbeatLost => {
            let what = "It gave no sign of life for longer than its `timeouts.heartbeat`: it wrote nothing to its log \
                        and did not touch `$EMBOFLOW_HEARTBEAT`; it was stopped";
            (Outcome::TimedOut, Cause::User, what)
        }
        Reason::DiskFull => {
            let what = "The executor's disk is full: it has no room for the task's log. Free space on it, or lower \
                        the task's `log_limit`; the task was stopped";
            (Outcome::Failed, Cause::Infra, what)
        }
        Reason::GangFailed => {
            (Outcome::Cancelled, Cause::Policy, "Another member of its gang did not end well; it was stopped")
        }
        Reason::Preempted => (Outcome::Preempted, Cause::Policy, "It gave way to more urgent work"),
        Reason::Drained => (Outcome::Preempted, Cause::Infra, "Its executor was drained"),
        Reason::ExecutorLost => {
            let what = "Its executor could not renew the claim of this exclusive attempt, and ended it";
            (Outcome::Lost, Cause::Infra, what)
        }
        Reason::Fenced => (Outcome::Cancelled, Cause::System, "Another attempt has taken its place"),
        _ => (Outcome::Cancelled, Cause::Policy, "It was cancelled"),
    };
    Verdict::new(outcome, cause, reason, format!("{what}{place}."))
}

/// Its image and its inputs were not there in time.
pub(crate) fn not_started_in_time(limit: Duration, image_is_there: bool) -> Verdict {
    let what = if image_is_there { "its inputs" } else { "its image" };
    let message = format!(
        "It was not started within {} s (`timeouts.start`): {what} did not come in time.",
        limit.as_secs_f64()
    );
    Verdict::new(Outcome::TimedOut, Cause::Infra, Reason::StartTimeout, message)
}

/// A task that took more disk than it may. `code`: how its container ended, if that was seen.
pub(crate) fn disk_limit(detail: &str, code: Option<i64>) -> Verdict {
    let verdict = Verdict::failed(Cause::User, Reason::DiskFull, detail);
    code.map_or(verdict.clone(), |code| verdict.with_code(code))
}

/// The program failed while its executor's disk had no room: whether for that reason nobody can tell, so its user is not
/// charged for it.
pub(crate) fn failed_without_room(code: i64) -> Verdict {
    let message = format!(
        "The program ended with exit code {code} while the executor's disk was full, so that it could not write. Free \
         space on the executor."
    );
    Verdict::failed(Cause::Infra, Reason::DiskFull, message).with_code(code)
}

/// A container that was started is not there any more.
pub(crate) fn vanished() -> Verdict {
    Verdict::new(
        Outcome::Lost,
        Cause::Infra,
        Reason::RuntimeFailed,
        "The container vanished: somebody removed it from outside.",
    )
}

/// The engine did not create or start the container, or the image is not to be had.
pub(crate) fn of_error(error: &RuntimeError) -> Verdict {
    let text = error.to_string();
    match error {
        RuntimeError::ImageNotFound { .. } => Verdict::failed(
            Cause::User,
            Reason::ImageNotFound,
            format!("{text}. Check its name and tag in the workflow file."),
        ),
        RuntimeError::ImageDenied { .. } => Verdict::failed(
            Cause::User,
            Reason::ImageDenied,
            format!(
                "{text}. It is private or does not exist: check the name, or give the executor's engine access."
            ),
        ),
        RuntimeError::ImageUnavailable { .. } => Verdict::failed(
            Cause::Infra,
            Reason::ImageUnavailable,
            format!(
                "{text}. The registry did not give it. Check the executor's network, or load the image into its \
                 engine (`docker load`)."
            ),
        ),
        RuntimeError::BadCommand { detail } => bad_command(detail),
        RuntimeError::BadSpec { .. } => Verdict::failed(Cause::User, Reason::SpecInvalid, text),
        RuntimeError::DiskFull { .. } => disk_full(&format!("{text}.")),
        RuntimeError::NameTaken { .. } => Verdict::failed(
            Cause::System,
            Reason::RuntimeFailed,
            format!("{text}. Remove that container by hand if nobody needs it."),
        ),
        RuntimeError::Unreachable { .. } | RuntimeError::Failed { .. } => {
            Verdict::failed(Cause::Infra, Reason::RuntimeFailed, text)
        }
    }
}

/// The executor's disk had no room for what the platform itself writes.
pub(crate) fn disk_full(detail: &str) -> Verdict {
    Verdict::failed(Cause::Infra, Reason::DiskFull, format!("{detail} Free space on the executor."))
}

/// An input could not be fetched. `lasting`: trying again changes nothing.
pub(crate) fn stage_in(detail: &str, lasting: bool) -> Verdict {
    let cause = if lasting { Cause::System } else { Cause::Infra };
    Verdict::failed(cause, Reason::StageInFailed, detail)
}

/// An output could not be stored. `of_user`: it is missing or has a form that is refused.
pub(crate) fn stage_out(detail: &str, of_user: bool) -> Verdict {
    let cause = if of_user { Cause::User } else { Cause::Infra };
    Verdict::failed(cause, Reason::StageOutFailed, detail)
}

/// The executor takes no work now.
pub(crate) fn rejected(reason: Reason, detail: &str) -> Verdict {
    Verdict::new(Outcome::Rejected, Cause::Infra, reason, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end<'a>(exit: &'a Exit, asked: Option<Reason>, engine_restarted: bool, log_head: &'a [u8]) -> Verdict {
        let complete_codes = &[];
        of_exit(EndOfContainer {
            exit,
            asked,
            engine_restarted,
            complete_codes,
            log_head,
            memory_bytes: 64 << 20,
        })
    }

    #[test]
    fn an_exit_is_judged_by_all_that_was_seen() {
        use Cause::*;
        use Outcome::*;
        let exit = |code, oom_killed| Exit { code, oom_killed, ..Exit::default() };
        let tini: &[u8] = b"[FATAL tini (7)] exec nope failed: No such file or directory\n";
        let none: &[u8] = b"";
        for (code, oom, asked, restarted, head, expected) in [
            (0, false, None, false, none, (Succeeded, User, None)),
            (0, true, None, false, none, (Succeeded, User, None)),
            (3, false, None, false, none, (Failed, User, Some(Reason::ExitCode))),
            (1, true, None, false, none, (Failed, User, Some(Reason::ExitCode))),
            (137, true, None, false, none, (Failed, User, Some(Reason::OomKilled))),
            (137, false, None, false, none, (Failed, User, Some(Reason::ExitCode))),
            (137, false, None, true, none, (Lost, Infra, Some(Reason::RuntimeFailed))),
            (137, true, None, true, none, (Failed, User, Some(Reason::OomKilled))),
            (143, false, None, true, none, (Lost, Infra, Some(Reason::RuntimeFailed))),
            (255, false, None, true, none, (Lost, Infra, Some(Reason::RuntimeFailed))),
            (255, false, None, false, none, (Failed, User, Some(Reason::ExitCode))),
            (143, false, Some(Reason::Cancelled), false, none, (Cancelled, Policy, Some(Reason::Cancelled))),
            (137, false, Some(Reason::RunTimeout), false, none, (TimedOut, User, Some(Reason::RunTimeout))),
            (
                143,
                false,
                Some(Reason::HeartbeatLost),
                false,
                none,
                (TimedOut, User, Some(Reason::HeartbeatLost)),
            ),
            (0, false, Some(Reason::DiskFull), false, none, (Failed, Infra, Some(Reason::DiskFull))),
            (0, false, Some(Reason::Cancelled), false, none, (Cancelled, Policy, Some(Reason::Cancelled))),
            (137, false, Some(Reason::Preempted), false, none, (Preempted, Policy, Some(Reason::Preempted))),
            (127, false, None, false, tini, (Failed, User, Some(Reason::BadCommand))),
            (127, false, None, false, b"sh: nope: not found\n", (Failed, User, Some(Reason::ExitCode))),
            (1, false, None, false, tini, (Failed, User, Some(Reason::ExitCode))),
        ] {
            let exit = exit(code, oom);
            let verdict = end(&exit, asked, restarted, head);
            let case = format!("{code} oom={oom} asked={asked:?} restarted={restarted}");
            assert_eq!((verdict.outcome, verdict.cause, verdict.reason), expected, "{case}");
            assert!(verdict.reason.is_none() || verdict.message.is_some(), "{case}: every bad end has words");
        }
    }

    #[test]
    fn a_code_counts_as_success_only_where_the_program_ended_by_itself() {
        let complete_codes = &[CodeRange { first: 3, last: 4 }, CodeRange { first: 127, last: 137 }];
        let tini: &[u8] = b"[FATAL tini (7)] exec nope failed: No such file or directory\n";
        for (code, oom, asked, restarted, head, outcome) in [
            (3, false, None, false, &b""[..], Outcome::Succeeded),
            (5, false, None, false, b"", Outcome::Failed),
            (137, false, None, false, b"", Outcome::Succeeded),
            (137, true, None, false, b"", Outcome::Failed),
            (137, false, None, true, b"", Outcome::Lost),
            (127, false, None, false, tini, Outcome::Failed),
            (137, false, Some(Reason::Cancelled), false, b"", Outcome::Cancelled),
        ] {
            let exit = Exit { code, oom_killed: oom, ..Exit::default() };
            let verdict = of_exit(EndOfContainer {
                exit: &exit,
                asked,
                engine_restarted: restarted,
                complete_codes,
                log_head: head,
                memory_bytes: 0,
            });
            assert_eq!(verdict.outcome, outcome, "{code} oom={oom} asked={asked:?} restarted={restarted}");
            if outcome == Outcome::Succeeded {
                assert_eq!((verdict.exit_code, verdict.reason), (Some(code as i32), None));
                assert!(verdict.message.unwrap().contains("`exit_codes.complete`"));
            }
        }
    }

    #[test]
    fn a_success_with_a_killed_child_says_so() {
        let exit = Exit { oom_killed: true, ..Exit::default() };
        assert!(end(&exit, None, false, b"").message.unwrap().contains("memory limit"));
    }

    #[test]
    fn the_memory_limit_that_was_hit_is_named() {
        let exit = Exit { code: 137, oom_killed: true, ..Exit::default() };
        assert!(end(&exit, None, false, b"").message.unwrap().contains("64 MiB"));
    }

    #[test]
    fn an_engines_refusal_is_charged_to_whom_it_concerns() {
        let (image, detail) = ("i:1".to_owned(), "d".to_owned());
        for (error, cause, reason) in [
            (
                RuntimeError::ImageNotFound { image: image.clone(), detail: detail.clone() },
                Cause::User,
                Reason::ImageNotFound,
            ),
            (
                RuntimeError::ImageDenied { image: image.clone(), detail: detail.clone() },
                Cause::User,
                Reason::ImageDenied,
            ),
            (
                RuntimeError::ImageUnavailable { image, detail: detail.clone() },
                Cause::Infra,
                Reason::ImageUnavailable,
            ),
            (RuntimeError::BadCommand { detail: detail.clone() }, Cause::User, Reason::BadCommand),
            (RuntimeError::BadSpec { detail: detail.clone() }, Cause::User, Reason::SpecInvalid),
            (RuntimeError::DiskFull { detail: detail.clone() }, Cause::Infra, Reason::DiskFull),
            (RuntimeError::NameTaken { name: "n".into() }, Cause::System, Reason::RuntimeFailed),
            (RuntimeError::Unreachable { detail: detail.clone() }, Cause::Infra, Reason::RuntimeFailed),
            (RuntimeError::Failed { doing: "x", detail }, Cause::Infra, Reason::RuntimeFailed),
        ] {
            let verdict = of_error(&error);
            assert_eq!((verdict.cause, verdict.reason), (cause, Some(reason)), "{error}");
            assert_eq!(verdict.outcome, Outcome::Failed);
        }
    }

    #[test]
    fn a_stop_before_the_start_says_that_nothing_ran() {
        let verdict = asked(Reason::Cancelled, false);
        assert_eq!(verdict.outcome, Outcome::Cancelled);
        assert!(verdict.message.unwrap().contains("before its container was started"));
    }

    #[test]
    fn a_start_that_was_too_late_names_what_it_waited_for() {
        for (image_is_there, missing) in [(false, "its image"), (true, "its inputs")] {
            let verdict = not_started_in_time(Duration::from_secs(90), image_is_there);
            let message = verdict.message.unwrap();
            assert!(message.contains("90 s (`timeouts.start`)") && message.contains(missing), "{message}");
        }
    }
}
