//! Who an executor is: what lives in its data directory, and what is new at each start.

use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use anyhow::Context;
use emboflow_model::ExecutorId;
use uuid::Uuid;

/// The executor's names.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// Stable over restarts.
    pub(crate) executor: ExecutorId,
    /// Made with the data directory: a new one means that everything the executor held is gone.
    pub(crate) journal: String,
    /// New at each start of the process.
    pub(crate) incarnation: String,
}

/// The id that an executor without a configured one has, or is going to have, on a data directory.
///
/// # Errors
/// The directory cannot be used.
pub fn id_of(data_dir: &Path) -> anyhow::Result<ExecutorId> {
    Ok(open(data_dir, None)?.executor)
}

/// Opens the data directory, which is made where it is missing, and reads or makes the names in it.
///
/// # Errors
/// The directory cannot be used, or `wanted` or the kept id is not a name.
pub(crate) fn open(data_dir: &Path, wanted: Option<&str>) -> anyhow::Result<Identity> {
    // Others may not look into workspaces; containers get theirs mounted by the engine.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .with_context(|| format!("making the data directory {}", data_dir.display()))?;
    let journal = kept(&data_dir.join("journal_id"), || Uuid::new_v4().simple().to_string())?;
    let executor = match wanted {
        Some(wanted) => wanted.to_owned(),
        None => kept(&data_dir.join("executor_id"), || {
            let random = Uuid::new_v4().simple().to_string();
            format!("exec-{}", &random[..8])
        })?,
    };
    let executor = ExecutorId::new(&executor).context("reading the executor's id")?;
    Ok(Identity { executor, journal, incarnation: Uuid::new_v4().simple().to_string() })
}

/// The text in a file, which is made durable when it is not there yet.
fn kept(path: &Path, make: impl FnOnce() -> String) -> anyhow::Result<String> {
    let doing = || format!("keeping {}", path.display());
    match std::fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).with_context(doing),
        _ => {}
    }
    let text = make();
    let fresh = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        std::fs::write(&fresh, &text)?;
        std::fs::File::open(&fresh)?.sync_all()?;
        std::fs::rename(&fresh, path)?;
        path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
    };
    write().with_context(doing)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executor_keeps_its_names_and_gets_a_new_incarnation() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(&folder.path().join("data"), None).unwrap();
        let second = open(&folder.path().join("data"), None).unwrap();
        assert_eq!((&first.executor, &first.journal), (&second.executor, &second.journal));
        assert_ne!(first.incarnation, second.incarnation);
        assert!(first.executor.as_str().starts_with("exec-"));
        let named = open(&folder.path().join("data"), Some("gpu-1")).unwrap();
        assert_eq!((named.executor.as_str(), named.journal), ("gpu-1", first.journal.clone()));
        assert_ne!(open(&folder.path().join("other"), None).unwrap().journal, first.journal);
        assert!(open(folder.path(), Some("Not A Name")).is_err());
    }
}
