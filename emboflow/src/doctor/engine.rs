//! Asks a container engine who it is: one request over its socket, nothing more.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use svc_executor::runtime::docker::DEFAULT_HOST;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;

const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_MAX_BYTES: u64 = 1 << 20;

/// An engine that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Engine {
    /// Its address.
    pub(crate) host: String,
    /// Its version.
    pub(crate) version: String,
    /// The newest version of the API that it speaks.
    pub(crate) api: String,
    /// The oldest version of the API that it speaks.
    pub(crate) api_min: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    version: String,
    api_version: String,
    #[serde(default, rename = "MinAPIVersion")]
    min_api_version: String,
}

/// Asks the engine at `unix://…`; none = the usual socket.
pub(crate) async fn ask(host: Option<&str>) -> anyhow::Result<Engine> {
    let host = host.filter(|host| !host.is_empty()).unwrap_or(DEFAULT_HOST);
    let Some(socket) = host.strip_prefix("unix://") else {
        bail!("'{host}' is not the address of a local engine such as {DEFAULT_HOST}");
    };
    let answer = tokio::time::timeout(ANSWERS_WITHIN, version_of(Path::new(socket))).await;
    let text = answer
        .with_context(|| format!("nothing answers at {host} within {} s", ANSWERS_WITHIN.as_secs()))?
        .with_context(|| format!("nothing answers at {host}"))?;
    let answer: Answer =
        read(&text).with_context(|| format!("what answers at {host} is no container engine"))?;
    let version = answer.version.split('+').next().unwrap_or_default().to_owned();
    Ok(Engine { host: host.to_owned(), version, api: answer.api_version, api_min: answer.min_api_version })
}

async fn version_of(socket: &Path) -> std::io::Result<Vec<u8>> {
    exchange(UnixStream::connect(socket).await?).await
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<Vec<u8>> {
    // To HTTP/1.0 the whole body is answered as it is, and then the connection ends.
    stream.write_all(b"GET /version HTTP/1.0\r\nHost: engine\r\n\r\n").await?;
    let mut text = Vec::new();
    stream.take(ANSWER_MAX_BYTES).read_to_end(&mut text).await?;
    Ok(text)
}

fn read(text: &[u8]) -> Option<Answer> {
    let at = text.windows(4).position(|window| window == b"\r\n\r\n")?;
    serde_json::from_slice(&text[at + 4..]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::UnixListener;

    #[tokio::test]
    async fn an_engine_says_its_versions_and_a_stranger_is_recognised() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let listener = UnixListener::bind(&socket).unwrap();
        let host = format!("unix://{}", socket.display());
        let answering = tokio::spawn(async move {
            for body in
                [r#"{"Version":"20.10.24+dfsg1","ApiVersion":"1.41","MinAPIVersion":"1.12"}"#, "hello"]
            {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 256];
                assert!(stream.read(&mut request).await.unwrap() > 0);
                stream.write_all(format!("HTTP/1.0 200 OK\r\n\r\n{body}").as_bytes()).await.unwrap();
            }
        });
        let engine = ask(Some(&host)).await.unwrap();
        assert_eq!((engine.version.as_str(), engine.api.as_str()), ("20.10.24", "1.41"));
        assert!(ask(Some(&host)).await.unwrap_err().to_string().contains("no container engine"));
        answering.await.unwrap();
        assert!(ask(Some("unix:///nowhere")).await.unwrap_err().to_string().contains("/nowhere"));
        assert!(ask(Some("tcp://127.0.0.1:1")).await.is_err());
    }
}
