//! The trigger service as a process of its own.

fn main() -> std::process::ExitCode {
    emboflow_service::process::main("trigger", env!("CARGO_PKG_VERSION"), svc_trigger::run)
}
