//! The subjects of JetStream's own API, one stream or consumer at a time: a whole `$JS.API.>` would give away every
//! stream of the account.

use crate::message::Subject;
use crate::stream::StreamSpec;

/// Looks at a stream.
pub(super) fn info(stream: &str) -> String {
    format!("$JS.API.STREAM.INFO.{stream}")
}

/// Looks at the consumers of a stream.
pub(super) fn consumers(stream: &str) -> String {
    format!("$JS.API.CONSUMER.LIST.{stream}")
}

/// Makes a stream and keeps its settings.
pub(super) fn make(stream: &str) -> [String; 3] {
    [info(stream), format!("$JS.API.STREAM.CREATE.{stream}"), format!("$JS.API.STREAM.UPDATE.{stream}")]
}

/// Takes what waits in a stream by one durable consumer, settles it, and makes the consumer anew. The filter is part of the subject by which the
/// consumer is made, so that it cannot be made with another one.
pub(super) fn consume(stream: &StreamSpec, durable: &str, filter: Option<&Subject>) -> Vec<String> {
    let stream = stream.name;
    let of_filter = filter.map(|filter| format!(".{filter}")).unwrap_or_default();
    vec![
        format!("$JS.API.CONSUMER.CREATE.{stream}.{durable}{of_filter}"),
        format!("$JS.API.CONSUMER.DELETE.{stream}.{durable}"),
        format!("$JS.API.CONSUMER.INFO.{stream}.{durable}"),
        format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"),
        format!("$JS.ACK.{stream}.{durable}.>"),
    ]
}

/// Takes what waits in another system's stream, by consumers that come and go.
pub(super) fn consume_anew(stream: &str) -> [String; 6] {
    [
        info(stream),
        format!("$JS.API.CONSUMER.CREATE.{stream}.>"),
        format!("$JS.API.CONSUMER.INFO.{stream}.*"),
        format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.*"),
        format!("$JS.API.CONSUMER.DELETE.{stream}.*"),
        format!("$JS.ACK.{stream}.>"),
    ]
}

/// Gives up the consumers of a stream, and what waits for them.
pub(super) fn give_up(stream: &StreamSpec) -> [String; 2] {
    let stream = stream.name;
    [format!("$JS.API.CONSUMER.DELETE.{stream}.*"), format!("$JS.API.STREAM.PURGE.{stream}")]
}

/// Reads stored messages directly, without a consumer.
pub(super) fn read(stream: &str) -> String {
    format!("$JS.API.DIRECT.GET.{stream}")
}
