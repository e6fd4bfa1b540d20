//! Backups that are not what they should be: refused with the file and the code, and nothing is changed.

use std::fs;
use std::path::{Path, PathBuf};

use emboflow_backup::{
    BackupError, BackupKey, Depth, Keep, Listed, Manifest, Repository, SLICES, Share, heal, prune, restore,
    verify,
};
use emboflow_model::Timestamp;
use emboflow_model::lease::Lease;
use emboflow_objects::Backend;
use emboflow_records::SharedRecords;

use crate::installation::{Installation, Scribe, contents};

async fn backed_up() -> (Installation, Manifest) {
    let installation = Installation::on_this_machine();
    let mut scribe = Scribe::of(&installation).await;
    scribe.finished_run(1).await;
    scribe.finished_run(2).await;
    scribe.open_run(3).await;
    scribe.project().await;
    drop(scribe);
    let manifest = installation.back_up().await;
    (installation, manifest)
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn stored(installation: &Installation) -> Vec<PathBuf> {
    let Backend::Directory(place) = &installation.repository else { panic!("a directory") };
    files_below(&place.root.join("objects"))
}

/// Restores into an empty place, which stays empty.
async fn refusal(installation: &Installation) -> BackupError {
    let target = installation.empty_twin("bad").await;
    let repository = target.repository();
    let refused = async {
        let manifest = repository.find("latest").await?;
        restore(&repository, &manifest, &target.target(false)).await
    };
    let error = refused.await.expect_err("a bad backup is restored");
    assert!(!target.open().await.holds_anything().await.unwrap(), "nothing is applied after {error}");
    assert_eq!(contents(&target.store()).await, [], "nothing is applied after {error}");
    assert!(!target.dir.path().join("restored-files").exists(), "nothing is applied after {error}");
    error
}

#[tokio::test]
async fn one_flipped_byte_in_any_file_is_refused_and_the_file_is_named() {
    let (installation, _) = backed_up().await;
    let files = stored(&installation);
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        let whole = fs::read(&file).unwrap();
        let mut flipped = whole.clone();
        let at = flipped.len() / 2;
        flipped[at] ^= 1;
        fs::write(&file, flipped).unwrap();
        let error = refusal(&installation).await;
        assert_eq!(error.code().code(), "backup.damaged", "{}: {error}", file.display());
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(error.to_string().contains(&name), "{}: {error}", file.display());
        fs::write(&file, whole).unwrap();
    }
    let target = installation.empty_twin("whole").await;
    let repository = target.repository();
    let manifest = repository.find("latest").await.unwrap();
    restore(&repository, &manifest, &target.target(false)).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_cut_or_missing_is_refused_and_the_file_is_named() {
    let (installation, manifest) = backed_up().await;
    let named = Manifest::clone(&manifest);
    for file in stored(&installation) {
        let whole = fs::read(&file).unwrap();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        for cut in [Some(whole.len() / 2), Some(0), None] {
            match cut {
                Some(length) => fs::write(&file, &whole[..length]).unwrap(),
                None => fs::remove_file(&file).unwrap(),
            }
            let error = refusal(&installation).await;
            let codes =
                if name == "manifest" && cut.is_none() { "backup.not_found" } else { "backup.damaged" };
            assert_eq!(error.code().code(), codes, "{}: {error}", file.display());
            if cut.is_some() || name != "manifest" {
                assert!(error.to_string().contains(&name), "{}: {error}", file.display());
            }
            // Also the quick look, which reads no content, misses none of it.
            let repository = installation.repository();
            assert!(verify(&repository, &named, Depth::Shallow).await.is_err() || name == "manifest");
        }
        fs::write(&file, whole).unwrap();
    }
}

#[tokio::test]
async fn a_backup_that_was_cut_off_is_listed_as_such_and_never_as_whole() {
    let (installation, manifest) = backed_up().await;
    let cut_off = stored(&installation).into_iter().find(|file| file.ends_with("manifest.object")).unwrap();
    fs::remove_file(cut_off).unwrap();
    let listed = installation.repository().list().await.unwrap();
    assert!(matches!(&listed[..], [Listed::CutOff { id }] if *id == manifest.id), "{listed:?}");
    let error = installation.repository().find(&manifest.id).await.unwrap_err();
    assert_eq!(error.code().code(), "backup.not_found", "{error}");
}

#[tokio::test]
async fn a_backup_that_is_given_up_is_not_in_the_list() {
    let (installation, whole) = backed_up().await;
    let source = installation.source().await;
    let missing = emboflow_backup::Source { files: vec!["/no/such/file".into()], ..source };
    let error = emboflow_backup::create(&missing, &installation.repository()).await.unwrap_err();
    assert_eq!(error.code().code(), "backup.unavailable", "{error}");
    let listed = installation.repository().list().await.unwrap();
    let is_whole: Vec<_> =
        listed.iter().filter(|one| matches!(one, Listed::Whole(_))).map(Listed::id).collect();
    assert_eq!(is_whole, [whole.id]);
}

#[tokio::test]
async fn another_key_is_refused_with_both_ids() {
    let (installation, _) = backed_up().await;
    let other = BackupKey::make(&installation.dir.path().join("other.key")).unwrap();
    let repository = Repository::open_for_reading(&installation.repository, other.clone()).unwrap();
    let error = repository.find("latest").await.unwrap_err();
    assert_eq!(error.code().code(), "backup.key");
    let text = error.to_string();
    assert!(text.contains(&other.id()) && text.contains(&installation.key.id()), "{text}");
}

#[tokio::test]
async fn a_backup_of_newer_records_is_refused_with_both_versions() {
    let (installation, manifest) = backed_up().await;
    let newer = Manifest { schema: 99, ..manifest };
    let target = installation.empty_twin("newer").await;
    let repository = target.repository();
    let error = restore(&repository, &newer, &target.target(false)).await.unwrap_err();
    assert_eq!(error.code().code(), "backup.newer");
    assert!(error.to_string().contains("99"), "{error}");
    assert!(!target.open().await.holds_anything().await.unwrap());
}

#[tokio::test]
async fn what_the_installation_itself_has_lost_is_told_and_is_no_damage_of_the_backup() {
    let (installation, _) = backed_up().await;
    let store = installation.store();
    let lost = contents(&store).await.into_iter().find(|(key, _)| key.ends_with("manifest.json")).unwrap().0;
    store.delete(&emboflow_objects::ObjectKey::parse(lost.clone()).unwrap()).await.unwrap();
    drop(store);
    let manifest = installation.back_up().await;
    assert!(matches!(&manifest.damaged[..], [only] if only.contains(&lost)), "{:?}", manifest.damaged);
    verify(&installation.repository(), &manifest, Depth::Deep).await.unwrap();
}

#[tokio::test]
async fn a_second_command_waits_for_nobody_and_says_who_is_at_work() {
    let (installation, _) = backed_up().await;
    let _writing = installation.repository();
    let error = Repository::open(&installation.repository, installation.key.clone()).err().unwrap();
    assert_eq!(error.code().code(), "backup.busy", "{error}");
    let gateway = installation.store();
    let repository =
        Repository::open_for_reading(&installation.repository, installation.key.clone()).unwrap();
    let manifest = repository.find("latest").await.unwrap();
    let error = restore(&repository, &manifest, &installation.target(true)).await.unwrap_err();
    assert_eq!(error.code().code(), "backup.busy", "{error}");
    drop(gateway);
}

#[tokio::test]
async fn records_with_which_a_scheduler_decides_do_not_give_way() {
    let installation = Installation::on_servers("in_use").await;
    let mut scribe = Scribe::of(&installation).await;
    scribe.finished_run(1).await;
    drop(scribe);
    let manifest = installation.back_up().await;
    let records = installation.open().await;
    let scheduler = tokio::spawn(async move {
        let (mut version, mut time) = (None, tokio::time::interval(std::time::Duration::from_millis(500)));
        loop {
            time.tick().await;
            version = keep_lease(&records, version, false).await;
        }
    });
    until_kept(&installation).await;
    let target = installation.target(true);
    let error = restore(&installation.repository(), &manifest, &target).await.unwrap_err();
    assert_eq!(error.code().code(), "backup.busy", "{error}");
    assert!(error.to_string().contains("a scheduler decides"), "{error}");
    scheduler.abort();
    assert!(scheduler.await.unwrap_err().is_cancelled());

    let records = installation.open().await;
    let version = records.kept(Lease::KIND, "", &Lease::name(0)).await.unwrap().map(|kept| kept.version);
    keep_lease(&records, version, true).await.expect("nobody else keeps it");
    restore(&installation.repository(), &manifest, &target).await.unwrap();
}

async fn keep_lease(records: &SharedRecords, version: Option<u64>, released: bool) -> Option<u64> {
    let lease = Lease { holder: "a scheduler".to_owned(), since: Timestamp(1), released };
    let body = serde_json::to_string(&lease).unwrap();
    records.keep(Lease::KIND, "", &Lease::name(0), version, body).await.unwrap()
}

async fn until_kept(installation: &Installation) {
    let records = installation.open().await;
    let kept = async {
        while records.kept(Lease::KIND, "", &Lease::name(0)).await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), kept).await.expect("the lease is kept");
}

#[tokio::test]
async fn the_same_backup_is_restored_again_and_again_over_changed_files() {
    let (installation, manifest) = backed_up().await;
    let file = installation.restored_settings();
    for content in ["first", "second", "third"] {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        restore(&installation.repository(), &manifest, &installation.target(true)).await.unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "listen = \"127.0.0.1:0\"\n");
    }
    let mut kept: Vec<_> = files_below(file.parent().unwrap())
        .into_iter()
        .filter(|path| *path != file)
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    kept.sort();
    assert_eq!(kept, ["first", "second", "third"], "each restore keeps what it replaces, and nothing else");
}

#[tokio::test]
async fn a_file_that_cannot_be_put_there_ends_a_restore_before_the_records_change() {
    let (installation, manifest) = backed_up().await;
    let records = installation.open().await;
    records.keep("user", "", "later", None, "{}".to_owned()).await.unwrap().unwrap();
    drop(records);
    let file = installation.restored_settings();
    fs::create_dir_all(file.join("a folder in its place")).unwrap();
    let error = restore(&installation.repository(), &manifest, &installation.target(true)).await.unwrap_err();
    assert_eq!(error.code().code(), "backup.unavailable", "{error}");
    let records = installation.open().await;
    assert!(records.kept("user", "", "later").await.unwrap().is_some(), "the records are what they were");
    assert_eq!(files_below(file.parent().unwrap()), Vec::<PathBuf>::new(), "nothing is left beside");
}

#[tokio::test]
async fn a_damaged_shared_content_is_set_aside_and_the_next_backup_copies_it_again() {
    let (installation, first) = backed_up().await;
    let shared = stored(&installation).into_iter().filter(|file| {
        let folder = file.parent().and_then(Path::parent).unwrap();
        folder.ends_with("objects/objects")
    });
    let file = shared.into_iter().next().unwrap();
    let mut flipped = fs::read(&file).unwrap();
    let at = flipped.len() / 2;
    flipped[at] ^= 1;
    fs::write(&file, flipped).unwrap();
    let second = installation.back_up().await;
    let repository = installation.repository();
    let error = verify(&repository, &second, Depth::Deep).await.unwrap_err();
    assert_eq!(error.code().code(), "backup.damaged", "{error}");

    let healed = heal(&repository, Share::All).await.unwrap();
    let name = file.file_stem().unwrap().to_string_lossy();
    assert!(matches!(&healed.set_aside[..], [only] if only.ends_with(&*name)), "{healed:?}");
    let aside = stored(&installation).into_iter().filter(|file| file.to_string_lossy().contains("/damaged/"));
    assert_eq!(aside.count(), 1, "it is kept for whoever wants to look at it");
    drop(repository);

    let third = installation.back_up().await;
    assert_eq!(third.objects.new_count, 1);
    let repository = installation.repository();
    for manifest in [&first, &second, &third] {
        verify(&repository, manifest, Depth::Deep).await.unwrap();
    }
}

#[tokio::test]
async fn the_slices_together_read_each_content_once_and_leave_what_is_whole() {
    let (installation, manifest) = backed_up().await;
    let repository = installation.repository();
    let mut read = 0;
    for slice in 0..SLICES {
        let healed = heal(&repository, Share::Slice(slice)).await.unwrap();
        assert_eq!(healed.set_aside, Vec::<String>::new());
        read += healed.read;
    }
    assert_eq!(read, manifest.objects.new_count);
    verify(&repository, &manifest, Depth::Deep).await.unwrap();
}

#[tokio::test]
async fn backups_that_lie_with_the_objects_are_not_restored_because_that_would_remove_them() {
    let (installation, manifest) = backed_up().await;
    let before = stored(&installation);
    let target =
        emboflow_backup::Target { objects: installation.repository.clone(), ..installation.target(true) };
    let repository =
        Repository::open_for_reading(&installation.repository, installation.key.clone()).unwrap();
    let error = restore(&repository, &manifest, &target).await.unwrap_err();
    assert!(error.to_string().contains("must not lie with the objects"), "{error}");
    assert_eq!(stored(&installation), before, "every backup is still there");
}

#[tokio::test]
async fn contents_stay_while_somebody_takes_a_backup_that_may_count_on_them() {
    let (installation, first) = backed_up().await;
    let store = installation.store();
    for (key, _) in contents(&store).await {
        store.delete(&emboflow_objects::ObjectKey::parse(key).unwrap()).await.unwrap();
    }
    drop(store);
    installation.back_up().await;
    let two_days_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(2 * 86_400);
    for file in stored(&installation) {
        fs::File::options().write(true).open(file).unwrap().set_modified(two_days_ago).unwrap();
    }
    // As far as it has come, it looks like one that is under way.
    let source = installation.source().await;
    let under_way = emboflow_backup::Source { files: vec!["/no/such/file".into()], ..source };
    let repository = installation.repository();
    emboflow_backup::create(&under_way, &repository).await.unwrap_err();
    let keep = Keep { last: 1, daily: 0, weekly: 0 };
    let pruned = prune(&repository, keep, emboflow_backup::GRACE).await.unwrap();
    assert_eq!((pruned.backups, pruned.contents), (vec![first.id], 0), "somebody may count on them");

    for file in stored(&installation) {
        fs::File::options().write(true).open(file).unwrap().set_modified(two_days_ago).unwrap();
    }
    let pruned = prune(&repository, keep, emboflow_backup::GRACE).await.unwrap();
    assert_eq!((pruned.cut_off.len(), pruned.contents), (1, first.objects.new_count), "it was cut off");
}
