//! What crosses a process boundary: messages that compute their own subject, the stream table, HTTP bodies and the
//! error catalogue. Pure, and compiles to wasm.

pub mod approval_asked;
pub mod batch;
pub mod call;
pub mod command;
pub mod dead_letter;
pub mod error;
pub mod event;
pub mod forecast;
pub mod header;
pub mod health;
pub mod http;
pub mod log;
pub mod message;
pub mod notice;
pub mod object;
pub mod object_created;
pub mod position;
pub mod progress;
pub mod report;
pub mod request;
pub mod rights;
pub mod run_ended;
#[cfg(feature = "secrets")]
pub mod secret_box;
pub mod secret_value;
#[cfg(feature = "tokens")]
pub mod storage_token;
pub mod stream;
pub mod trace;
pub mod trigger;
#[cfg(feature = "tokens")]
pub mod upload_token;
pub mod verdict;

pub use error::{ErrorCode, FieldError, Problem};
pub use message::{Message, Subject};
pub use secret_value::SecretValue;
