//! Images: which reference is asked for, and what a registry's refusal means.

use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::CreateImageOptionsBuilder;
use emboflow_model::runtime_spec::PullPolicy;
use emboflow_model::{ImagePull, RuntimeSpec};
use futures::StreamExt;

use super::engine_error;
use super::layers::Layers;
use super::pulls::{Pulls, Teller};
use crate::metrics;
use crate::runtime::RuntimeError;

/// A registry that says nothing for this long is given up, so that three tries end within two minutes.
pub(super) const SILENCE: Duration = Duration::from_secs(35);
/// Pauses between tries against a registry that does not answer.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// Sees to it that images are there.
#[derive(Clone)]
pub(super) struct Puller {
    pub(super) calls: Docker,
    pub(super) streams: Docker,
    pub(super) silence: Duration,
}

impl Puller {
    /// Fetches the image if the spec's policy wants it, and gives its content digest.
    pub(super) async fn prepare(
        self,
        spec: &RuntimeSpec,
        pulls: &Pulls,
        progress: &(dyn Fn(&ImagePull) + Send + Sync),
    ) -> Result<Option<String>, RuntimeError> {
        let image = &spec.image;
        if spec.pull != PullPolicy::Always
            && let Some(digest) = self.present(image).await?
        {
            return Ok(Some(digest));
        }
        if spec.pull == PullPolicy::Never {
            let detail =
                "it is not on this executor, and `pull: never` forbids to ask the registry".to_owned();
            return Err(RuntimeError::ImageNotFound { image: image.clone(), detail });
        }
        let (own, wanted) = (self.clone(), image.clone());
        let is_missing = spec.pull != PullPolicy::Always;
        let pull = |teller: Teller| {
            if is_missing {
                teller.tell(ImagePull::of(&wanted));
            }
            async move { own.pull(&wanted, &teller).await }
        };
        pulls.share(image, progress, pull).await?;
        self.present(image).await
    }

    /// The content digest of an image that the engine has.
    async fn present(&self, image: &str) -> Result<Option<String>, RuntimeError> {
        match self.calls.inspect_image(image).await {
            Ok(found) => {
                let of_registry = found.repo_digests.unwrap_or_default().into_iter().next();
                Ok(of_registry.or(found.id))
            }
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(Error::DockerResponseServerError { status_code: 400, message }) => {
                Err(RuntimeError::ImageNotFound { image: image.to_owned(), detail: message })
            }
            Err(error) => Err(engine_error("looking for an image", error)),
        }
    }

    async fn pull(&self, image: &str, teller: &Teller) -> Result<(), RuntimeError> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let error = match self.pull_once(image, teller).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let RuntimeError::ImageUnavailable { .. } = &error else { return Err(error) };
            let Some(pause) = pauses.next() else { return Err(error) };
            tracing::warn!(image, %error, "the registry did not give the image; trying again");
            tokio::time::sleep(pause).await;
        }
    }

    async fn pull_once(&self, image: &str, teller: &Teller) -> Result<(), RuntimeError> {
        let options = CreateImageOptionsBuilder::new().from_image(&with_tag(image)).build();
        let mut steps = self.streams.create_image(Some(options), None, None).boxed();
        let (mut layers, mut bytes_before) = (Layers::default(), 0);
        loop {
            match tokio::time::timeout(self.silence, steps.next()).await {
                Err(_) => {
                    let detail = format!("the registry said nothing for {} s", self.silence.as_secs());
                    return Err(RuntimeError::ImageUnavailable { image: image.to_owned(), detail });
                }
                Ok(None) => return Ok(()),
                Ok(Some(Ok(step))) => {
                    layers.take(&step);
                    let Some(pull) = layers.pull(image) else { continue };
                    metrics::image_pulled(pull.bytes_done.saturating_sub(bytes_before));
                    bytes_before = bytes_before.max(pull.bytes_done);
                    teller.tell(pull);
                }
                Ok(Some(Err(error))) => return Err(pull_error(image, error)),
            }
        }
    }
}

/// Without a tag the engine would fetch every tag of the repository.
fn with_tag(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    if image.contains('@') || last.contains(':') { image.to_owned() } else { format!("{image}:latest") }
}

fn pull_error(image: &str, error: Error) -> RuntimeError {
    match error {
        Error::DockerResponseServerError { status_code, message } => {
            refusal(image, Some(status_code), message)
        }
        Error::DockerStreamError { error } => refusal(image, None, error),
        error => engine_error("fetching an image", error),
    }
}

/// What a registry's answer means. The engine passes most of them on as text only.
fn refusal(image: &str, status: Option<u16>, detail: String) -> RuntimeError {
    const DENIED: [&str; 7] = [
        "unauthorized",
        "authentication required",
        "no basic auth credentials",
        "access denied",
        "access to the resource is denied",
        "403 forbidden",
        "401 unauthorized",
    ];
    const MISSING: [&str; 5] =
        ["manifest unknown", "name unknown", "not found", "no matching manifest", "invalid reference format"];
    let text = detail.to_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    let image = image.to_owned();
    if text.contains("no space left on device") {
        RuntimeError::DiskFull { detail }
    } else if says(&DENIED) || matches!(status, Some(401 | 403)) {
        RuntimeError::ImageDenied { image, detail }
    } else if says(&["no such host", "connection refused", "timeout", "server misbehaving"]) {
        RuntimeError::ImageUnavailable { image, detail }
    } else if says(&MISSING) || matches!(status, Some(400 | 404)) {
        RuntimeError::ImageNotFound { image, detail }
    } else {
        RuntimeError::ImageUnavailable { image, detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_that_never_answers_is_given_up_within_two_minutes() {
        let tries = u32::try_from(PAUSES.len() + 1).unwrap();
        let longest = SILENCE * tries + PAUSES.iter().sum::<Duration>();
        assert!(longest <= Duration::from_secs(120), "{longest:?}");
    }

    #[test]
    fn an_image_without_a_tag_means_the_latest_one_only() {
        for (image, asked) in [
            ("busybox", "busybox:latest"),
            ("busybox:1", "busybox:1"),
            ("127.0.0.1:5000/busybox", "127.0.0.1:5000/busybox:latest"),
            ("127.0.0.1:5000/a/b:2", "127.0.0.1:5000/a/b:2"),
            ("a@sha256:00", "a@sha256:00"),
        ] {
            assert_eq!(with_tag(image), asked);
        }
    }

    #[test]
    fn a_refusal_is_told_by_status_and_text() {
        let kind = |status, text: &str| match refusal("i", status, text.to_owned()) {
            RuntimeError::ImageNotFound { .. } => "not_found",
            RuntimeError::ImageDenied { .. } => "denied",
            RuntimeError::ImageUnavailable { .. } => "unavailable",
            RuntimeError::DiskFull { .. } => "disk_full",
            _ => "other",
        };
        for (status, text, expected) in [
            (Some(404), "manifest for a:1 not found: manifest unknown: manifest unknown", "not_found"),
            (Some(404), "repository a not found: name unknown", "not_found"),
            (Some(400), "invalid reference format", "not_found"),
            (None, "no matching manifest for linux/amd64 in the manifest list entries", "not_found"),
            (
                Some(404),
                "pull access denied for a, repository does not exist or may require 'docker login'",
                "denied",
            ),
            (Some(500), "Get http://r/v2/a/manifests/1: no basic auth credentials", "denied"),
            (Some(500), "unauthorized: authentication required", "denied"),
            (Some(403), "anything", "denied"),
            (Some(500), "Get \"https://r/v2/\": dial tcp: lookup r: no such host", "unavailable"),
            (Some(500), "dial tcp: lookup r on 1.1.1.1:53: server misbehaving", "unavailable"),
            (Some(500), "dial tcp 127.0.0.1:1: connect: connection refused", "unavailable"),
            (
                Some(500),
                "net/http: request canceled (Client.Timeout exceeded while awaiting headers)",
                "unavailable",
            ),
            (Some(500), "received unexpected HTTP status: 500 Internal Server Error", "unavailable"),
            (Some(500), "toomanyrequests: rate limit", "unavailable"),
            (None, "write /var/lib/x: no space left on device", "disk_full"),
        ] {
            assert_eq!(kind(status, text), expected, "{text}");
        }
    }
}
