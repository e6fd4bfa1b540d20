//! The scheduler as a process of its own.

fn main() -> std::process::ExitCode {
    emboflow_service::process::main("scheduler", env!("CARGO_PKG_VERSION"), svc_scheduler::run)
}
