//! The frame every EmboFlow service runs in: configuration, telemetry, metrics, health, TLS set-up and an
//! orderly stop. It knows nothing about workflows.

pub mod config;
pub mod health;
mod log_file;
pub mod metrics;
mod probe;
pub mod process;
mod served;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
pub mod trace;
pub mod vitals;

pub use config::{ConfigError, Keys, Secret};
pub use health::Health;
pub use probe::probe;
pub use served::served_certificate;
pub use shutdown::Shutdown;
pub use trace::Tracer;
