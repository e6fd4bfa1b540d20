//! The error catalogue: one closed list of codes for HTTP, NATS, CLI and page.

use emboflow_model::workflow;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! catalogue {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:literal, $title:literal $(, $advice:literal)?;)+) => {
        /// A stable code: what went wrong, whoever asks. Codes of the workflow file's validator (`workflow.…`) are
        /// carried as [`ErrorCode::WorkflowInvalid`] with the exact code in each of the `errors`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $variant,)+ }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)+];

            /// The code on the wire.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// A short title that is the same every time.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// What to do about it, as far as that is the same every time; empty where the title says it.
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$variant => concat!($($advice)?),)+ }
            }
        }
    };
}

catalogue! {
    /// The body is not the JSON that the operation takes.
    RequestMalformed = "request.malformed", 400, "The request body cannot be read",
        "Send one JSON object with the fields of the operation; `errors` has line, column and field.";
    /// A parameter, or a value in the body, has the wrong form.
    RequestInvalid = "request.invalid", 400, "A parameter of the request is not valid",
        "`detail`, or each of `errors`, says which value and what it may be.";
    /// The body did not come in time.
    RequestTimeout = "request.timeout", 408, "The request body did not come in time",
        "A body has 30 seconds to come; send it again over a better connection.";
    /// The thing is not in the state that the caller expects.
    RequestPrecondition = "request.precondition_failed", 412, "It is not the version that the request names",
        "Read it again, and send the change with the new `ETag`.";
    /// The body is larger than allowed.
    RequestTooLarge = "request.too_large", 413, "The request is too large",
        "Put large data into an object or the image, and pass its name as an input.";
    /// The body is announced as something else than JSON.
    RequestMediaType = "request.media_type", 415, "The operation does not take a body of this type",
        "Send `Content-Type: application/json`.";
    /// The subject has no project or no known verb.
    RequestSubject = "request.subject", 400, "The subject is not one that requests are sent to",
        "Publish to `emboflow.request.<project>.<verb>`.";
    /// The reply subject is not the publisher's own.
    RequestReplySubject = "request.reply_subject", 400, "The answer cannot be sent to that subject",
        "Take a subject below `emboflow.reply.<project>.` or your own inbox.";
    /// The key was used for another body.
    RequestKeyReused = "request.key_reused", 409, "The idempotency key was used for another request",
        "Use a new key for a new request; the same key is for sending the same body again.";
    /// The key has the wrong form.
    RequestKeyInvalid = "request.key_invalid", 400, "The idempotency key is not valid",
        "A key has 1 to 200 visible ASCII characters and no space.";
    /// Too many requests.
    RequestRateLimited = "request.rate_limited", 429, "Too many requests",
        "Send it again after `Retry-After` seconds with the same idempotency key, and fewer at once.";
    /// No such route.
    RouteNotFound = "route.not_found", 404, "There is nothing at this address",
        "The OpenAPI document at `/api/openapi.json` has every address.";
    /// The route does not know this method.
    MethodNotAllowed = "route.method_not_allowed", 405, "The address does not take this method",
        "The header `Allow` has the methods of the address.";
    /// No token, or a wrong one.
    AuthRequired = "auth.required", 401, "Sign-in is required",
        "Send `Authorization: Bearer` with an API key or the token in `up.json`, or sign in on the page.";
    /// The one-time code is used or wrong.
    AuthCodeInvalid = "auth.code_invalid", 401, "The sign-in link has been used or is not valid",
        "A link is good for one browser and for a day: start `emboflow up` again for a new one, or ask an administrator.";
    /// The token does not reach so far.
    AuthForbidden = "auth.forbidden", 403, "The caller may not do this",
        "`GET /api/v1/me` shows what the caller may. With a session, change things from the page itself.";
    /// The identity provider, or what it says, is not good.
    AuthProviderRefused = "auth.provider_refused", 401, "The sign-in at the identity provider is not good",
        "Begin again from the page, in the same browser; the logs of the API say what was wrong.";
    /// The person is known to the provider and not let in here.
    AuthNoAccount = "auth.no_account", 403, "There is no account for this person",
        "An administrator can let a group in, or make the account.";
    /// The provider does not answer.
    AuthProviderUnavailable = "auth.provider_unavailable", 503, "The identity provider does not answer",
        "The logs of the API have the cause; sign in with a password meanwhile.";
    /// Name or password are wrong.
    AuthSignInFailed = "auth.sign_in_failed", 401, "The name or the password is wrong",
        "Whoever forgot a password gets a link from an administrator: `emboflow user password NAME --link`.";
    /// Too many wrong passwords.
    AuthLocked = "auth.locked", 429, "Too many wrong passwords",
        "Wait as many seconds as `Retry-After` says. Each further guess makes the time longer.";
    /// The password is too weak.
    AuthPasswordWeak = "auth.password_weak", 422, "The password is easy to guess",
        "Take a longer one: four or more words that have nothing to do with each other.";
    /// No such user.
    UserNotFound = "user.not_found", 404, "There is no such user";
    /// There is one already.
    UserExists = "user.exists", 409, "There is a user with this name already";
    /// Nobody could administer the platform any more.
    UserLastAdmin = "user.last_admin", 409, "The platform would have no administrator",
        "Make somebody else an administrator first.";
    /// No such session.
    SessionNotFound = "session.not_found", 404, "There is no such session";
    /// No such API key.
    KeyNotFound = "key.not_found", 404, "There is no such API key";
    /// No such service.
    ServiceNotFound = "service.not_found", 404, "There is no such service";
    /// There is one already.
    ServiceExists = "service.exists", 409, "There is a service with this name already";
    /// There is one already.
    ProjectExists = "project.exists", 409, "There is a project with this name already";
    /// The workflow file or its inputs have errors.
    WorkflowInvalid = "workflow.invalid", 422, "The workflow file or its inputs are not valid",
        "Each of the `errors` has a code of the second table with line, column and what was probably meant.";
    /// No such workflow.
    WorkflowNotFound = "workflow.not_found", 404, "There is no such workflow",
        "`emboflow workflow list` shows the names; `emboflow workflow apply` keeps a file.";
    /// Triggers start it.
    WorkflowInUse = "workflow.in_use", 409, "Triggers start runs of the workflow",
        "Remove those triggers first, or let them start another workflow; runs that exist do not mind.";
    /// There is no room for more.
    WorkflowTooMany = "workflow.too_many", 409, "There are as many workflows, or versions of it, as there may be",
        "Remove workflows that nobody needs any more: `emboflow workflow remove NAME`.";
    /// No such project.
    ProjectNotFound = "project.not_found", 404, "There is no such project";
    /// No such secret.
    SecretNotFound = "secret.not_found", 404, "There is no such secret",
        "The page Secrets and `emboflow secret list` show the names; values are never shown.";
    /// The value cannot be a secret.
    SecretInvalid = "secret.invalid", 422, "The value cannot be a secret",
        "A value is text of 1 byte to 16 KiB; encode other bytes as base64.";
    /// Nothing seals secrets.
    SecretNoKey = "secret.no_key", 409, "The installation has no key for secrets",
        "Set `secrets.key` (or `secrets.key_file`) for the API and the scheduler, and start them again.";
    /// There is no room for more.
    SecretTooMany = "secret.too_many", 409, "The project has as many secrets as there may be",
        "Remove secrets that no task needs any more: `emboflow secret remove NAME`.";
    /// No such upload, or no such version of it.
    UploadNotFound = "upload.not_found", 404, "There is no such upload",
        "`emboflow upload list` shows the uploads of the project; `emboflow upload put FILE` makes one.";
    /// The bytes have not come, or not all.
    UploadIncomplete = "upload.incomplete", 409, "The bytes of the upload have not come",
        "Put the file to the `url` of the upload with its token first; after ten minutes ask for another.";
    /// What runs use from now on is not taken away alone.
    UploadNewest = "upload.newest", 409, "It is the newest version of the upload",
        "Upload a newer one first, or remove the whole upload.";
    /// A backup is being taken.
    UploadHeld = "upload.held", 409, "Nothing is removed while a backup is taken",
        "Remove it when the backup has ended; `emboflow backup list` shows how far it is.";
    /// There is no room for more versions.
    UploadTooMany = "upload.too_many", 409, "The project has as many versions of uploads as there may be",
        "Remove uploads or old versions that no run needs any more.";
    /// The project has as many open runs as it may.
    QuotaOpenRuns = "quota.open_runs", 429, "The project has as many open runs as it may",
        "Wait until some have ended, or cancel some; then send it with a new key. An administrator sets the quota.";
    /// The project has as many waiting runs as it may.
    QuotaQueuedRuns = "quota.queued_runs", 429, "The project has as many runs waiting as it may",
        "Wait until some have started; then send it with a new key. An administrator sets the quota.";
    /// The project has submitted as many runs as it may in a minute.
    QuotaSubmitRate = "quota.submit_rate", 429, "The project submits more runs a minute than it may",
        "Send it later, with a new key. An administrator sets the quota.";
    /// The project stores as many bytes as it may.
    QuotaStoredBytes = "quota.stored_bytes", 413, "The project stores as many bytes as it may",
        "Remove runs or uploads that are no longer needed, and wait some minutes. An administrator sets the quota.";
    /// No such queue.
    QueueNotFound = "queue.not_found", 404, "There is no such queue",
        "The page Queues and `emboflow queue list` show the names.";
    /// The rules of a queue contradict themselves.
    QueueInvalid = "queue.invalid", 422, "The rules of the queue are not valid",
        "Correct the fields that `errors` names; `docs/queues.md` explains them.";
    /// The host is not this installation's.
    HostUnknown = "request.host_unknown", 421, "The request is for another host",
        "Open the address that `public_url` names, or set it to the address that people use.";
    /// No such notification.
    NotificationNotFound = "notification.not_found", 404, "There is no such notification",
        "The page Notifications and `emboflow notification list` show the names.";
    /// The notification could never be sent.
    NotificationInvalid = "notification.invalid", 422, "The notification is not valid",
        "Each of the `errors` says which field and what it may be.";
    /// No such run.
    RunNotFound = "run.not_found", 404, "There is no such run",
        "`emboflow run list` shows the runs of the project; one that has ended long ago may have been removed.";
    /// The run's state does not allow it.
    RunStateConflict = "run.state_conflict", 409, "The run's state does not allow this",
        "A run that has ended never opens again: retry makes a new one. Of a run that is open, name the tasks to repeat, or change its inputs.";
    /// Too many runs are above it.
    RunTooDeep = "run.too_deep", 409, "Too many runs are above this one",
        "A run has 8 above it at most: see whether a workflow starts itself by its tasks, and end that with `if`.";
    /// It would wait for a key that a run above it holds.
    RunKeyHeldAbove = "run.key_held_above", 409, "A run above it holds its concurrency key",
        "Such a run would wait for its parent, which waits for it: give one of the two workflows another `concurrency.key`.";
    /// Nothing of the run could be repeated.
    RunNothingToRetry = "run.nothing_to_retry", 409, "Nothing of the run would be repeated",
        "Name the tasks to repeat from, give an input another value, or submit a new run.";
    /// No such request.
    RequestNotFound = "request.not_found", 404, "There is no request with this key",
        "Nothing waits under this key: send the request; with the same key that is safe.";
    /// No such task.
    TaskNotFound = "task.not_found", 404, "The run has no such task";
    /// Nobody is asked to decide on the task.
    ApprovalNotOpen = "approval.not_open", 409, "The task waits for no decision",
        "`emboflow run approvals` shows what waits for one.";
    /// Somebody has decided something else.
    ApprovalDecided = "approval.decided", 409, "The task was decided already, in another way",
        "A decision is final in its run; `emboflow run retry` makes a run that asks again.";
    /// No such attempt.
    AttemptNotFound = "attempt.not_found", 404, "The task has no such attempt";
    /// No such trigger.
    TriggerNotFound = "trigger.not_found", 404, "There is no such trigger",
        "`emboflow trigger list` shows the triggers of the project.";
    /// The trigger stands in the file of a workflow, or another one has its name.
    TriggerConflict = "trigger.conflict", 409, "The trigger belongs to something else",
        "A trigger in the file of a workflow is changed there; one with the same name elsewhere needs another name.";
    /// The operation is for another kind of trigger.
    TriggerKind = "trigger.kind", 409, "The trigger is of another kind",
        "Times and backfill are for `schedule`, the secret and the address are for `webhook`.";
    /// Nothing is started while it is paused.
    TriggerPaused = "trigger.paused", 409, "The trigger is paused",
        "`emboflow trigger resume` lets it start runs again.";
    /// Runs that start each other have come to their bound.
    TriggerChain = "trigger.chain", 409, "Runs that lead to each other have come to their bound",
        "Look for triggers on ended runs that start each other; `docs/triggers.md` has the bounds.";
    /// What came does not give the inputs that the trigger is to make of it.
    TriggerMapping = "trigger.mapping", 422, "No inputs can be made of what came",
        "Compare the expressions under `inputs` of the trigger with what was sent.";
    /// The process that starts the runs of triggers does not answer.
    TriggerUnavailable = "trigger.unavailable", 503, "The trigger service does not answer",
        "Send it again: what is safely taken is answered so. Schedules are made up for when the service is back.";
    /// The signature of a webhook request is missing or wrong, or its timestamp is off.
    HookSignature = "hook.signature", 401, "The signature of the request is not good",
        "Sign `<id>.<timestamp>.<body>` with HMAC-SHA256 and the trigger's secret, at the time of sending.";
    /// The same webhook request has come before.
    HookReplayed = "hook.replayed", 409, "The request has come before",
        "Nothing is to be done: it was taken the first time. A new request needs a new `webhook-id`.";
    /// No such artifact.
    ArtifactNotFound = "artifact.not_found", 404, "There is no such artifact",
        "Artifacts are there when their task has succeeded.";
    /// No such executor.
    ExecutorNotFound = "executor.not_found", 404, "There is no such executor";
    /// What is asked about cannot be looked at.
    WhatIfInvalid = "what_if.invalid", 422, "The question what would be cannot be answered",
        "Correct the fields that `errors` names; `docs/answers.md` explains them.";
    /// The executor is there and cannot be forgotten.
    ExecutorOnline = "executor.online", 409, "The executor is online",
        "Stop the executor first; then it can be forgotten.";
    /// NATS does not answer.
    BusUnavailable = "bus.unavailable", 503, "The message bus does not answer",
        "`emboflow doctor` and the page System say what is wrong with NATS. What was acknowledged is not lost.";
    /// The records do not answer.
    RecordsUnavailable = "records.unavailable", 503, "The records do not answer",
        "`emboflow doctor` and the page System say what is wrong with the records.";
    /// The scheduler does not answer.
    SchedulerUnavailable = "scheduler.unavailable", 503, "The scheduler does not answer",
        "Requests that are taken wait; the page System shows when it is back.";
    /// The storage gateway or its back end does not answer.
    StorageUnavailable = "storage.unavailable", 503, "The object storage does not answer",
        "The page System shows each step of the storage's check.";
    /// The key of an object has the wrong form.
    StorageBadKey = "storage.bad_key", 400, "The object key is not valid";
    /// No such object.
    StorageNotFound = "storage.not_found", 404, "There is no such object";
    /// No storage token, or a wrong one.
    StorageTokenInvalid = "storage.token_invalid", 401, "The storage token is missing or not valid",
        "Tokens are signed with the key that gateway, scheduler and API have in common.";
    /// The storage token does not reach so far.
    StorageForbidden = "storage.forbidden", 403, "The storage token does not allow this";
    /// The range cannot be served.
    StorageRange = "storage.range", 416, "The range is outside the object",
        "Ask for a range that begins before the end of the object.";
    /// The object exists.
    StorageExists = "storage.exists", 412, "The object exists already",
        "Objects of an attempt are written once.";
    /// The bytes are not the ones announced.
    StorageChecksum = "storage.checksum", 422, "The checksum of the content does not match",
        "Send it again: it was damaged on the way, or on the disk that it was read from.";
    /// The disk is full.
    StorageDiskFull = "storage.disk_full", 507, "The storage is full",
        "Free space on the gateway's disk, or remove runs that are no longer needed.";
    /// An attempt to read a message failed.
    MessageUnreadable = "message.unreadable", 400, "The message cannot be read";
    /// The installation is in maintenance.
    SystemMaintenance = "system.maintenance", 503, "The installation is in maintenance",
        "Nothing is taken in until it is over; `detail` says why. Send it again later with the same idempotency key.";
    /// No such backup, or one that was never finished.
    BackupNotFound = "backup.not_found", 404, "There is no such backup",
        "`emboflow backup list` shows the backups that are whole; one that was cut off is not among them.";
    /// What is stored of the backup is not what was written.
    BackupDamaged = "backup.damaged", 422, "The backup is damaged",
        "Take another backup of the list, or the same one from another copy; nothing has been changed.";
    /// Written by a newer program.
    BackupNewer = "backup.newer", 422, "The backup was made by a newer version",
        "Restore it with that version or a newer one, then run that version; nothing has been changed.";
    /// Sealed with another key.
    BackupKey = "backup.key", 422, "The backup was sealed with another key",
        "Name the key file of the installation that made it with `--key-file`; without it nobody can read it.";
    /// The place to restore to holds something.
    BackupTarget = "backup.target", 409, "There is something where the backup would be restored to",
        "Restore to an empty place, or say `--replace`: what is there is set aside first.";
    /// Somebody uses the place to restore to, or the place of the backups.
    BackupBusy = "backup.busy", 409, "Somebody else is using it",
        "Stop the services before a restore; let one backup end before the next begins.";
    /// The place of the backups, the records or the objects cannot be used.
    BackupUnavailable = "backup.unavailable", 503, "The backup cannot go on",
        "`detail` says which part does not answer or has no room; the same command may be given again.";
    /// The records are older than this program.
    BackupSource = "backup.source", 409, "The records have the form of an older version",
        "Back up with the version that runs, and upgrade afterwards; or start this version's services once first.";
    /// A defect of the platform.
    Internal = "internal", 500, "Something went wrong inside EmboFlow",
        "The logs have the cause under the `request_id`.";
}

impl ErrorCode {
    /// Whether the same request may succeed later without a change.
    pub const fn is_retryable(self) -> bool {
        // A quota's refusal is kept with its key: only another request may succeed.
        let is_kept = matches!(self, Self::QuotaOpenRuns | Self::QuotaQueuedRuns | Self::QuotaSubmitRate);
        !is_kept && matches!(self.status(), 408 | 429 | 503 | 507)
    }

    /// The code with this text.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.code() == code)
    }
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldError {
    /// Stable code.
    pub code: String,
    /// What is wrong and why.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Line in the source text, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column in the source text, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// JSON pointer to the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The line of the source text with a mark below the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
}

impl FieldError {
    /// An error without a place.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code: code.code().to_owned(), message: message.into(), ..Self::default() }
    }
}

impl From<workflow::Problem> for FieldError {
    fn from(problem: workflow::Problem) -> Self {
        Self {
            code: problem.code.to_owned(),
            message: problem.message,
            hint: problem.hint,
            // A problem of the given inputs has no place in the source.
            line: (problem.line > 0).then_some(problem.line),
            column: (problem.column > 0).then_some(problem.column),
            pointer: Some(problem.pointer),
            snippet: problem.snippet,
        }
    }
}

/// An error answer: RFC 9457 `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// URI reference of the code's documentation.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// Short title, the same every time.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// Stable code.
    pub code: String,
    /// What is wrong this time, and where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The single errors, where there are several or they have a place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Whether the same request may succeed later without a change.
    pub retryable: bool,
    /// Names this answer in the logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Problem {
    /// The error with this code.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            type_uri: format!("/docs/errors#{}", code.code()),
            title: code.title().to_owned(),
            status: code.status(),
            code: code.code().to_owned(),
            detail: Some(detail.into()),
            hint: None,
            errors: Vec::new(),
            retryable: code.is_retryable(),
            request_id: None,
        }
    }

    /// With what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With the single errors.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_of_the_given_inputs_names_no_line() {
        let source =
            "version: 1\nname: a\ninputs: { count: { type: integer } }\ntasks: { b: { image: c } }\n";
        let workflow = workflow::parse(source).unwrap();
        let given = serde_json::json!({ "count": "many" });
        let problem = workflow.resolve_inputs(given.as_object().unwrap()).unwrap_err().remove(0);
        let error = FieldError::from(problem);
        assert_eq!((error.line, error.column), (None, None));
        assert_eq!(error.pointer.as_deref(), Some("/inputs/count"));
    }

    #[test]
    fn every_code_has_one_spelling() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_code(code.code()), Some(*code));
            assert!((400..600).contains(&code.status()), "{}", code.code());
            assert!(code.advice().matches('`').count() % 2 == 0, "{}", code.code());
        }
    }
}
