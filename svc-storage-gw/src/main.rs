//! The storage gateway as a process of its own.

fn main() -> std::process::ExitCode {
    emboflow_service::process::main("storage-gw", env!("CARGO_PKG_VERSION"), svc_storage_gw::run)
}
