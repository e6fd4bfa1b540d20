//! Pins the uploads that a run uses: each in the version that is the newest now. What is uploaded while the run goes on is
//! for runs that begin later.

use emboflow_model::upload::{KIND, KeptUpload, Pins};
use emboflow_model::workflow::Workflow;
use emboflow_model::{ProjectName, UploadName};
use emboflow_protocol::{ErrorCode, FieldError};
use emboflow_records::{Records, RecordsError};
use serde_json::{Map, Value};

use super::message::Refusal;

/// The versions of all uploads that the tasks take in: those that are pinned already, else the newest; or why there is
/// none. Errors: the records do not answer.
pub(super) async fn pin(
    records: &dyn Records,
    project: &ProjectName,
    workflow: &Workflow,
    inputs: &Map<String, Value>,
    pinned: &Pins,
) -> Result<Result<Pins, Refusal>, RecordsError> {
    let names = match workflow.uploads_of_run(inputs) {
        Ok(names) => names,
        Err(problems) => return Ok(Err(problems.into_iter().map(FieldError::from).collect())),
    };
    let (mut pins, mut errors) = (Pins::new(), Refusal::new());
    for name in names {
        if let Some(version) = pinned.get(&name) {
            pins.insert(name, version.clone());
            continue;
        }
        match records.kept(KIND, project.as_str(), name.as_str()).await? {
            Some(kept) => match serde_json::from_str::<KeptUpload>(&kept.body) {
                Ok(upload) => {
                    pins.insert(name, upload.pinned);
                }
                Err(error) => {
                    tracing::error!(%project, upload = %name, %error, "what is kept of an upload cannot be read");
                    let message = format!("what is kept of the upload '{name}' cannot be read");
                    errors.push(FieldError::new(ErrorCode::Internal, message));
                }
            },
            None => errors.push(missing(project, &name)),
        }
    }
    Ok(if errors.is_empty() { Ok(pins) } else { Err(errors) })
}

fn missing(project: &ProjectName, name: &UploadName) -> FieldError {
    let message = format!("project {project} has no upload '{name}', which a task takes in");
    FieldError::new(ErrorCode::UploadNotFound, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use emboflow_model::Timestamp;
    use emboflow_model::upload::PinnedUpload;
    use emboflow_model::workflow::parse;

    const SOURCE: &str = "
version: 1
name: w
inputs: { file: { type: string, default: data.csv } }
tasks:
  a:
    image: tool:1
    matrix: { part: [x.bin, y.bin] }
    command: [run]
    inputs: { data: { upload: '${{ inputs.file }}' }, part: { upload: '${{ matrix.part }}' } }
";

    fn kept(version: u128) -> KeptUpload {
        KeptUpload {
            pinned: PinnedUpload {
                version: emboflow_model::UploadVersion::from_bits(version),
                size_bytes: 3,
                sha256: "ab".repeat(32),
                manifest_sha256: "cd".repeat(32),
            },
            content_type: None,
            uploaded_at: Timestamp(1),
            uploaded_by: "user:ada".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_run_pins_what_is_newest_and_is_refused_for_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.db");
        let records = emboflow_records::open(&emboflow_records::Config::Sqlite { path }).await.unwrap();
        let workflow = parse(SOURCE).unwrap();
        let (lab, inputs) = ("lab".parse().unwrap(), workflow.resolve_inputs(&Map::new()).unwrap());
        let put = async |project: &str, name: &str, version| {
            let body = serde_json::to_string(&kept(version)).unwrap();
            records.keep(KIND, project, name, None, body).await.unwrap().unwrap();
        };
        put("lab", "data.csv", 1).await;
        put("lab", "x.bin", 2).await;
        put("other", "y.bin", 3).await;
        let refused = pin(&*records, &lab, &workflow, &inputs, &Pins::new()).await.unwrap().unwrap_err();
        let codes: Vec<_> =
            refused.iter().map(|error| (error.code.as_str(), error.message.as_str())).collect();
        let message = "project lab has no upload 'y.bin', which a task takes in";
        assert_eq!(codes, [("upload.not_found", message)], "another project's does not count");
        put("lab", "y.bin", 4).await;
        let pins = pin(&*records, &lab, &workflow, &inputs, &Pins::new()).await.unwrap().unwrap();
        let versions: Vec<_> = pins.iter().map(|(name, pin)| (name.as_str(), pin.clone())).collect();
        assert_eq!(
            versions,
            [("data.csv", kept(1).pinned), ("x.bin", kept(2).pinned), ("y.bin", kept(4).pinned)]
        );
        // A run that repeats one reads what that one read, and of the rest what is newest.
        let before = Pins::from_iter([
            ("x.bin".parse().unwrap(), kept(9).pinned),
            ("z".parse().unwrap(), kept(8).pinned),
        ]);
        let again = pin(&*records, &lab, &workflow, &inputs, &before).await.unwrap().unwrap();
        let versions: Vec<_> = again.values().cloned().collect();
        assert_eq!(versions, [kept(1).pinned, kept(9).pinned, kept(4).pinned]);
    }

    #[tokio::test]
    async fn an_expression_that_gives_a_path_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.db");
        let records = emboflow_records::open(&emboflow_records::Config::Sqlite { path }).await.unwrap();
        let workflow = parse(SOURCE).unwrap();
        let given = Map::from_iter([("file".to_owned(), Value::from("../../other/uploads/secret"))]);
        let inputs = workflow.resolve_inputs(&given).unwrap();
        let lab = "lab".parse().unwrap();
        let refused = pin(&*records, &lab, &workflow, &inputs, &Pins::new()).await.unwrap().unwrap_err();
        assert_eq!(refused[0].code, "workflow.bad_name");
    }
}
