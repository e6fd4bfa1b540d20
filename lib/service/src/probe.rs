//! Asks a service over HTTP whether it is well: the health check of a container image that has no shell and no client.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(4);
/// More of an answer than anybody reads.
const MOST_BYTES: u64 = 64 * 1024;

/// Gets `http://host:port/path` once; the answer's body when its status is 200.
///
/// # Errors
/// The address is no such URL, nothing answers within 4 s, or the status is another one: then with what was answered,
/// for `/ready` says which dependency is missing.
pub fn probe(url: &str) -> Result<String, String> {
    let place = url.strip_prefix("http://").ok_or_else(|| format!("{url}: only http:// can be asked"))?;
    let (host, path) = place.split_once('/').unwrap_or((place, ""));
    let answer = get(host, path).map_err(|error| format!("{url}: {error}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split(' ').nth(1) {
        Some("200") => Ok(body.to_owned()),
        _ => Err(format!("{url}: {} {body}", head.lines().next().unwrap_or("no answer"))),
    }
}

fn get(host: &str, path: &str) -> std::io::Result<String> {
    let address = host.to_socket_addrs()?.next().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // With 1.0 nobody sends chunks, and the answer ends where the connection does.
    write!(stream, "GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MOST_BYTES).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Health, Shutdown};

    #[tokio::test]
    async fn a_probe_says_which_dependency_is_missing() {
        let (health, shutdown) = (Health::new("demo"), Shutdown::new());
        let address = health.serve(([127, 0, 0, 1], 0).into(), &shutdown).await.unwrap();
        let ask = move |path: &'static str| {
            tokio::task::spawn_blocking(move || probe(&format!("http://{address}{path}")))
        };
        assert!(ask("/ready").await.unwrap().unwrap().contains("\"ready\":true"));
        health
            .check("nats", Duration::from_secs(1), || async { Err::<String, _>(anyhow::anyhow!("refused")) });
        let said = ask("/readyz").await.unwrap().unwrap_err();
        assert!(said.contains("503") && said.contains("refused"), "{said}");
        assert!(ask("/health").await.unwrap().is_ok(), "a broken dependency does not make a process dead");
    }

    #[test]
    fn what_cannot_be_asked_is_an_error() {
        assert!(probe("https://127.0.0.1/").unwrap_err().contains("only http://"));
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(probe(&format!("http://{free}/health")).unwrap_err().contains(&free.to_string()));
    }
}
