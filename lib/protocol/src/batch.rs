//! Several new runs in one message: one durable write takes them all.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::FieldError;
use crate::request::{Answer, SubmitBody};

/// Requests of a batch at most.
pub const MAX_BATCH_REQUESTS: usize = 500;
/// Bytes of the answer to a batch up to which it shows each run, well below the server's message limit.
const MAX_SHOWN_BYTES: usize = 512 * 1024;

/// Body of `batch`: 1 to 500 requests for new runs, decided in their order and each for itself.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchBody {
    /// The requests.
    #[schemars(length(min = 1, max = 500))]
    pub requests: Vec<BatchRequest>,
}

/// One request of a batch.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// Its idempotency key: what the header of a single request says.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[!-~]+$"))]
    pub key: String,
    /// What the body of a single request says, kept as it was written: its digest tells two requests under a key apart.
    #[schemars(with = "SubmitBody")]
    pub body: Box<RawValue>,
    /// W3C trace context of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// The answer to a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum BatchAnswer {
    /// Each request was decided.
    Answered {
        /// What became of them, in their order. Without `run` where the message would become too large.
        answers: Vec<Answer>,
    },
    /// The batch as a whole could not be read; nothing of it was decided.
    Rejected {
        /// What is wrong.
        errors: Vec<FieldError>,
    },
}

impl BatchAnswer {
    /// The answers, fit for one message.
    pub fn fitted(mut answers: Vec<Answer>) -> Self {
        let bytes = serde_json::to_vec(&answers).map_or(usize::MAX, |json| json.len());
        if bytes > MAX_SHOWN_BYTES {
            for answer in &mut answers {
                match answer {
                    Answer::Accepted { run, .. } => *run = None,
                    Answer::Rejected { errors } => errors.truncate(1),
                }
            }
        }
        Self::Answered { answers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    #[test]
    fn a_request_in_a_batch_keeps_the_bytes_of_its_body() {
        let batch: BatchBody =
            serde_json::from_str(r#"{"requests": [{"key": "a", "body": {"source":  "x" } }]}"#).unwrap();
        assert_eq!(batch.requests[0].body.get(), r#"{"source":  "x" }"#);
        assert!(serde_json::from_str::<BatchBody>(r#"{"requests": [{"body": {}}]}"#).is_err());
        assert!(serde_json::from_str::<BatchBody>(r#"{"requests": [], "x": 1}"#).is_err());
    }

    #[test]
    fn an_answer_too_large_for_a_message_says_less_about_each_request() {
        let errors = |count| vec![FieldError::new(ErrorCode::RequestMalformed, "x".repeat(400)); count];
        let few = BatchAnswer::fitted(vec![Answer::Rejected { errors: errors(2) }; 2]);
        assert_eq!(few, BatchAnswer::Answered { answers: vec![Answer::Rejected { errors: errors(2) }; 2] });
        let many = BatchAnswer::fitted(vec![Answer::Rejected { errors: errors(9) }; MAX_BATCH_REQUESTS]);
        assert!(serde_json::to_vec(&many).unwrap().len() < MAX_SHOWN_BYTES);
    }
}
