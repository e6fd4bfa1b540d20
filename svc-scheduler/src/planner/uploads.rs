//! Uploads that a run has pinned, as its tasks take them in.

use emboflow_model::object_key::upload_version_prefix;
use emboflow_model::runtime_spec::StageIn;
use emboflow_model::workflow::UploadReference;
use emboflow_model::{Run, RunSummary, UploadName};

/// What is fetched of the versions that the run has pinned.
pub(super) fn staged_in(run: &Run, uploads: &[UploadReference]) -> impl Iterator<Item = StageIn> {
    uploads.iter().map(|taken| {
        let pin = run.summary.uploads.get(&taken.upload);
        let source = pin.zip(prefix(&run.summary, &taken.upload)).map(|(pin, prefix)| pin.source(prefix));
        StageIn { name: taken.name.clone(), sources: source.into_iter().collect() }
    })
}

/// Where the pinned version of an upload lies.
pub(super) fn prefix(run: &RunSummary, upload: &UploadName) -> Option<String> {
    let pin = run.uploads.get(upload)?;
    Some(upload_version_prefix(&run.project, upload, pin.version))
}
