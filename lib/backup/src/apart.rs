//! Backups never lie where the objects lie: a restore removes there whatever the backup does not name, other backups too.

use std::path::{Path, PathBuf};

use emboflow_objects::Backend;

use crate::error::BackupError;

/// Errors: one of the two places is the other, or lies in it.
pub(crate) fn check(objects: &Backend, backups: &Backend) -> Result<(), BackupError> {
    let same = match (objects, backups) {
        (Backend::Directory(objects), Backend::Directory(backups)) => {
            let (objects, backups) = (real(&objects.root), real(&backups.root));
            (objects.starts_with(&backups) || backups.starts_with(&objects))
                .then(|| format!("{} and {}", objects.display(), backups.display()))
        }
        (Backend::S3(objects), Backend::S3(backups)) => {
            let endpoint = |endpoint: &Option<String>| {
                endpoint.as_deref().map(|text| text.trim_end_matches('/').to_lowercase())
            };
            let same = endpoint(&objects.endpoint) == endpoint(&backups.endpoint);
            (same && objects.bucket == backups.bucket).then(|| format!("both are bucket {}", objects.bucket))
        }
        _ => None,
    };
    match same {
        None => Ok(()),
        Some(places) => Err(BackupError::unavailable(
            "using the place of the backups",
            format!(
                "backups must not lie with the objects ({places}): set `repository` to a place of its own"
            ),
        )),
    }
}

/// Without links, also where its end is not there yet.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let known = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match known {
        Some((above, real)) => match path.strip_prefix(above) {
            Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
            _ => real,
        },
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use emboflow_objects::DirectoryBackend;

    use super::*;

    fn apart(objects: &Path, backups: &Path) -> bool {
        let backend = |root: &Path| Backend::Directory(DirectoryBackend::new(root));
        check(&backend(objects), &backend(backups)).is_ok()
    }

    #[test]
    fn no_directory_lies_in_the_other_whatever_it_is_called() {
        let dir = tempfile::tempdir().unwrap();
        let (objects, link) = (dir.path().join("objects"), dir.path().join("link"));
        std::fs::create_dir(&objects).unwrap();
        std::os::unix::fs::symlink(&objects, &link).unwrap();
        assert!(apart(&objects, &dir.path().join("objects-backups")));
        assert!(!apart(&objects, &objects));
        assert!(!apart(&objects, &objects.join("backups/new")), "nor where it is not made yet");
        assert!(!apart(&objects, dir.path()));
        assert!(!apart(&objects, &link.join("backups")), "nor through a link");
    }

    #[test]
    fn a_bucket_is_the_same_only_at_the_same_service() {
        let bucket = |endpoint: &str, bucket: &str| {
            let text = serde_json::json!({ "s3": {
                "endpoint": endpoint, "bucket": bucket, "access_key": "a", "secret_key": "s" } });
            serde_json::from_value::<Backend>(text).unwrap()
        };
        let objects = bucket("http://minio:9000", "emboflow");
        assert!(check(&objects, &bucket("http://MINIO:9000/", "emboflow")).is_err());
        assert!(check(&objects, &bucket("http://minio:9000", "backups")).is_ok());
        assert!(check(&objects, &bucket("http://other:9000", "emboflow")).is_ok());
    }
}
