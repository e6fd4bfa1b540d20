//! Requests that are meant for somebody else: with a public address set, only its host is answered to.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use emboflow_protocol::ErrorCode;

use crate::access::Client;
use crate::app::App;
use crate::problem::Failure;

/// Asked by machines, under whatever name they know this one by.
const FOR_MACHINES: &[&str] = &["/health", "/ready", "/livez", "/readyz", "/metrics"];

/// The layer before everything.
pub(crate) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    let Some(public) = app.access.public_host() else { return next.run(request).await };
    if FOR_MACHINES.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let client = Client::of(&app.access.trusted_proxies, request.extensions(), request.headers());
    // HTTP/2 has the host in the address.
    let asked = client.host.or_else(|| request.uri().authority().map(|authority| authority.to_string()));
    let asked = asked.unwrap_or_default();
    if is_ours(&asked, public, &app.other_hosts, client.address) {
        return next.run(request).await;
    }
    let shown: String = asked.chars().filter(|c| !c.is_control()).take(80).collect();
    Failure::new(ErrorCode::HostUnknown, format!("'{shown}' is not this installation's host"))
        .with_hint(format!("the public address is that of '{public}'"))
        .into_response()
}

/// A port that is the usual one may be left out. Whoever sits at this machine may call it by its own names.
fn is_ours(asked: &str, public: &str, others: &[String], from: IpAddr) -> bool {
    let plain = |host: &str| {
        let host = host.to_ascii_lowercase();
        let usual = host.strip_suffix(":443").or_else(|| host.strip_suffix(":80"));
        usual.unwrap_or(&host).to_owned()
    };
    let asked = plain(asked);
    if asked == plain(public) || others.iter().any(|other| asked == plain(other)) {
        return true;
    }
    let name = match asked.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => asked.as_str(),
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let is_local = name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    is_local && from.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_host_is_answered_to_and_from_the_machine_itself_its_own_names() {
        let far: IpAddr = "192.0.2.1".parse().unwrap();
        let near: IpAddr = "127.0.0.1".parse().unwrap();
        let others = vec!["api:8420".to_owned()];
        let ours = |asked: &str, from| is_ours(asked, "flow.example.org", &others, from);
        for good in ["flow.example.org", "FLOW.example.org:443", "flow.example.org:80", "api:8420"] {
            assert!(ours(good, far), "{good}");
        }
        for bad in
            ["", "evil.example", "flow.example.org.evil.example", "flow.example.org:8443", "localhost", "["]
        {
            assert!(!ours(bad, far), "{bad}");
        }
        for local in ["localhost:8420", "127.0.0.1:8420", "[::1]:8420", "localhost"] {
            assert!(ours(local, near) && !ours(local, far), "{local}");
        }
        assert!(!ours("evil.example", near), "a page that rebinds its name is refused");
        assert!(is_ours("10.0.0.5:8420", "10.0.0.5:8420", &[], far));
    }
}
