//! The configuration of a NATS server with the settings that EmboFlow needs, as text.

mod users;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use emboflow_protocol::stream::STREAMS;

use crate::jetstream::EXECUTORS_MAX_BYTES;

pub use users::{Login, ServerUser, users_config};

/// When the server forces what it acknowledged onto the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Before each acknowledgement: nothing acknowledged is lost at a power cut.
    Always,
    /// At intervals: a power cut loses at most this much.
    Every(Duration),
}

/// What differs between servers.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Address to listen on.
    pub host: String,
    /// Port for clients; 0 = any free one, told in the ports file.
    pub port: u16,
    /// Port of the monitoring endpoint on loopback (0 = any free one); none = no monitoring.
    pub monitor_port: Option<u16>,
    /// Directory of the streams.
    pub store_dir: PathBuf,
    /// Bytes that all streams may take together.
    pub store_bytes: u64,
    /// When acknowledged messages are on the disk.
    pub sync: Sync,
    /// The one user and password, who may do everything; none = everybody may connect.
    pub user: Option<(String, String)>,
    /// Name of a file beside the configuration with the users and their rights, see [`users_config`], instead of `user`.
    pub users_file: Option<String>,
    /// Certificates; none = nothing is encrypted.
    pub tls: Option<ServerTls>,
    /// Directory for the file that tells the ports, see [`ports_of`].
    pub ports_dir: Option<PathBuf>,
    /// File for the log; none = standard error.
    pub log_file: Option<PathBuf>,
}

/// The certificates of a server, PEM files all.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// The server's certificate, with those between it and its authority.
    pub cert_file: PathBuf,
    /// Its key.
    pub key_file: PathBuf,
    /// Authorities of clients; given, a client without a certificate of theirs is refused.
    pub client_ca_file: Option<PathBuf>,
}

impl ServerOptions {
    /// A server on loopback, on any free port, without users and monitoring, that syncs always and has room for
    /// every stream's budget.
    pub fn new(store_dir: impl Into<PathBuf>) -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 0,
            monitor_port: None,
            store_dir: store_dir.into(),
            store_bytes: budget(),
            sync: Sync::Always,
            user: None,
            users_file: None,
            tls: None,
            ports_dir: None,
            log_file: None,
        }
    }
}

/// Room for the streams of others on the same server, such as those that triggers follow: 1 GiB.
const OTHERS_BYTES: i64 = 1024 * 1024 * 1024;

/// Bytes that all streams and the bucket of heartbeats may take together, and the streams of others.
pub fn budget() -> u64 {
    let streams: i64 = STREAMS.iter().map(|stream| stream.max_bytes).sum();
    u64::try_from(streams + EXECUTORS_MAX_BYTES + OTHERS_BYTES).unwrap_or(0)
}

/// The configuration file's text.
pub fn server_config(options: &ServerOptions) -> String {
    let mut text = String::new();
    let mut line = |content: String| {
        text.push_str(&content);
        text.push('\n');
    };
    line(format!("host: {}", quoted(&options.host)));
    line(format!("port: {}", port(options.port)));
    if let Some(monitor) = options.monitor_port {
        line(format!("http: \"127.0.0.1:{}\"", port(monitor)));
    }
    if let Some(dir) = &options.ports_dir {
        line(format!("ports_file_dir: {}", path(dir)));
    }
    if let Some(file) = &options.log_file {
        line(format!("log_file: {}", path(file)));
        line("log_size_limit: 16MB".to_owned());
        line("log_max_num: 4".to_owned());
    }
    line("max_payload: 1MB".to_owned());
    line("max_pending: 64MB".to_owned());
    line("write_deadline: \"10s\"".to_owned());
    // The default leaves a dead client connected for six minutes.
    line("ping_interval: \"10s\"".to_owned());
    line("ping_max: 2".to_owned());
    if let Some((user, password)) = &options.user {
        line(format!("authorization {{ user: {}, password: {} }}", quoted(user), quoted(password)));
    }
    if let Some(file) = &options.users_file {
        line(format!("include {}", quoted(file)));
    }
    if let Some(tls) = &options.tls {
        line("tls {".to_owned());
        line(format!("  cert_file: {}", path(&tls.cert_file)));
        line(format!("  key_file: {}", path(&tls.key_file)));
        if let Some(authorities) = &tls.client_ca_file {
            line(format!("  ca_file: {}", path(authorities)));
            line("  verify: true".to_owned());
        }
        line("}".to_owned());
    }
    line("jetstream {".to_owned());
    line(format!("  store_dir: {}", path(&options.store_dir)));
    line(format!("  max_file_store: {}", options.store_bytes));
    line("  max_memory_store: 67108864".to_owned());
    line(match options.sync {
        Sync::Always => "  sync_interval: always".to_owned(),
        Sync::Every(interval) => format!("  sync_interval: \"{}ms\"", interval.as_millis().max(1)),
    });
    line("}".to_owned());
    text
}

/// Ports of the server with this pid, which was started with this `ports_dir`. None until it listens.
pub fn ports_of(dir: &Path, pid: u32) -> Option<Ports> {
    // The server names the file after its own program, whatever that is called.
    let end = format!("_{pid}.ports");
    let told = std::fs::read_dir(dir)
        .ok()?
        .flatten()
        .find(|file| file.file_name().to_str().is_some_and(|name| name.ends_with(&end)))?;
    parse_ports(&std::fs::read_to_string(told.path()).ok()?)
}

/// Ports of a running server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// For clients.
    pub client: u16,
    /// Of the monitoring endpoint.
    pub monitor: Option<u16>,
}

/// Reads a ports file. None while it is not wholly written.
fn parse_ports(text: &str) -> Option<Ports> {
    let ports: serde_json::Value = serde_json::from_str(text).ok()?;
    let first = |list: &str| -> Option<u16> {
        ports.get(list)?.get(0)?.as_str()?.trim_end_matches('/').rsplit(':').next()?.parse().ok()
    };
    Some(Ports { client: first("nats")?, monitor: first("monitoring") })
}

/// The server takes -1 for "any free port".
fn port(port: u16) -> String {
    if port == 0 { "-1".to_owned() } else { port.to_string() }
}

fn path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// A string of the configuration language: whatever is in it, it ends only at its end.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_ascii_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_cannot_break_out_of_its_string() {
        let options = ServerOptions {
            user: Some(("me".to_owned(), "a\" }\nport: 1 \\".to_owned())),
            ..ServerOptions::new("/tmp/x y")
        };
        let text = server_config(&options);
        assert!(text.contains(r#"password: "a\" }\x0aport: 1 \\" }"#), "{text}");
        assert!(text.contains(r#"store_dir: "/tmp/x y""#), "{text}");
    }

    #[test]
    fn a_server_syncs_always_and_listens_on_loopback_unless_told_otherwise() {
        let text = server_config(&ServerOptions::new("/tmp/x"));
        assert!(text.contains("sync_interval: always") && text.contains("host: \"127.0.0.1\""), "{text}");
        assert!(text.contains("port: -1") && !text.contains("http:"), "{text}");
    }

    #[test]
    fn the_ports_are_read_back_and_half_a_file_is_no_ports() {
        let text = r#"{"nats":["nats://127.0.0.1:41234"],"monitoring":["http://127.0.0.1:8222/"]}"#;
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("nats-server-v2.15.1_117.ports"), text).unwrap();
        std::fs::write(dir.path().join("nats-server_17.ports"), &text[..20]).unwrap();
        assert_eq!(ports_of(dir.path(), 117), Some(Ports { client: 41234, monitor: Some(8222) }));
        assert_eq!(ports_of(dir.path(), 17), None);
        assert_eq!(ports_of(dir.path(), 7), None);
    }
}
