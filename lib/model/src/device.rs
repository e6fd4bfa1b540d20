//! Devices of an executor that one attempt has for itself.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Characters in the id of a device at most.
const MAX_ID_LENGTH: usize = 128;
/// Devices of one executor at most.
pub const MAX_DEVICES: usize = 64;
/// The form of a device's id, as a regular expression.
const ID_PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$";

/// A device's id as the container engine knows it, such as `GPU-8932f937-d72c-4106-c12f-20bd9faed9f6` or `0`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(Arc<str>);

/// The text is not the id of a device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is not the id of a device: a letter or digit first, then letters, digits, '.', '_', ':', '/' or '-', at most 128"
)]
pub struct NotADeviceId {
    /// The refused text, cut to 80 characters.
    pub text: String,
}

impl DeviceId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DeviceId {
    type Err = NotADeviceId;

    fn from_str(text: &str) -> Result<Self, NotADeviceId> {
        let is_good = (1..=MAX_ID_LENGTH).contains(&text.len())
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte));
        match is_good {
            true => Ok(Self(text.into())),
            false => Err(NotADeviceId { text: text.chars().take(80).collect() }),
        }
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for DeviceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DeviceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::parsed(deserializer)
    }
}

impl JsonSchema for DeviceId {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DeviceId".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": ID_PATTERN })
    }
}

/// A graphics processor of an executor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// What it is, as its maker says, such as `NVIDIA A100-SXM4-80GB`.
    #[serde(default)]
    pub model: String,
}

impl Device {
    /// Whether a task that asks for `wanted` may have it: the words of `wanted` stand in its model, one after the
    /// other and whatever their case. `a100` and `A100 SXM4` are an `NVIDIA A100-SXM4-80GB`; `t4` is no `T400`.
    pub fn is_model(&self, wanted: &str) -> bool {
        let (own, wanted) = (words(&self.model), words(wanted));
        !wanted.is_empty() && own.windows(wanted.len()).any(|part| part == wanted)
    }
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_found_by_its_words() {
        let device = |model: &str| Device { id: "0".parse().unwrap(), model: model.to_owned() };
        let a100 = device("NVIDIA A100-SXM4-80GB");
        for wanted in ["a100", "A100 SXM4", "nvidia", "A100-SXM4-80GB", "80gb"] {
            assert!(a100.is_model(wanted), "{wanted}");
        }
        for wanted in ["a10", "a100 80gb", "", "--", "h100"] {
            assert!(!a100.is_model(wanted), "{wanted}");
        }
        assert!(!device("T400").is_model("t4") && device("Tesla T4").is_model("T4"));
    }

    #[test]
    fn an_id_has_no_characters_that_mean_something_to_an_engine() {
        for good in ["0", "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "MIG-GPU-1/1/0", "nvidia.com/gpu:0"] {
            assert_eq!(good.parse::<DeviceId>().unwrap().as_str(), good);
        }
        for bad in ["", "-1", "a,b", "a b", "a=b", "all\n", &"x".repeat(129)] {
            assert!(bad.parse::<DeviceId>().is_err(), "{bad}");
        }
    }
}
