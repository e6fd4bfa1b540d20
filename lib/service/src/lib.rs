//! The frame every EmboFlow service runs in: configuration, telemetry, metrics, health, TLS set-up and an
//! orderly stop. It knows nothing about workflows.

pub mod config;
mod fail_point;
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
pub use fail_point::FailPoints;
pub use health::Health;
pub use probe::probe;
pub use served::served_certificate;
pub use shutdown::Shutdown;
pub use trace::Tracer;

/// Of every program of ours: a service makes and drops many small values on several threads for each run, and the C
/// library's allocator took two fifths of the time of a burst.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
