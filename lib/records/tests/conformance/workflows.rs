//! Workflow versions and settings.

use std::sync::Arc;

use emboflow_model::{Timestamp, WorkflowName};
use emboflow_records::WorkflowVersion;

use crate::place::Place;
use crate::sample::project;

fn name(name: &str) -> WorkflowName {
    WorkflowName::new(name).unwrap()
}

fn text(workflow: &str, source: &str) -> WorkflowVersion {
    let digest = format!("sha256:{source}");
    let description = Some("what it does".to_owned());
    WorkflowVersion::to_put(
        project("default"),
        name(workflow),
        digest,
        source.into(),
        description,
        Timestamp(5),
    )
}

pub(crate) async fn a_new_text_is_a_new_version_and_the_same_text_is_not(place: &Place) {
    let records = place.open().await;
    for (source, version) in [("a", 1), ("a", 1), ("b", 2), ("b", 2), ("a", 3)] {
        let stored = records.put_workflow(text("digits", source)).await.unwrap();
        assert_eq!((stored.row.version, stored.source.as_ref()), (version, source));
    }
    let default = project("default");
    let newest = records.workflow(&default, &name("digits"), None).await.unwrap().unwrap();
    assert_eq!((newest.row.version, newest.source.as_ref()), (3, "a"));
    let second = records.workflow(&default, &name("digits"), Some(2)).await.unwrap().unwrap();
    assert_eq!((second.row.digest.as_str(), second.row.created_at), ("sha256:b", Timestamp(5)));
    assert_eq!(records.workflow(&default, &name("digits"), Some(4)).await.unwrap(), None);
    assert_eq!(records.workflow(&default, &name("digit"), None).await.unwrap(), None);
    assert_eq!(records.workflow(&project("other"), &name("digits"), None).await.unwrap(), None);
}

pub(crate) async fn racing_texts_get_different_versions(place: &Place) {
    let (first, second) = (place.open().await, place.open().await);
    let puts = (0..12).map(|n| {
        let records = Arc::clone(if n % 2 == 0 { &first } else { &second });
        tokio::spawn(async move {
            records.put_workflow(text("digits", &n.to_string())).await.unwrap().row.version
        })
    });
    let mut versions: Vec<_> =
        futures::future::join_all(puts).await.into_iter().map(|version| version.unwrap()).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=12).collect::<Vec<_>>());
}

pub(crate) async fn the_newest_version_of_each_workflow_is_listed(place: &Place) {
    let records = place.open().await;
    for (workflow, source) in [("b", "1"), ("a", "1"), ("c", "1"), ("b", "2")] {
        records.put_workflow(text(workflow, source)).await.unwrap();
    }
    let default = project("default");
    let listed = |rows: Vec<emboflow_records::WorkflowRow>| {
        rows.into_iter().map(|row| (row.name.to_string(), row.version)).collect::<Vec<_>>()
    };
    let two = listed(records.workflows(&default, None, 2).await.unwrap());
    assert_eq!(two, [("a".to_owned(), 1), ("b".to_owned(), 2)]);
    let rest = listed(records.workflows(&default, Some(&name("b")), 10).await.unwrap());
    assert_eq!(rest, [("c".to_owned(), 1)]);
    assert_eq!(records.workflows(&project("other"), None, 10).await.unwrap(), []);
}

pub(crate) async fn a_dropped_workflow_is_gone_with_all_its_versions(place: &Place) {
    let records = place.open().await;
    for (workflow, source) in [("a", "1"), ("a", "2"), ("b", "1")] {
        records.put_workflow(text(workflow, source)).await.unwrap();
    }
    let default = project("default");
    assert!(!records.drop_workflow(&project("other"), &name("a")).await.unwrap());
    assert!(records.drop_workflow(&default, &name("a")).await.unwrap());
    assert!(!records.drop_workflow(&default, &name("a")).await.unwrap(), "it is gone already");
    for version in [None, Some(1), Some(2)] {
        assert_eq!(records.workflow(&default, &name("a"), version).await.unwrap(), None);
    }
    let left = records.workflows(&default, None, 10).await.unwrap();
    assert_eq!(left.into_iter().map(|row| row.name).collect::<Vec<_>>(), [name("b")]);
    let anew = records.put_workflow(text("a", "3")).await.unwrap();
    assert_eq!(anew.row.version, 1, "a workflow of that name begins again");
}

pub(crate) async fn the_first_value_of_a_setting_stays(place: &Place) {
    let (first, second) = (place.open().await, place.open().await);
    assert_eq!(first.setting("instance").await.unwrap(), None);
    let puts = (0..8).map(|n| {
        let records = Arc::clone(if n % 2 == 0 { &first } else { &second });
        tokio::spawn(async move { records.put_setting_if_absent("instance", n.to_string()).await.unwrap() })
    });
    let won: Vec<_> = futures::future::join_all(puts).await.into_iter().map(|won| won.unwrap()).collect();
    assert!(won.iter().all(|value| *value == won[0]), "{won:?}");
    assert_eq!(second.setting("instance").await.unwrap().as_ref(), won.first());
}
