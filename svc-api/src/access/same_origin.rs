//! Whether the page itself sent a request, as its browser says.

use axum::http::HeaderMap;

use super::client::Client;

/// What a browser says of the page that sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// The page itself.
    Own,
    /// Another site's page.
    Foreign,
    /// It says nothing: no browser, or an old one.
    Unsaid,
}

/// Who sent it. `public_host` is the host of the configured address of the page.
pub(super) fn sender(headers: &HeaderMap, client: &Client, public_host: Option<&str>) -> Sender {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let own = |is_own: bool| if is_own { Sender::Own } else { Sender::Foreign };
    // `none`: the person typed the address, or opened a bookmark; that sends no unsafe request.
    if let Some(site) = text("sec-fetch-site") {
        return own(site == "same-origin");
    }
    let Some(origin) = text("origin") else { return Sender::Unsaid };
    let host = origin.split_once("://").map(|(_, host)| host);
    own(host.is_some() && (host == client.host.as_deref() || host == public_host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    #[test]
    fn only_the_pages_own_origin_is_its_own() {
        let said = |pairs: &[(&'static str, &str)]| {
            let headers: HeaderMap = pairs
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
                .collect();
            let host = Some("127.0.0.1:1".to_owned());
            let client = Client { address: [127, 0, 0, 1].into(), secure: false, host };
            sender(&headers, &client, Some("flow.example"))
        };
        assert_eq!(said(&[]), Sender::Unsaid);
        assert_eq!(said(&[("origin", "http://127.0.0.1:1")]), Sender::Own);
        assert_eq!(said(&[("origin", "https://flow.example")]), Sender::Own);
        assert_eq!(said(&[("sec-fetch-site", "same-origin")]), Sender::Own);
        for (name, value) in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1:2"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "none"),
        ] {
            assert_eq!(said(&[(name, value)]), Sender::Foreign, "{value}");
        }
        assert_eq!(
            said(&[("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:1")]),
            Sender::Foreign
        );
    }
}
