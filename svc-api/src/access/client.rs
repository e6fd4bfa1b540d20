//! Where a request comes from: past the proxies that the configuration trusts, and no others.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};
use ipnet::IpNet;

use crate::app::App;
use crate::problem::Failure;

/// The client of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its address.
    pub(crate) address: IpAddr,
    /// Whether it came over TLS.
    pub(crate) secure: bool,
    /// The host that it asked for.
    pub(crate) host: Option<String>,
}

impl Client {
    /// Reads the connection, and what trusted proxies say of the one before theirs.
    pub(crate) fn of(trusted: &[IpNet], extensions: &Extensions, headers: &HeaderMap) -> Self {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical();
        let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let host = text(header::HOST.as_str()).map(str::to_owned);
        if !is_trusted(&peer) {
            return Self { address: peer, secure: false, host };
        }
        // Each proxy adds whom it heard at the end; what stands before the first untrusted one may be made up.
        let lists = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let heard: Vec<&str> = lists.flat_map(|list| list.split(',')).map(str::trim).collect();
        let heard = heard.iter().rev().map_while(|text| text.parse::<IpAddr>().ok());
        let mut address = peer;
        for before in heard {
            address = before.to_canonical();
            if !is_trusted(&address) {
                break;
            }
        }
        let secure = text("x-forwarded-proto").is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
        let host = text("x-forwarded-host").map(str::to_owned).or(host);
        Self { address, secure, host }
    }
}

impl FromRequestParts<App> for Client {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        Ok(Self::of(&app.access.trusted_proxies, &parts.extensions, &parts.headers))
    }
}

impl aide::OperationInput for Client {}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn client(peer: &str, pairs: &[(&'static str, &str)]) -> Client {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        Client::of(&trusted, &extensions, &headers)
    }

    #[test]
    fn a_stranger_cannot_say_where_it_comes_from() {
        let forged = [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-proto", "https"), ("host", "a")];
        let seen = client("192.0.2.9", &forged);
        assert_eq!((seen.address.to_string().as_str(), seen.secure), ("192.0.2.9", false));
        assert_eq!(seen.host.as_deref(), Some("a"));
    }

    #[test]
    fn a_trusted_proxy_is_believed_up_to_the_first_that_is_not() {
        let through = |list: &str| client("10.0.0.1", &[("x-forwarded-for", list)]).address.to_string();
        assert_eq!(through("203.0.113.7"), "203.0.113.7");
        assert_eq!(through("1.1.1.1, 203.0.113.7, 10.9.9.9"), "203.0.113.7", "the first is made up");
        assert_eq!(through("1.1.1.1, garbage, 203.0.113.7"), "203.0.113.7");
        assert_eq!(through("1.1.1.1, garbage"), "10.0.0.1");
        assert_eq!(through(""), "10.0.0.1");
        let secure = client(
            "::ffff:10.0.0.1",
            &[("x-forwarded-proto", "https"), ("x-forwarded-host", "flow.example")],
        );
        assert_eq!((secure.secure, secure.host.as_deref()), (true, Some("flow.example")));
    }
}
