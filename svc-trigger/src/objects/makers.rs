//! Who has made an object: a run, whose outputs count when it has ended. Its objects share with each other how many more
//! runs it may lead to, as runs that follow on its end do.

use std::collections::{BTreeMap, BTreeSet};

use emboflow_model::object_key::run_prefix;
use emboflow_model::trigger::{
    Chain, ChainEnd, MAX_CHAIN_RUNS, ObjectFilter, Standing, TriggerKind, standing,
};
use emboflow_model::{RunId, RunSummary, Timestamp};
use emboflow_records::fresh_run;
use tokio::sync::Mutex;

use super::storage::Storage;
use crate::hands::Hands;
use crate::kept::Trigger;

/// What the key of the list of an artifact's files goes on with.
pub(super) const LIST: &str = ".manifest.json";

/// What is to be known of the run that has made an object.
pub(crate) enum Maker {
    /// It has ended then, and this is the place of the run that the object starts.
    Ended(Timestamp, Result<Chain, ChainEnd>),
    /// It goes on, or nobody knows it any more.
    GoesOn,
}

/// Answers about runs and artifacts. Objects come in the order of their keys: only the last answer is remembered.
pub(crate) struct Makers<'a> {
    hands: &'a Hands,
    storage: &'a Storage,
    trigger: &'a Trigger,
    run: Mutex<Option<(RunId, Option<Ended>)>>,
    artifact: Mutex<Option<(String, bool)>>,
}

/// A run that has ended.
struct Ended {
    at: Timestamp,
    /// The places of the runs that this trigger starts for its objects, by their keys; as many as there may be.
    places: BTreeMap<String, Result<Chain, ChainEnd>>,
}

impl<'a> Makers<'a> {
    pub(crate) fn new(hands: &'a Hands, storage: &'a Storage, trigger: &'a Trigger) -> Self {
        Self { hands, storage, trigger, run: Mutex::default(), artifact: Mutex::default() }
    }

    /// The run that has made the object with this key.
    pub(crate) async fn of(&self, run: RunId, key: &str) -> anyhow::Result<Maker> {
        let mut last = self.run.lock().await;
        if last.as_ref().is_none_or(|(known, _)| *known != run) {
            *last = Some((run, self.ended(run).await?));
        }
        let Some((_, Some(ended))) = last.as_ref() else { return Ok(Maker::GoesOn) };
        let place = ended.places.get(key).copied().unwrap_or(Err(ChainEnd::Runs));
        Ok(Maker::Ended(ended.at, place))
    }

    /// Whether the list of an artifact's files lies there, which is put last.
    pub(crate) async fn is_whole(&self, artifact: &str) -> anyhow::Result<bool> {
        let mut last = self.artifact.lock().await;
        if let Some((_, is_whole)) = last.as_ref().filter(|(known, _)| known == artifact) {
            return Ok(*is_whole);
        }
        let project = &self.trigger.project;
        let list = format!("{project}/{artifact}{LIST}");
        let is_whole = self.storage.head(project, &list).await??.is_some();
        *last = Some((artifact.to_owned(), is_whole));
        Ok(is_whole)
    }

    async fn ended(&self, run: RunId) -> anyhow::Result<Option<Ended>> {
        let found = fresh_run(self.hands.records.as_ref(), run).await?;
        let own = found.filter(|found| found.project == self.trigger.project);
        let Some((summary, at)) = own.and_then(|run| run.finished_at.map(|at| (run, at))) else {
            return Ok(None);
        };
        Ok(Some(Ended { at, places: self.places(&summary).await? }))
    }

    /// Shares the run's room among all that its objects start, whichever trigger does: objects of the triggers before
    /// this one come first.
    async fn places(&self, run: &RunSummary) -> anyhow::Result<BTreeMap<String, Result<Chain, ChainEnd>>> {
        let (before, own, after) = self.filters();
        let (mut count_before, mut count_after, mut count_own) = (0, 0, 0);
        let (mut keys, mut whole) = (Vec::new(), BTreeSet::new());
        let (project, mut page_after) = (&self.trigger.project, String::new());
        let (prefix, shared) = (run_prefix(project, run.id), format!("{project}/"));
        loop {
            let page = self.storage.page(project, &prefix, &page_after).await?;
            for key in page.items.iter().filter_map(|entry| entry.key.strip_prefix(&shared)) {
                // The list of an artifact's files comes before them: '.' comes before '/'.
                whole.extend(key.strip_suffix(LIST).map(str::to_owned));
                if !matches!(standing(key), Standing::File { artifact, .. } if whole.contains(artifact)) {
                    continue;
                }
                let count =
                    |filters: &[ObjectFilter]| filters.iter().filter(|filter| filter.is_meant(key)).count();
                count_before += count(&before);
                count_after += count(&after);
                if own.as_ref().is_some_and(|own| own.is_meant(key)) {
                    count_own += 1;
                    if keys.len() <= MAX_CHAIN_RUNS as usize {
                        keys.push(key.to_owned());
                    }
                }
            }
            match page.next {
                Some(next) => page_after = next,
                None => break,
            }
        }
        let chain = Chain::of(|label| run.labels.get(label).map(String::as_str));
        let places = chain.next_by_objects(count_before + count_own + count_after).skip(count_before);
        Ok(keys.into_iter().zip(places).collect())
    }

    /// What the project's triggers on objects are about: those before this one by name, this one, those after it.
    fn filters(&self) -> (Vec<ObjectFilter>, Option<ObjectFilter>, Vec<ObjectFilter>) {
        let (mut before, mut own, mut after) = (Vec::new(), None, Vec::new());
        let active = self.hands.triggers.active();
        for one in active.iter().filter(|one| one.project == self.trigger.project) {
            let TriggerKind::ObjectCreated(spec) = &one.document.spec.on else { continue };
            let Ok(filter) = ObjectFilter::new(spec) else { continue };
            match one.name.cmp(&self.trigger.name) {
                std::cmp::Ordering::Less => before.push(filter),
                std::cmp::Ordering::Equal => own = Some(filter),
                std::cmp::Ordering::Greater => after.push(filter),
            }
        }
        (before, own, after)
    }
}
