//! Spans by OTLP. A span is told whole, when it is over, from facts that its teller keeps anyway: nothing travels with
//! the work, a restart breaks no trace, and a process that is told no receiver does nothing at all.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};

use crate::{Shutdown, telemetry};

/// Spans that wait for the receiver at most; what comes above is dropped.
const WAITING: usize = 8_192;
/// How long a span waits for others before they are sent.
const SENT_EACH: Duration = Duration::from_secs(1);
/// How long the receiver may take for an answer, and the last spans at the end of a service.
const ANSWER: Duration = Duration::from_secs(5);

/// Something that took time, and is over.
#[derive(Clone, Debug)]
pub struct Span {
    /// 32 hexadecimal digits; a span with another trace is dropped.
    pub trace_id: String,
    /// Not zero. The same span told twice has the same id.
    pub id: u64,
    /// The span that it is a part of; zero = it is the first of its trace.
    pub parent: u64,
    /// One of few: what differs is in the attributes.
    pub name: &'static str,
    /// Answers a request from outside.
    pub is_entry: bool,
    /// Milliseconds since 1970.
    pub from_ms: i64,
    /// Milliseconds since 1970; not before `from_ms`.
    pub to_ms: i64,
    /// What it was about.
    pub attributes: Vec<(&'static str, String)>,
    /// Why it did not go well.
    pub error: Option<String>,
}

/// Tells spans to a receiver, or drops them where there is none. Clones share it; the default is off.
#[derive(Clone, Default)]
pub struct Tracer(Option<Arc<BatchSpanProcessor>>);

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_on() { "Tracer(on)" } else { "Tracer(off)" })
    }
}

impl Tracer {
    /// A tracer for one service; off when the configuration names no receiver. The spans that wait at `shutdown` are
    /// still sent. Errors: the receiver's address cannot be used.
    pub fn start(
        config: &telemetry::Config,
        service: &'static str,
        instance: &str,
        shutdown: &Shutdown,
    ) -> anyhow::Result<Self> {
        let Some(endpoint) = config.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()) else {
            return Ok(Self::default());
        };
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&url)
            .with_timeout(ANSWER)
            .build()
            .with_context(|| format!("telemetry.otlp_endpoint {endpoint:?} cannot be used"))?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(WAITING)
            .with_scheduled_delay(SENT_EACH)
            .build();
        let mut processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        processor.set_resource(&resource(service, instance));
        let tracer = Self(Some(Arc::new(processor)));
        let (last, stop) = (tracer.clone(), shutdown.token());
        shutdown.spawn("traces", async move {
            stop.cancelled().await;
            last.flush().await;
        });
        tracing::info!(url, "traces are sent");
        Ok(tracer)
    }

    /// Whether anybody receives spans: without, nothing needs to be put together.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Tells a span. Never waits; dropped when the receiver is too slow.
    pub fn tell(&self, span: Span) {
        if let Some(processor) = &self.0
            && let Some(data) = data(span)
        {
            processor.on_end(data);
        }
    }

    /// Sends what waits, and waits for the receiver's answer.
    pub async fn flush(&self) {
        let Some(processor) = self.0.clone() else { return };
        let flushed = tokio::task::spawn_blocking(move || processor.force_flush());
        if let Ok(Ok(Err(error))) = tokio::time::timeout(ANSWER, flushed).await {
            tracing::warn!(%error, "the last spans are not sent");
        }
    }
}

fn resource(service: &'static str, instance: &str) -> Resource {
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", format!("emboflow-{service}")),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance.to_owned()),
        ])
        .build()
}

/// None for a span of no trace.
fn data(span: Span) -> Option<SpanData> {
    let trace = TraceId::from_hex(&span.trace_id).ok().filter(|trace| *trace != TraceId::INVALID)?;
    let id = SpanId::from(span.id);
    let at = |ms: i64| UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    let (start_time, end_time): (SystemTime, SystemTime) =
        (at(span.from_ms), at(span.to_ms.max(span.from_ms)));
    Some(SpanData {
        span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::NONE),
        parent_span_id: SpanId::from(span.parent),
        parent_span_is_remote: false,
        span_kind: if span.is_entry { SpanKind::Server } else { SpanKind::Internal },
        name: span.name.into(),
        start_time,
        end_time,
        attributes: span.attributes.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: span.error.map_or(Status::Ok, Status::error),
        instrumentation_scope: InstrumentationScope::builder("emboflow").build(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(trace_id: &str) -> Span {
        Span {
            trace_id: trace_id.to_owned(),
            id: 7,
            parent: 3,
            name: "attempt",
            is_entry: false,
            from_ms: 2_000,
            to_ms: 1_000,
            attributes: vec![("emboflow.task", "train[3]".to_owned())],
            error: Some("exit 1".to_owned()),
        }
    }

    #[test]
    fn a_span_keeps_its_ids_and_never_ends_before_it_began() {
        let data = data(span("4bf92f3577b34da6a3ce929d0e0e4736")).unwrap();
        assert_eq!(data.span_context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(data.span_context.span_id().to_string(), "0000000000000007");
        assert_eq!(data.parent_span_id.to_string(), "0000000000000003");
        assert_eq!(data.start_time, data.end_time);
        assert!(matches!(data.status, Status::Error { .. }));
    }

    #[test]
    fn a_span_of_no_trace_is_dropped() {
        for trace in ["", "0", "00000000000000000000000000000000", "not hexadecimal"] {
            assert!(data(span(trace)).is_none(), "{trace}");
        }
    }

    #[tokio::test]
    async fn a_tracer_without_a_receiver_is_off_and_one_with_a_bad_address_says_so() {
        let shutdown = Shutdown::new();
        let off = Tracer::start(&telemetry::Config::default(), "demo", "one", &shutdown).unwrap();
        assert!(!off.is_on());
        let config = telemetry::Config { otlp_endpoint: Some("not an address".to_owned()) };
        let error = Tracer::start(&config, "demo", "one", &shutdown).unwrap_err();
        assert!(format!("{error:#}").contains("telemetry.otlp_endpoint"), "{error:#}");
    }
}
