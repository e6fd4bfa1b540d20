//! The graphics processors of this machine.

use std::time::Duration;

use emboflow_model::Device;
use emboflow_model::device::MAX_DEVICES;
use tokio::process::Command;

use crate::config::DeviceSetting;

const PATIENCE: Duration = Duration::from_secs(20);

/// The devices to offer: those that are configured, or else those that `nvidia-smi` lists. Looked for once, at the start.
pub(crate) async fn offered(configured: Option<&[DeviceSetting]>, is_real: bool) -> Vec<Device> {
    let mut devices = match configured {
        Some(devices) => devices.iter().map(|DeviceSetting(device)| device.clone()).collect(),
        None if is_real => discover().await,
        None => Vec::new(),
    };
    devices.sort_by(|one, other| one.id.cmp(&other.id));
    devices.dedup_by(|one, other| one.id == other.id);
    if devices.len() > MAX_DEVICES {
        tracing::warn!(
            found = devices.len(),
            offered = MAX_DEVICES,
            "not all graphics processors are offered"
        );
        devices.truncate(MAX_DEVICES);
    }
    devices
}

async fn discover() -> Vec<Device> {
    let mut asked = Command::new("nvidia-smi");
    asked.args(["--query-gpu=uuid,name", "--format=csv,noheader"]).kill_on_drop(true);
    match tokio::time::timeout(PATIENCE, asked.output()).await {
        Ok(Ok(answer)) if answer.status.success() => listed(&String::from_utf8_lossy(&answer.stdout)),
        Ok(Ok(answer)) => {
            let said = String::from_utf8_lossy(&answer.stderr);
            tracing::warn!(said = said.trim(), "nvidia-smi failed: no graphics processors are offered");
            Vec::new()
        }
        // Most machines have none.
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Ok(Err(error)) => {
            tracing::warn!(%error, "nvidia-smi cannot be started: no graphics processors are offered");
            Vec::new()
        }
        Err(_) => {
            tracing::warn!(seconds = PATIENCE.as_secs(), "nvidia-smi does not answer: none are offered");
            Vec::new()
        }
    }
}

/// The devices of lines such as `GPU-8932f937-…, NVIDIA A100-SXM4-80GB`.
fn listed(text: &str) -> Vec<Device> {
    let device = |line: &str| {
        let (id, model) = line.split_once(',')?;
        Some(Device { id: id.trim().parse().ok()?, model: model.trim().to_owned() })
    };
    text.lines().filter_map(device).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nvidia_smi_says_becomes_devices() {
        let said = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6, NVIDIA A100-SXM4-80GB\nGPU-1, Tesla T4\nNo devices were found\n";
        let devices = listed(said);
        assert_eq!(devices.len(), 2);
        assert_eq!(devices[0].id.as_str(), "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6");
        assert_eq!(devices[1].model, "Tesla T4");
    }

    #[tokio::test]
    async fn a_configured_device_is_offered_once_and_nothing_else_is_looked_for() {
        let device = |id: &str| Device { id: id.parse().unwrap(), model: "A100".to_owned() };
        let setting = |text: &str| DeviceSetting::try_from(text.to_owned()).unwrap();
        let configured = [setting("1=A100"), setting(" 0 = A100 "), setting("1=A100")];
        assert_eq!(offered(Some(&configured), true).await, [device("0"), device("1")]);
        assert_eq!(offered(Some(&[]), true).await, []);
        assert_eq!(offered(None, false).await, []);
        assert!(DeviceSetting::try_from("a b=A100".to_owned()).is_err());
    }
}
