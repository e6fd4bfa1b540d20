//! Log lines: one JSON object a line for machines, readable ones on a terminal; and where traces go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::io::IsTerminal;
use std::sync::{LazyLock, Once};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::writer::MakeWriterExt;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

pub use crate::log_file::LogFile;

static ONCE: Once = Once::new();

/// What a line is about, for those who look for one run among all: these stand beside the message, everything else
/// that an event or its spans carry stands in `fields`.
const SUBJECTS: [&str; 5] = ["run", "task", "attempt", "request_id", "trace_id"];

/// What leaves the process beside logs and metrics; the section `telemetry` of every service's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Base address of an OTLP receiver over HTTP, such as `http://127.0.0.1:4318`; none (default) = no traces.
    pub otlp_endpoint: Option<String>,
}

/// Starts logging to standard error for the whole process; only the first call counts. `EMBOFLOW_LOG` (or
/// `RUST_LOG`) holds a filter such as `info,svc_scheduler=debug`; the default is `info`.
pub fn init(service: &'static str) {
    ONCE.call_once(|| {
        let layer = if std::io::stderr().is_terminal() {
            tracing_subscriber::fmt::layer().with_writer(std::io::stderr).compact().boxed()
        } else {
            json_lines(service, std::io::stderr)
        };
        // Where the host program already logs its own way, it stays so.
        let _already_set = tracing_subscriber::registry().with(layer.with_filter(filter())).try_init();
    });
}

/// Starts logging to a file for the whole process; only the first call counts. Standard error repeats warnings on a
/// terminal, where people read something else, and everything elsewhere. The filter is that of [`init`]; targets that start
/// with one of `hushed` warn nobody on a terminal.
pub fn init_with_file(service: &'static str, file: LogFile, hushed: &[&'static str]) {
    ONCE.call_once(|| {
        let to_file = move || file.clone();
        let layers = if std::io::stderr().is_terminal() {
            let people =
                tracing_subscriber::fmt::layer().with_writer(std::io::stderr).compact().without_time();
            let hushed = hushed.iter().map(|target| (*target, LevelFilter::ERROR));
            let warnings = Targets::new().with_default(LevelFilter::WARN).with_targets(hushed);
            vec![json_lines(service, to_file), people.with_filter(warnings).boxed()]
        } else {
            // One layer for both: a line is made once.
            vec![json_lines(service, to_file.and(std::io::stderr))]
        };
        // Where the host program already logs its own way, it stays so.
        let _already_set = tracing_subscriber::registry().with(filter()).with(layers).try_init();
    });
}

/// Writes each event as one JSON object a line.
fn json_lines<S, W>(service: &'static str, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .fmt_fields(JsonFields::new())
        .event_format(JsonLine { service })
        .boxed()
}

/// They show what they send and receive beyond these levels.
const TALKATIVE: &[&str] =
    &["async_nats=info", "bollard=info", "oauth2=info", "openidconnect=info", "hyper=info", "h2=info"];

fn filter() -> EnvFilter {
    #[expect(clippy::disallowed_methods, reason = "logging starts before any configuration is read")]
    let wanted = std::env::var("EMBOFLOW_LOG").or_else(|_| std::env::var("RUST_LOG"));
    let wanted = wanted.unwrap_or_else(|_| "info".to_owned());
    filter_of(&wanted)
}

/// Whatever is wanted, libraries that write down whole messages are never that loud: a container is created with its
/// environment, an identity provider is asked with a secret, and a claim is answered with one.
fn filter_of(wanted: &str) -> EnvFilter {
    let filter = EnvFilter::try_new(wanted).unwrap_or_else(|_| EnvFilter::new("info"));
    let quiet = TALKATIVE.iter().filter_map(|most| most.parse().ok());
    quiet.fold(filter, EnvFilter::add_directive)
}

/// Tells this process from others of its service: the name of its machine or container.
pub fn instance() -> &'static str {
    static INSTANCE: LazyLock<String> = LazyLock::new(|| {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        if name.is_empty() { "unknown".to_owned() } else { name }
    });
    &INSTANCE
}

struct JsonLine {
    service: &'static str,
}

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> tracing_subscriber::fmt::FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let text = extensions.get::<FormattedFields<N>>().map_or("", |formatted| formatted.as_str());
            if let Ok(Value::Object(of_span)) = serde_json::from_str(text) {
                fields.values.extend(of_span);
            }
        }
        event.record(&mut fields);
        let mut at = String::new();
        SystemTime.format_time(&mut Writer::new(&mut at))?;
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| drop(line.insert(name.to_owned(), value));
        put("time", at.into());
        put("level", event.metadata().level().as_str().into());
        put("service", self.service.into());
        put("instance", instance().into());
        put("target", event.metadata().target().into());
        for subject in SUBJECTS {
            if let Some(value) = fields.values.remove(subject) {
                put(subject, value);
            }
        }
        put("message", fields.message.into());
        put("fields", fields.values.into());
        let line = Value::Object(line);
        writeln!(out, "{line}")
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    values: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => drop(self.values.insert(name.to_owned(), value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::String(format!("{value:?}")));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::from(value));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::from(value));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::from(value));
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::from(value));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::from(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_wish_for_details_makes_a_library_show_the_secrets_that_it_sends() {
        let sink = Sink::default();
        for wanted in ["trace", "debug", "info,bollard=trace", "not a filter ==="] {
            let writer = sink.clone();
            let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
            let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter_of(wanted)));
            tracing::subscriber::with_default(subscriber, || {
                tracing::debug!(target: "bollard::docker", "canary");
                tracing::trace!(target: "hyper::proto::h1", "canary");
                tracing::trace!(target: "async_nats::connection", "canary");
                tracing::warn!(target: "bollard::docker", "the engine is away");
            });
        }
        let said = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert!(!said.contains("canary"), "{said}");
        assert_eq!(said.matches("the engine is away").count(), 4);
    }

    #[test]
    fn a_line_is_one_json_object_with_the_fields_of_its_spans() {
        let sink = Sink::default();
        let writer = sink.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(move || writer.clone())
            .fmt_fields(JsonFields::new())
            .event_format(JsonLine { service: "demo" });
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let _span = tracing::info_span!("attempt", run = "run-1", attempt = "run-1.a.1").entered();
            tracing::warn!(attempts = 3, ok = false, "line\nwith \"quotes\"");
        });
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "line\nwith \"quotes\"");
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["service"], "demo");
        assert_eq!(line["instance"], instance());
        assert_eq!((&line["run"], &line["attempt"]), (&"run-1".into(), &"run-1.a.1".into()));
        assert_eq!(line["task"], Value::Null, "what a line is not about is left out");
        assert_eq!(line["fields"], serde_json::json!({"attempts": 3, "ok": false}));
        assert!(line["time"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn starting_twice_is_harmless() {
        init("first");
        init("second");
    }
}
