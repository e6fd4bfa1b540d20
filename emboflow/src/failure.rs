//! How a command fails: what people read, and the exit code that scripts read.

use std::io;

use emboflow_protocol::{ErrorCode, Problem};

use crate::output::Output;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line cannot be carried out as it is written.
    Usage(String),
    /// The server refused, with reasons.
    Refused(Box<Problem>),
    /// Nothing answers there.
    Unreachable {
        /// The address.
        url: String,
        /// What the system said.
        reason: String,
        /// Whether the request may have arrived.
        heard: bool,
    },
    /// No server is known.
    NoServer(String),
    /// Everything that is wrong has been printed.
    Said,
    /// The run that was watched did not end well; it has been printed how.
    RunFailed,
    /// The run was cancelled, or the time to wait is over.
    Ended(String),
    /// Taken, but nothing is decided yet.
    Pending(String),
    /// Ctrl-C.
    Interrupted(String),
    /// The reader of the output is gone.
    ReaderGone,
    /// Anything else.
    Other(anyhow::Error),
}

impl Failure {
    /// A wrong use of a command.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    /// Whether the same request may be answered differently in a moment.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused(problem) => problem.retryable,
            _ => false,
        }
    }

    /// Whether the server may have carried out the request nevertheless.
    pub(crate) fn may_be_taken(&self) -> bool {
        match self {
            Self::Unreachable { heard, .. } => *heard,
            // During maintenance nothing is taken, and that is certain.
            Self::Refused(problem) if problem.code == ErrorCode::SystemMaintenance.code() => false,
            Self::Refused(problem) => matches!(problem.status, 408 | 503),
            _ => false,
        }
    }

    /// What happened, on one line.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Unreachable { url, reason, .. } => format!("{url} does not answer: {reason}"),
            Self::Refused(problem) => problem.detail.clone().unwrap_or_else(|| problem.title.to_string()),
            Self::Usage(text)
            | Self::NoServer(text)
            | Self::Ended(text)
            | Self::Pending(text)
            | Self::Interrupted(text) => text.clone(),
            Self::Other(error) => format!("{error:#}"),
            Self::Said | Self::RunFailed | Self::ReaderGone => String::new(),
        }
    }

    /// The exit code: 1 failed, 2 usage, 3 cancelled or timed out, 4 sign-in, 5 the watched run failed, 8 pending,
    /// 130 Ctrl-C.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::ReaderGone => 0,
            Self::Usage(_) => 2,
            Self::Ended(_) => 3,
            Self::Refused(problem) if matches!(problem.status, 401 | 403) => 4,
            Self::RunFailed => 5,
            Self::Pending(_) => 8,
            Self::Interrupted(_) => 130,
            Self::Refused(_) | Self::Unreachable { .. } | Self::NoServer(_) | Self::Said | Self::Other(_) => {
                1
            }
        }
    }

    /// Says on standard error what is wrong, and what to do about it.
    pub(crate) fn print(&self, output: &mut Output) {
        match self {
            Self::ReaderGone | Self::Said | Self::RunFailed => {}
            Self::Usage(text) => output.error(text, Some("see --help")),
            Self::Refused(problem) => print_problem(problem, output),
            Self::Unreachable { .. } => {
                output.error(&self.reason(), Some("`emboflow doctor` looks for the cause"));
            }
            Self::NoServer(text) => {
                output
                    .error(text, Some("start one with `emboflow up`, or name one with --server and --token"));
            }
            Self::Interrupted(text) if text.is_empty() => {}
            Self::Ended(text) | Self::Pending(text) | Self::Interrupted(text) => output.message(text),
            Self::Other(error) => output.error(&format!("{error:#}"), None),
        }
    }
}

fn print_problem(problem: &Problem, output: &mut Output) {
    let hint = problem.hint.as_deref();
    if problem.errors.is_empty() {
        let detail = problem.detail.as_deref().unwrap_or(&problem.title);
        output.coded_error(&problem.code, detail, hint);
    }
    for error in &problem.errors {
        let place = match (error.line.filter(|line| *line > 0), error.column) {
            (Some(line), Some(column)) => format!("line {line}, column {column}: "),
            (Some(line), None) => format!("line {line}: "),
            _ => String::new(),
        };
        output.coded_error(&error.code, &format!("{place}{}", error.message), None);
        if let Some(snippet) = &error.snippet {
            output.message(snippet);
        }
        if let Some(hint) = error.hint.as_deref().or(hint) {
            output.hint(hint);
        }
    }
    if problem.status >= 500
        && let Some(request) = &problem.request_id
    {
        output.message(&format!("  request {request}"));
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::ReaderGone } else { Self::Other(error.into()) }
    }
}
