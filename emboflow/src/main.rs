//! EmboFlow in one binary: `emboflow up` runs everything, the other commands talk to what runs.

mod cli;
mod client;
mod context;
mod doctor;
mod failure;
mod nats_users;
mod output;
mod private_file;
mod process;
mod text;
mod up;
mod up_json;
mod watch;

fn main() -> std::process::ExitCode {
    svc_executor::guard::run_if_asked().unwrap_or_else(cli::main)
}
