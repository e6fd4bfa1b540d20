//! The executor as a process of its own.

fn main() -> std::process::ExitCode {
    emboflow_service::process::main("executor", env!("CARGO_PKG_VERSION"), svc_executor::run)
}
