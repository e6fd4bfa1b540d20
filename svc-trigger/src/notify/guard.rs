//! Which addresses a webhook may reach: only public ones, unless the operator says more. Judged where the connection is
//! made, on the address itself, so that no name can change its meaning in between.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The networks that may be reached although they are not public.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    allowed: Arc<[IpNet]>,
}

/// An address that may not be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{host} leads to {what}: a webhook reaches public addresses, and the networks of `notify.allowed_networks`"
)]
pub(super) struct Forbidden {
    host: String,
    // Not the address itself: who sets a webhook must not learn what names mean inside of this network.
    what: &'static str,
}

impl Guard {
    pub(super) fn new(allowed: &[IpNet]) -> Self {
        Self { allowed: allowed.into() }
    }

    /// Judges the host of a URL where it is an address; a name is judged when it is resolved.
    pub(super) fn admit_url(&self, url: &reqwest::Url) -> Result<(), Forbidden> {
        let host = url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare.parse().map_or(Ok(()), |address| self.admit(host, address))
    }

    fn admit(&self, host: &str, address: IpAddr) -> Result<(), Forbidden> {
        if self.allowed.iter().any(|net| net.contains(&address)) {
            return Ok(());
        }
        not_public(address).map_or(Ok(()), |what| Err(Forbidden { host: host.to_owned(), what }))
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let judged = found.map(|found| guard.admit(name.as_str(), found.ip()).map(|()| found));
            // One address that may not be reached makes the name suspect, whatever its others are.
            let good: Vec<SocketAddr> = judged.collect::<Result<_, _>>()?;
            Ok(Box::new(good.into_iter()) as Addrs)
        })
    }
}

/// What an address is when it is not a public host's (the special-purpose registries of RFC 6890).
fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => not_public_v4(v4),
        IpAddr::V6(v6) => not_public_v6(v6),
    }
}

fn not_public_v4(v4: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = v4.octets();
    Some(match (a, b, c) {
        (0, ..) => "no host's address",
        (127, ..) => "this machine itself",
        (169, 254, _) => "a link-local address, where clouds keep their metadata",
        (10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => {
            "an address of a private network"
        }
        (192, 0, 0) | (192, 0, 2) | (198, 18..=19, _) | (198, 51, 100) | (203, 0, 113) | (192, 88, 99) => {
            "an address for special purposes"
        }
        (224..=255, ..) => "no single host's address",
        _ => return None,
    })
}

fn not_public_v6(v6: Ipv6Addr) -> Option<&'static str> {
    if let Some(v4) = embedded_v4(v6) {
        return not_public_v4(v4);
    }
    let [first, second, ..] = v6.segments();
    Some(match first {
        _ if v6.is_loopback() => "this machine itself",
        _ if v6.is_unspecified() => "no host's address",
        0xfc00..=0xfdff | 0xfec0..=0xfeff => "an address of a private network",
        0xfe80..=0xfebf => "a link-local address",
        0xff00..=0xffff => "no single host's address",
        0x2001 if second < 0x0200 || second == 0x0db8 => "an address for special purposes",
        // Outside of what is given to hosts at all.
        _ if !(0x2000..=0x3fff).contains(&first) => "an address for special purposes",
        _ => return None,
    })
}

/// The IPv4 address that an IPv6 one leads to: mapped, compatible, translated (NAT64) and 6to4.
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff | 0) if !v6.is_loopback() && !v6.is_unspecified() => Some(v4(g, h)),
        (0, 0, 0, 0, 0xffff, 0) | (0x64, 0xff9b, 0, 0, 0, 0) => Some(v4(g, h)),
        (0x2002, high, low, ..) => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(guard: &Guard, url: &str) -> bool {
        guard.admit_url(&url.parse().unwrap()).is_ok()
    }

    #[test]
    fn only_public_addresses_are_reached_however_they_are_written() {
        let guard = Guard::new(&[]);
        for good in ["http://93.184.215.14/", "https://[2606:2800:21f::1]/x", "https://example.org/"] {
            assert!(admitted(&guard, good), "{good}");
        }
        for bad in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0.0.0.0/",
            "http://169.254.169.254/latest/meta-data",
            "http://10.1.2.3/",
            "http://172.31.0.1/",
            "http://192.168.1.1/",
            "http://100.64.0.1/",
            "http://224.0.0.1/",
            "http://255.255.255.255/",
            "http://[::1]/",
            "http://[::]/",
            "http://[::ffff:169.254.169.254]/",
            "http://[::127.0.0.1]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://[64:ff9b:1::5db8:d70e]/",
            "http://[2002:7f00:1::]/",
            "http://[fe80::1]/",
            "http://[fd00:ec2::254]/",
            "http://[ff02::1]/",
            "http://[2001:db8::1]/",
            "http://[100::1]/",
        ] {
            assert!(!admitted(&guard, bad), "{bad}");
        }
    }

    #[test]
    fn what_the_operator_allows_is_reached_and_nothing_beside_it() {
        let guard = Guard::new(&["10.1.0.0/16".parse().unwrap(), "::1/128".parse().unwrap()]);
        assert!(admitted(&guard, "http://10.1.2.3/") && admitted(&guard, "http://[::1]/"));
        assert!(!admitted(&guard, "http://10.2.0.1/") && !admitted(&guard, "http://127.0.0.1/"));
    }

    #[tokio::test]
    async fn a_name_is_judged_by_the_address_that_it_leads_to() {
        let resolved = |guard: Guard| async move { guard.resolve("localhost".parse().unwrap()).await };
        let refused = resolved(Guard::new(&[])).await.err().unwrap().to_string();
        assert!(
            refused.contains("localhost leads to") && refused.contains("this machine itself"),
            "{refused}"
        );
        let all = Guard::new(&["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
        assert!(resolved(all).await.unwrap().count() > 0);
    }
}
