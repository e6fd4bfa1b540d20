//! The API as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    emboflow_service::process::main("api", env!("CARGO_PKG_VERSION"), svc_api::run)
}
