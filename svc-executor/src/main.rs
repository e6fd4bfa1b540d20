//! The executor as a process of its own.

fn main() -> std::process::ExitCode {
    let as_guard = svc_executor::guard::run_if_asked();
    let serve = || emboflow_service::process::main("executor", env!("CARGO_PKG_VERSION"), svc_executor::run);
    as_guard.unwrap_or_else(serve)
}
