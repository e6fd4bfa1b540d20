//! Taking and removing backups.

use emboflow_backup::{BackupKey, GRACE, Manifest, prune, schedule};

use super::place::Place;
use super::refused;
use crate::failure::Failure;
use crate::output::Output;
use crate::text;

pub(super) async fn create(place: &Place, output: &mut Output) -> Result<(), Failure> {
    // A server's key is made on purpose; that of a data directory with its first backup.
    if place.data_dir.is_some() {
        let (key, is_new) = BackupKey::read_or_make(&place.config.key_file).map_err(refused)?;
        if is_new {
            let file = place.config.key_file.display();
            output.message(&format!("made key {} in {file}: keep a copy of it elsewhere", key.id()));
        }
    }
    let source = schedule::open_source(&place.config).await.map_err(refused)?;
    let manifest = emboflow_backup::create(&source, &place.repository()?).await.map_err(refused)?;
    tell(&manifest, output)
}

fn tell(manifest: &Manifest, output: &mut Output) -> Result<(), Failure> {
    for damage in &manifest.damaged {
        output.error(&format!("the installation itself has a damage: {damage}"), None);
    }
    if output.is_for_programs() {
        return Ok(output.json(manifest)?);
    }
    output.line(&format!(
        "{}: {} runs, {} objects ({}), {} of them new; {} added in {}",
        manifest.id,
        manifest.runs,
        manifest.objects.count,
        text::size(manifest.objects.size_bytes),
        manifest.objects.new_count,
        text::size(manifest.added_bytes()),
        text::duration(manifest.took_ms)
    ))?;
    Ok(())
}

pub(super) async fn prune_now(place: &Place, output: &mut Output) -> Result<(), Failure> {
    let pruned = prune(&place.repository()?, place.config.keep, GRACE).await.map_err(refused)?;
    for id in pruned.backups.iter().chain(&pruned.cut_off) {
        output.line(&format!("removed {id}"))?;
    }
    let freed = text::size(pruned.content_bytes);
    output.message(&format!("{} contents that no backup needs any more: {freed}", pruned.contents));
    Ok(())
}
