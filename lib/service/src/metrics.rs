//! The process's one metrics registry. Libraries that may not use this crate register in the same place with
//! the macros of `prometheus`, whose default registry this is.

use prometheus::{IntGaugeVec, Opts, Registry, TextEncoder};
use std::collections::HashSet;
use std::sync::{LazyLock, PoisonError, RwLock};

static BUILD_INFO: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    let options = Opts::new("emboflow_build_info", "Always 1; the labels say what runs here.");
    let gauge = IntGaugeVec::new(options, &["service", "version"]).expect("name and labels are valid");
    prometheus::default_registry().register(Box::new(gauge.clone())).expect("registered only here");
    gauge
});

static CHECKS: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    let options =
        Opts::new("emboflow_health_check_ok", "Whether a check or note of this process is well enough.");
    registered(IntGaugeVec::new(options, &["check"]))
});

static DISK_FREE: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    let options = Opts::new("emboflow_disk_free_bytes", "Free bytes on the disk of this use.");
    registered(IntGaugeVec::new(options, &["use"]))
});

static DISK_TOTAL: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    let options = Opts::new("emboflow_disk_total_bytes", "Size of the disk of this use, in bytes.");
    registered(IntGaugeVec::new(options, &["use"]))
});

static CERTIFICATES: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    let help = "Seconds until the certificate expires; negative when it has.";
    registered(IntGaugeVec::new(Opts::new("emboflow_certificate_expiry_seconds", help), &["certificate"]))
});

fn registered<C: prometheus::core::Collector + Clone + 'static>(made: Result<C, prometheus::Error>) -> C {
    let collector = made.expect("name and labels are valid");
    prometheus::default_registry().register(Box::new(collector.clone())).expect("registered only here");
    collector
}

pub(crate) fn check(name: &str, ok: bool) {
    CHECKS.with_label_values(&[name]).set(i64::from(ok));
}

pub(crate) fn disk(used_for: &str, free_bytes: u64, total_bytes: u64) {
    let signed = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
    DISK_FREE.with_label_values(&[used_for]).set(signed(free_bytes));
    DISK_TOTAL.with_label_values(&[used_for]).set(signed(total_bytes));
}

pub(crate) fn certificate(name: &str, seconds: i64) {
    CERTIFICATES.with_label_values(&[name]).set(seconds);
}

/// The values of a label that anybody may invent: after the first `most` of them every further one is `other`.
pub struct Names {
    most: usize,
    known: RwLock<HashSet<Box<str>>>,
}

impl Names {
    /// None known yet.
    pub fn new(most: usize) -> Self {
        Self { most, known: RwLock::default() }
    }

    /// The name itself as long as it is one of the first, otherwise `other`.
    pub fn bounded<'a>(&self, name: &'a str) -> &'a str {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        match (known.contains(name), known.len() < self.most) {
            (true, _) => return name,
            (false, false) => return "other",
            (false, true) => drop(known),
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < self.most {
            known.insert(name.into());
        }
        if known.contains(name) { name } else { "other" }
    }
}

/// The registry that `/metrics` shows.
pub fn registry() -> &'static Registry {
    prometheus::default_registry()
}

/// Adds a line to `emboflow_build_info`; one process may hold several services.
pub fn announce(service: &str, version: &str) {
    BUILD_INFO.with_label_values(&[service, version]).set(1);
}

/// All metrics of the process in Prometheus' text format.
pub fn render() -> Result<String, prometheus::Error> {
    TextEncoder::new().encode_to_string(&registry().gather())
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_that_anybody_may_invent_are_bounded() {
        let names = super::Names::new(2);
        let labels = ["a", "b", "c", "a", "d"].map(|name| names.bounded(name));
        assert_eq!(labels, ["a", "b", "other", "a", "other"]);
    }

    #[test]
    fn every_announced_service_appears_in_the_build_info() {
        super::announce("alpha", "1.0.0");
        super::announce("beta", "1.0.0");
        let text = super::render().unwrap();
        assert!(text.contains(r#"emboflow_build_info{service="alpha",version="1.0.0"} 1"#), "{text}");
        assert!(text.contains(r#"emboflow_build_info{service="beta",version="1.0.0"} 1"#), "{text}");
    }
}
