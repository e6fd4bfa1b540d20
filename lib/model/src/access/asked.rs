//! Powers and quotas as a request asks for them. What is kept, and what is answered, tolerates a field that a newer version
//! has added; in a request a field that nobody knows is a typing error, and must not be passed over.

use serde::{Deserialize, Deserializer};

use super::{Binding, Powers, ProjectScope, Quotas, Standing};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedBinding {
    project: ProjectScope,
    role: Standing,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AskedPowers {
    platform_admin: bool,
    bindings: Vec<AskedBinding>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AskedQuotas {
    open_runs: Option<u64>,
    queued_runs: Option<u64>,
    runs_per_minute: Option<u64>,
    cpu_millis: Option<u64>,
    memory_bytes: Option<u64>,
    gpu: Option<u64>,
    stored_bytes: Option<u64>,
}

impl From<AskedPowers> for Powers {
    fn from(AskedPowers { platform_admin, bindings }: AskedPowers) -> Self {
        let binding = |AskedBinding { project, role }| Binding { project, role };
        Self { platform_admin, bindings: bindings.into_iter().map(binding).collect() }
    }
}

impl From<AskedQuotas> for Quotas {
    fn from(asked: AskedQuotas) -> Self {
        let AskedQuotas {
            open_runs,
            queued_runs,
            runs_per_minute,
            cpu_millis,
            memory_bytes,
            gpu,
            stored_bytes,
        } = asked;
        Self { open_runs, queued_runs, runs_per_minute, cpu_millis, memory_bytes, gpu, stored_bytes }
    }
}

/// Powers, for serde's `deserialize_with`.
///
/// # Errors
/// A field that nobody knows.
pub fn powers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Powers, D::Error> {
    AskedPowers::deserialize(deserializer).map(Powers::from)
}

/// Powers that may be left out.
///
/// # Errors
/// A field that nobody knows.
pub fn maybe_powers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Powers>, D::Error> {
    Option::<AskedPowers>::deserialize(deserializer).map(|asked| asked.map(Powers::from))
}

/// Quotas, for serde's `deserialize_with`.
///
/// # Errors
/// A field that nobody knows.
pub fn quotas<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Quotas, D::Error> {
    AskedQuotas::deserialize(deserializer).map(Quotas::from)
}

/// Quotas that may be left out.
///
/// # Errors
/// A field that nobody knows.
pub fn maybe_quotas<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Quotas>, D::Error> {
    Option::<AskedQuotas>::deserialize(deserializer).map(|asked| asked.map(Quotas::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_newer_version_added_is_tolerated_where_it_is_kept_and_refused_where_it_is_asked_for() {
        let newer = json!({"platform_admin": false, "bindings": [
            {"project": "lab", "role": "viewer", "until": "tomorrow"}
        ]});
        let kept: Powers = serde_json::from_value(newer.clone()).unwrap();
        assert_eq!(kept.bindings[0].role, Standing::Viewer);
        assert!(powers(newer).is_err());
        // The first versions bounded uploads apart from the rest of what is stored.
        for other in [json!({"open_runs": 3, "bytes": 7}), json!({"open_runs": 3, "upload_bytes": 7})] {
            let kept: Quotas = serde_json::from_value(other.clone()).unwrap();
            assert_eq!(kept, Quotas { open_runs: Some(3), ..Quotas::default() });
            assert!(quotas(other.clone()).is_err() && maybe_quotas(other).is_err());
        }
        assert!(maybe_powers(json!({"platfrom_admin": true})).is_err());

        let known = json!({"platform_admin": true, "bindings": [{"project": "*", "role": "denied"}]});
        assert_eq!(powers(known.clone()).unwrap(), serde_json::from_value::<Powers>(known).unwrap());
        let known = json!({"open_runs": 1, "queued_runs": 2, "runs_per_minute": 3,
            "cpu_millis": 5, "memory_bytes": 6, "gpu": 7, "stored_bytes": 4});
        assert_eq!(quotas(known.clone()).unwrap(), serde_json::from_value::<Quotas>(known).unwrap());
        assert_eq!(maybe_powers(json!(null)).unwrap(), None);
    }
}
