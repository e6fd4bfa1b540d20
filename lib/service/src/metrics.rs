//! The process's one metrics registry. Libraries that may not use this crate register in the same place with
//! the macros of `prometheus`, whose default registry this is.

use prometheus::{IntGaugeVec, Opts, Registry, TextEncoder};
use std::sync::LazyLock;

static BUILD_INFO: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    let options = Opts::new("emboflow_build_info", "Always 1; the labels say what runs here.");
    let gauge = IntGaugeVec::new(options, &["service", "version"]).expect("name and labels are valid");
    prometheus::default_registry().register(Box::new(gauge.clone())).expect("registered only here");
    gauge
});

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
    fn every_announced_service_appears_in_the_build_info() {
        super::announce("alpha", "1.0.0");
        super::announce("beta", "1.0.0");
        let text = super::render().unwrap();
        assert!(text.contains(r#"emboflow_build_info{service="alpha",version="1.0.0"} 1"#), "{text}");
        assert!(text.contains(r#"emboflow_build_info{service="beta",version="1.0.0"} 1"#), "{text}");
    }
}
