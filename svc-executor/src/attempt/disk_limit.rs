//! A task may take so much disk and no more. Usual engines cannot limit a folder, so what it takes is measured while it
//! runs: its workspace, and the volumes that its image brings along (the rest of its file system is read-only).

use super::Attempt;
use crate::disk_use::{DEPTH_MAX, DiskUse, Incomplete, in_words};
use crate::runtime::Place;

/// How far beyond the limit is counted, so that the message has a figure.
const COUNTED_BEYOND: u64 = 2;

/// How much a task may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DiskLimit {
    bytes: u64,
    /// The task names it itself.
    own: bool,
}

impl Attempt {
    /// Ends when the task takes more disk than it may: how much, where, and what to do.
    pub(super) async fn overfull(&self) -> String {
        let limit = limit_of(self.start.spec.resources.disk_bytes, self.executor.disk_limit_bytes);
        let mut watcher = self.executor.survey.watcher();
        let mut places = None;
        let mut said = false;
        let mut room = limit.bytes;
        loop {
            tokio::time::sleep(watcher.pause(room)).await;
            if places.is_none() {
                places = self.places().await;
            }
            let measured = places.clone().unwrap_or_else(|| vec![self.workspace_place()]);
            let used = watcher.measure(measured, limit.bytes.saturating_mul(COUNTED_BEYOND)).await;
            if let Some(message) = judge(&used, limit) {
                return message;
            }
            if !said && used.iter().any(|(_, used)| used.incomplete == Some(Incomplete::Unreadable)) {
                said = true;
                tracing::warn!(attempt = %self.id, "folders of a task cannot be read: only the rest is measured");
            }
            room = limit.bytes.saturating_sub(sum(&used));
        }
    }

    fn workspace_place(&self) -> Place {
        Place { target: "/workspace".to_owned(), folder: self.workspace() }
    }

    /// All places that the task can write to; none while the engine does not say.
    async fn places(&self) -> Option<Vec<Place>> {
        let volumes = self.executor.runtime.volumes(&self.id).await.ok()?;
        Some(std::iter::once(self.workspace_place()).chain(volumes).collect())
    }
}

fn limit_of(wanted_bytes: u64, default_bytes: u64) -> DiskLimit {
    let own = wanted_bytes > 0;
    DiskLimit { bytes: if own { wanted_bytes } else { default_bytes }, own }
}

fn sum(used: &[(Place, DiskUse)]) -> u64 {
    used.iter().map(|(_, used)| used.bytes).fold(0, u64::saturating_add)
}

/// What there is to say of a task that is over its limit.
fn judge(used: &[(Place, DiskUse)], limit: DiskLimit) -> Option<String> {
    let is = |why| move |(_, used): &&(Place, DiskUse)| used.incomplete == Some(why);
    if let Some((place, _)) = used.iter().find(is(Incomplete::TooDeep)) {
        let target = &place.target;
        return Some(format!(
            "The task's disk use cannot be measured: folders in {target} are nested deeper than {DEPTH_MAX} \
             levels. It was stopped."
        ));
    }
    let bytes = sum(used);
    if bytes <= limit.bytes {
        return None;
    }
    let more = if used.iter().any(|one| is(Incomplete::Enough)(&one)) { "more than " } else { "" };
    let place = used.iter().max_by_key(|(_, used)| used.bytes).map(largest).unwrap_or_default();
    let (held, may) = (in_words(bytes), in_words(limit.bytes));
    let (whose, cure) = if limit.own {
        ("its `resources.disk`", "raise")
    } else {
        ("what the executor allows a task without `resources.disk`", "set")
    };
    Some(format!(
        "The task holds {more}{held} of disk, most of it in {place}, and may hold {may} ({whose}): it was stopped. \
         Let it write less, or {cure} `resources.disk`."
    ))
}

fn largest((place, used): &(Place, DiskUse)) -> String {
    match &used.largest {
        Some((name, _)) => format!("{}/{name}", place.target),
        None => place.target.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn used(target: &str, bytes: u64, incomplete: Option<Incomplete>) -> (Place, DiskUse) {
        let place = Place { target: target.into(), folder: "/x".into() };
        (place, DiskUse { bytes, largest: Some(("out".into(), bytes)), incomplete })
    }

    #[test]
    fn a_task_within_its_limit_goes_on_also_where_not_all_can_be_read() {
        let limit = limit_of(10 * MIB, MIB);
        assert_eq!(limit, DiskLimit { bytes: 10 * MIB, own: true });
        assert_eq!(judge(&[used("/workspace", 10 * MIB, Some(Incomplete::Unreadable))], limit), None);
        assert_eq!(judge(&[], limit), None);
    }

    #[test]
    fn a_task_over_its_limit_is_told_how_much_where_and_what_to_do() {
        let both = [used("/workspace", 4 * MIB, None), used("/data", 8 * MIB, Some(Incomplete::Enough))];
        let own = judge(&both, limit_of(10 * MIB, MIB)).unwrap();
        for part in
            ["more than 12.0 MiB", "/data/out", "10.0 MiB (its `resources.disk`)", "raise `resources.disk`"]
        {
            assert!(own.contains(part), "{own}");
        }
        let default = judge(&both[..1], limit_of(0, MIB)).unwrap();
        assert!(
            default.contains("a task without `resources.disk`") && default.contains("or set"),
            "{default}"
        );
        assert!(default.contains("holds 4.0 MiB") && default.contains("/workspace/out"), "{default}");
    }

    #[test]
    fn folders_too_deep_to_measure_end_the_task() {
        let deep = judge(&[used("/workspace", 1, Some(Incomplete::TooDeep))], limit_of(MIB, 1)).unwrap();
        assert!(deep.contains("deeper than 256 levels"), "{deep}");
    }
}
