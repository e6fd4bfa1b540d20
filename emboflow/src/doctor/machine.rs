//! What this machine needs: a container engine, nats-server, room on the disk.

use std::path::Path;

use super::{Finding, Verdict, engine};
use crate::text;
use crate::up::nats;

/// The oldest API of a Docker engine that is spoken: that of 20.10.
const API_MIN: (u32, u32) = (1, 41);
/// Below this the platform itself soon cannot write.
const FREE_MIN: u64 = 256 << 20;
/// Below this an image or two fill the disk.
const FREE_ENOUGH: u64 = 5 << 30;

pub(super) async fn engine(host: Option<&str>) -> Finding {
    let name = "container engine";
    match engine::ask(host).await {
        Err(error) => Finding::new(name, Verdict::Failed, format!("{error:#}")).with_hint(
            "tasks run in Docker containers: `make setup` installs and starts it; \
             if it runs, may you use its socket? (group docker)",
        ),
        Ok(engine) if version(&engine.api) < Some(API_MIN) => {
            let detail = format!("docker {} speaks API {}", engine.version, engine.api);
            let hint = format!("API {}.{} is needed: Docker 20.10 or newer", API_MIN.0, API_MIN.1);
            Finding::new(name, Verdict::Failed, detail).with_hint(hint)
        }
        Ok(engine) => {
            let detail = format!("docker {} at {}, API {}", engine.version, engine.host, engine.api);
            Finding::new(name, Verdict::Ok, detail)
        }
    }
}

pub(super) async fn nats_server(named: Option<&Path>) -> Finding {
    let name = "nats-server";
    let found = match nats::find(named) {
        Ok(program) => nats::version(&program).await.map(|version| (program, version)),
        Err(error) => Err(error),
    };
    match found {
        Ok((program, version)) => {
            Finding::new(name, Verdict::Ok, format!("{version} at {}", program.display()))
        }
        Err(error) => Finding::new(name, Verdict::Failed, format!("{error:#}")).with_hint(format!(
            "`emboflow up` starts it as its child; {} is the oldest that serves",
            nats::MIN_VERSION
        )),
    }
}

pub(super) fn disk(data_dir: &Path) -> Finding {
    let name = "disk";
    // A data directory that is not there yet is made below one that is.
    let there = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let there = there.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(there) {
        Err(error) => {
            Finding::new(name, Verdict::Failed, format!("{} cannot be asked: {error}", there.display()))
        }
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let detail = format!("{} free at {}", text::size(free), there.display());
            let hint = "runs keep logs and artifacts here: make room, or choose another --data-dir";
            match free {
                0..FREE_MIN => Finding::new(name, Verdict::Failed, detail).with_hint(hint),
                FREE_MIN..FREE_ENOUGH => Finding::new(name, Verdict::Warning, detail).with_hint(hint),
                _ => Finding::new(name, Verdict::Ok, detail),
            }
        }
    }
}

fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_missing_is_a_failure_with_a_hint() {
        let missing = engine(Some("unix:///nowhere/docker.sock")).await;
        assert!(missing.verdict == Verdict::Failed && missing.hint.is_some(), "{missing:?}");
        let missing = nats_server(Some(Path::new("/nowhere"))).await;
        assert!(missing.verdict == Verdict::Failed && missing.detail.contains("make setup"), "{missing:?}");
        assert_ne!(disk(Path::new("/tmp/not/there/yet")).verdict, Verdict::Failed);
    }

    #[test]
    fn versions_of_the_api_compare_by_number() {
        assert!(
            version("1.9") < Some(API_MIN) && version("1.50") > Some(API_MIN) && version("x") < Some(API_MIN)
        );
    }
}
