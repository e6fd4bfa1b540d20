//! `emboflow system`

use emboflow_protocol::http::{CheckView, SystemView};

use super::Shared;
use crate::failure::Failure;
use crate::output::{Colour, Format, Output};
use crate::text;

/// Shows the health of everything that the API can see. Fails when something does not work.
pub(super) async fn show(shared: &Shared, output: &mut Output) -> Result<(), Failure> {
    let client = shared.client()?;
    let system: SystemView = client.get(client.global(&["system"])).await?;
    let all_ok = system.checks.iter().all(|check| check.ok) && system.storage.as_ref().is_none_or(|at| at.ok);
    if output.format == Format::Name {
        output.line(&system.instance.to_string())?;
    } else if output.is_for_programs() {
        output.json(&system)?;
    } else {
        let up = text::ago(system.started_at, text::now());
        output
            .line(&format!("EmboFlow {}, installation {}, started {up}", system.version, system.instance))?;
        let rows = system.checks.iter().map(|check| row(check, output)).collect();
        output.table(&["", "PART", "DETAIL", "TOOK"], rows)?;
        if let Some(storage) = &system.storage {
            let free =
                storage.free_bytes.map(|free| format!(", {} free", text::size(free))).unwrap_or_default();
            output.line(&format!("storage: {}{free}", storage.backend))?;
            let rows = storage.steps.iter().map(|step| row(step, output)).collect();
            output.table(&["", "STEP", "DETAIL", "TOOK"], rows)?;
        }
    }
    if all_ok { Ok(()) } else { Err(Failure::Other(anyhow::anyhow!("not everything works"))) }
}

fn row(check: &CheckView, output: &Output) -> Vec<String> {
    let mark = if check.ok { output.paint(Colour::Green, "✓") } else { output.paint(Colour::Red, "✗") };
    vec![mark, check.name.clone(), check.detail.clone(), text::duration(check.latency_ms)]
}
