//! What an engine's refusal means.

use bollard::errors::Error;

use crate::runtime::RuntimeError;

pub(super) fn create_error(image: &str, error: Error) -> RuntimeError {
    match error {
        Error::DockerResponseServerError { status_code: 404, message } => {
            RuntimeError::ImageNotFound { image: image.to_owned(), detail: message }
        }
        Error::DockerResponseServerError { status_code: 400, message } => {
            RuntimeError::BadSpec { detail: message }
        }
        error => engine_error("creating a container", error),
    }
}

/// A start is refused with 400 for a bad command, and with 404 for a missing working directory as for a missing
/// container; a mount or a cgroup that fails has much the same words, without the `exec`.
pub(super) fn start_error(error: Error) -> RuntimeError {
    match error {
        Error::DockerResponseServerError { message, .. } if is_bad_command(&message) => {
            RuntimeError::BadCommand { detail: message }
        }
        error => engine_error("starting a container", error),
    }
}

fn is_bad_command(message: &str) -> bool {
    let text = message.to_lowercase();
    let says = |phrase: &str| text.contains(phrase);
    let cannot_run = ["not found", "permission denied", "no such file or directory", "is a directory"];
    says("exec format error")
        || says("executable file")
        || says("chdir")
        || says("exec: \"") && cannot_run.into_iter().any(says)
}

fn is_disk_full(message: &str) -> bool {
    message.contains("no space left on device")
}

/// What a failed call means where its status has no meaning of its own.
pub(super) fn engine_error(doing: &'static str, error: Error) -> RuntimeError {
    match error {
        Error::DockerResponseServerError { message, .. } | Error::DockerStreamError { error: message }
            if is_disk_full(&message) =>
        {
            RuntimeError::DiskFull { detail: message }
        }
        Error::DockerResponseServerError { message, .. } => RuntimeError::Failed { doing, detail: message },
        Error::DockerStreamError { error } => RuntimeError::Failed { doing, detail: error },
        error => RuntimeError::Unreachable { detail: format!("{doing}: {error}") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_start_is_the_commands_fault_only_where_the_engine_says_so() {
        let runc =
            "failed to create shim: OCI runtime create failed: container_linux.go:380: starting container";
        for (status_code, text, of_command) in [
            (400, r#"process caused: exec: "nope": executable file not found in $PATH: unknown"#, true),
            (400, r#"process caused: exec: "/x": permission denied: unknown"#, true),
            (400, r#"process caused: exec: "/x": stat /x: no such file or directory: unknown"#, true),
            (400, "standard_init_linux.go:228: exec user process caused: exec format error", true),
            (404, r#"chdir to cwd ("/x") set in config.json failed: no such file or directory"#, true),
            (404, "No such container: ef-x", false),
            (409, "container is marked for removal and cannot be started", false),
            (500, "mountpoint for /sys/fs/cgroup/memory: no such file or directory", false),
            (500, r#"rootfs_linux.go:76: mounting "/a" to rootfs at "/b" caused: permission denied"#, false),
        ] {
            let message = format!("{runc} {text}");
            let error = start_error(Error::DockerResponseServerError { status_code, message });
            assert_eq!(matches!(error, RuntimeError::BadCommand { .. }), of_command, "{text}: {error:?}");
        }
        let message = "mkdir /var/lib/docker/x: no space left on device".to_owned();
        let full = start_error(Error::DockerResponseServerError { status_code: 500, message });
        assert!(matches!(full, RuntimeError::DiskFull { .. }), "{full:?}");
    }
}
