//! What `emboflow up` says when it is ready.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use super::{Options, Runtime};
use crate::doctor::engine;
use crate::up_json::UpJson;

/// The block of text.
pub(super) struct Banner<'a> {
    pub(super) up: &'a UpJson,
    pub(super) data: &'a Path,
    pub(super) runtime: &'a RuntimeFound,
    pub(super) is_exposed: bool,
}

/// What carries out tasks, or why nothing does yet.
pub(super) enum RuntimeFound {
    Ready(String),
    Missing(String),
}

/// Looks at the runtime; one that is missing stops nothing.
pub(super) async fn look_at_runtime(options: &Options) -> RuntimeFound {
    if options.runtime == Runtime::Simulated {
        return RuntimeFound::Ready("simulated: tasks only seem to run".to_owned());
    }
    match engine::ask(options.docker_host.as_deref()).await {
        Ok(engine) => RuntimeFound::Ready(format!("docker {} at {}", engine.version, engine.host)),
        Err(error) => RuntimeFound::Missing(format!("{error:#}")),
    }
}

impl fmt::Display for Banner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (up, data) = (self.up, self.data.display());
        writeln!(f, "EmboFlow {} is up (process {})\n", env!("CARGO_PKG_VERSION"), up.pid)?;
        writeln!(f, "  page     {}", up.page_url)?;
        writeln!(f, "           the link signs one browser in")?;
        writeln!(f, "  API      {}/api/v1", up.api_url)?;
        writeln!(f, "  NATS     {}, user {}; the password is in up.json", up.nats_url, up.nats_user)?;
        writeln!(f, "  data     {data} (kept; logs in {data}/logs)")?;
        match self.runtime {
            RuntimeFound::Ready(runtime) => writeln!(f, "  runtime  {runtime}")?,
            RuntimeFound::Missing(why) => {
                writeln!(f, "  runtime  none yet: {why}")?;
                writeln!(f, "           runs wait until it answers; `emboflow doctor` says what to do")?;
            }
        }
        if self.is_exposed {
            writeln!(
                f,
                "\n  Others can reach this address, and it speaks plain HTTP: put a proxy with TLS before it."
            )?;
        }
        let default =
            Path::new(crate::cli::DEFAULT_DATA_DIR).canonicalize().is_ok_and(|path| path == self.data);
        let variable =
            if default { String::new() } else { format!("EMBOFLOW_DATA_DIR={} ", quoted(&data.to_string())) };
        writeln!(f, "\n  try: {variable}emboflow run examples/hello/workflow.yaml --watch")?;
        writeln!(f, "  Ctrl-C stops it; containers that run are taken over at the next start.")
    }
}

/// As a shell reads it back.
fn quoted(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    if text.chars().all(is_plain) { text.into() } else { format!("'{}'", text.replace('\'', "'\\''")).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up() -> UpJson {
        UpJson {
            api_url: "http://127.0.0.1:8080".to_owned(),
            page_url: "http://127.0.0.1:8080/session?code=abc".to_owned(),
            nats_url: "nats://127.0.0.1:4222".to_owned(),
            nats_user: "emboflow".to_owned(),
            nats_password: "hush".to_owned(),
            token: "hush".to_owned(),
            pid: 7,
        }
    }

    #[test]
    fn the_block_names_what_is_where_and_keeps_secrets_to_itself() {
        let runtime = RuntimeFound::Missing("nobody listens".to_owned());
        let banner = Banner { up: &up(), data: Path::new("/data/x"), runtime: &runtime, is_exposed: true };
        let text = banner.to_string();
        assert!(text.contains("session?code=abc") && text.contains("nats://127.0.0.1:4222"), "{text}");
        assert!(text.contains("none yet: nobody listens") && text.contains("plain HTTP"), "{text}");
        assert!(text.contains("EMBOFLOW_DATA_DIR=/data/x emboflow run"), "{text}");
        assert!(!text.contains("hush"), "{text}");
        assert_eq!(quoted("/a b/it's"), r"'/a b/it'\''s'");
    }
}
