//! The trigger service: waits for times, messages and ended runs, and publishes run requests – the one way in.
//!
//! What is due is decided by `emboflow_model::trigger`. A watermark is written only after the request is safely taken,
//! and the key of a request says what it is for: whatever a crash repeats is the same request.

mod answers;
mod backfills;
mod backoff;
mod config;
mod ended;
mod fire;
mod foreign;
mod hands;
mod journal;
mod keeper;
mod kept;
mod measure;
mod messages;
mod notify;
mod objects;
mod requester;
mod schedule;
mod service;
mod stream;
mod subject;

pub use config::Config;
pub use foreign::Foreign;
pub use notify::{Config as Notify, Smtp, SmtpTls};
pub use objects::Config as Objects;
pub use service::{run, start, start_on};
