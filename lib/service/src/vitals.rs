//! What every service can say of its surroundings: the disks it writes to, the certificates it shows or trusts.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_parser::pem::Pem;

use crate::health::{Finding, Health, Status};
use crate::metrics;

const LOOK: Duration = Duration::from_secs(5);
const GIB: u64 = 1 << 30;
const DAY_S: i64 = 24 * 60 * 60;
/// A certificate that is renewed by itself is renewed earlier.
const EXPIRES_SOON_S: i64 = 14 * DAY_S;
const EXPIRES_NOW_S: i64 = 2 * DAY_S;

/// Notes the disk below `folder` in `health`, and in the metrics. `used_for` is one of few words, such as `records`.
pub fn disk(health: &Health, used_for: impl Into<String>, folder: impl Into<PathBuf>) {
    let (used_for, folder) = (used_for.into(), folder.into());
    health.note(&format!("disk {used_for}"), LOOK, move || {
        let (used_for, folder) = (used_for.clone(), folder.clone());
        async move {
            // A disk that hangs must not hang the rest.
            let asked = folder.clone();
            match tokio::task::spawn_blocking(move || space(&asked)).await {
                Ok(Ok((free, total))) => {
                    metrics::disk(&used_for, free, total);
                    judge_space(&folder, free, total)
                }
                Ok(Err(error)) => unknown(&folder, &error),
                Err(error) => unknown(&folder, &error.into()),
            }
        }
    });
}

/// Notes when the certificates in a PEM file expire, in `health` and in the metrics; the first to expire counts.
pub fn certificate(health: &Health, name: impl Into<String>, file: impl Into<PathBuf>) {
    let (name, file) = (name.into(), file.into());
    health.note(&format!("certificate {name}"), LOOK, move || {
        let (name, file) = (name.clone(), file.clone());
        async move {
            let read = match tokio::fs::read(&file).await {
                Ok(pem) => first_expiry_s(&pem),
                Err(error) => Err(error.to_string()),
            };
            match read {
                Ok(expires_s) => judge_expiry(&name, &file.display().to_string(), expires_s - now_s()),
                Err(why) => Finding::bad(
                    Status::Failed,
                    format!("{} cannot be read: {why}", file.display()),
                    "put a PEM file with a certificate there, readable by this service",
                ),
            }
        }
    });
}

/// What is to be said of a certificate that expires in `left_s` seconds; also notes it in the metrics.
pub fn judge_expiry(name: &str, place: &str, left_s: i64) -> Finding {
    metrics::certificate(name, left_s);
    let (days, hint) = (left_s / DAY_S, "renew it, and reload whoever shows it");
    match left_s {
        left if left <= 0 => {
            Finding::bad(Status::Failed, format!("{place} expired {} days ago", -days), hint)
        }
        left if left <= EXPIRES_NOW_S => {
            Finding::bad(Status::Failed, format!("{place} expires in {} hours", left / 3_600), hint)
        }
        left if left <= EXPIRES_SOON_S => {
            Finding::bad(Status::Warning, format!("{place} expires in {days} days"), hint)
        }
        _ => Finding::ok(format!("{place} is valid for {days} days")),
    }
}

/// Seconds since 1970 at which the first of the certificates in a PEM text expires. Errors: there is none in it.
pub fn first_expiry_s(pem: &[u8]) -> Result<i64, String> {
    let mut first = None;
    for block in Pem::iter_from_buffer(pem) {
        let block = block.map_err(|error| format!("it is not PEM: {error}"))?;
        if block.label == "CERTIFICATE" {
            let expires_s = expiry_s(&block.contents)?;
            first = Some(first.map_or(expires_s, |first: i64| first.min(expires_s)));
        }
    }
    first.ok_or_else(|| "there is no certificate in it".to_owned())
}

/// Seconds since 1970 at which a certificate (DER) expires. Errors: it is none.
pub fn expiry_s(der: &[u8]) -> Result<i64, String> {
    let (_, certificate) =
        x509_parser::parse_x509_certificate(der).map_err(|error| format!("it is no certificate: {error}"))?;
    Ok(certificate.validity().not_after.timestamp())
}

/// Free and all bytes of the disk below a folder, or below the nearest one above it that is there.
pub fn space(folder: &Path) -> std::io::Result<(u64, u64)> {
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder);
    let stat = rustix::fs::statvfs(if there.as_os_str().is_empty() { Path::new(".") } else { there })?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Ok((bytes(stat.f_bavail), bytes(stat.f_blocks)))
}

/// A share alone would warn of terabytes, and an amount alone of every small disk: it takes both.
fn judge_space(folder: &Path, free: u64, total: u64) -> Finding {
    let percent = free.saturating_mul(100) / total.max(1);
    let said = format!("{} MiB ({percent} %) free at {}", free >> 20, folder.display());
    let hint = "free some space, or give it a larger disk; see docs/operations/runbooks/disk-space-low.md";
    if percent < 5 && free < 2 * GIB {
        Finding::bad(Status::Failed, said, hint)
    } else if percent < 15 && free < 20 * GIB {
        Finding::bad(Status::Warning, said, hint)
    } else {
        Finding::ok(said)
    }
}

fn unknown(folder: &Path, error: &std::io::Error) -> Finding {
    Finding::bad(
        Status::Failed,
        format!("the disk at {} cannot be asked: {error}", folder.display()),
        "make sure that it is mounted and that this service may enter it",
    )
}

pub(crate) fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_judged_by_share_and_amount() {
        let status = |free, total| judge_space(Path::new("/data"), free, total).status;
        assert_eq!(status(50 * GIB, 1_000 * GIB), Status::Ok, "a twentieth of a large disk is much");
        assert_eq!(status(3 * GIB, 100 * GIB), Status::Warning);
        assert_eq!(status(GIB, 100 * GIB), Status::Failed);
        assert_eq!(status(GIB / 2, GIB), Status::Ok, "half of a small disk is enough");
        assert_eq!(status(0, 0), Status::Failed);
    }

    #[test]
    fn a_folder_that_is_not_there_yet_has_the_disk_of_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        let (free, total) = space(&folder.path().join("not/there/yet")).unwrap();
        assert!(free <= total && total > 0);
    }

    #[test]
    fn a_certificate_is_judged_by_the_time_it_has_left() {
        let status = |days: i64| judge_expiry("test", "cert.pem", days * DAY_S).status;
        assert_eq!(
            [status(90), status(10), status(1), status(-1)],
            [Status::Ok, Status::Warning, Status::Failed, Status::Failed]
        );
    }

    #[test]
    fn the_first_of_a_chain_to_expire_counts_and_no_certificate_is_an_error() {
        let pem = include_bytes!("vitals/two_certificates.pem");
        assert_eq!(first_expiry_s(pem).unwrap(), 1_893_456_000, "2030-01-01, not 2040-01-01");
        assert!(first_expiry_s(b"nothing").unwrap_err().contains("no certificate"));
        assert!(first_expiry_s(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err());
    }

    #[tokio::test]
    async fn a_certificate_that_cannot_be_read_says_what_to_do() {
        let health = Health::new("demo");
        certificate(&health, "public", "/nowhere/cert.pem");
        let report = health.report("demo").await;
        assert_eq!(report.looks[0].name, "certificate public");
        assert!(report.looks[0].finding.reason.contains("/nowhere/cert.pem"));
        assert!(report.looks[0].finding.hint.is_some());
    }
}
