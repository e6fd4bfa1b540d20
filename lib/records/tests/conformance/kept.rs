//! Kept documents.

use std::sync::Arc;

use crate::place::Place;

pub(crate) async fn a_document_is_changed_only_from_the_version_that_was_read(place: &Place) {
    let (records, other) = (place.open().await, place.open().await);
    assert_eq!(records.kept("key", "lab", "one").await.unwrap(), None);
    assert_eq!(records.keep("key", "lab", "one", Some(1), "{}".into()).await.unwrap(), None);
    let first = records.keep("key", "lab", "one", None, "{\"n\":1}".into()).await.unwrap().unwrap();
    assert!(first < 1 << 53, "JSON keeps it");
    assert_eq!(records.keep("key", "lab", "one", None, "{}".into()).await.unwrap(), None, "it is there");
    let second = other.keep("key", "lab", "one", Some(first), "{\"n\":2}".into()).await.unwrap();
    assert_eq!(second, Some(first + 1));
    assert_eq!(records.keep("key", "lab", "one", Some(first), "{\"n\":3}".into()).await.unwrap(), None);
    let kept = records.kept("key", "lab", "one").await.unwrap().unwrap();
    assert_eq!((&*kept.scope, &*kept.name, kept.version), ("lab", "one", first + 1));
    assert_eq!(kept.body, "{\"n\":2}");
    for (kind, scope, name) in [("user", "lab", "one"), ("key", "", "one"), ("key", "lab", "on")] {
        assert_eq!(records.kept(kind, scope, name).await.unwrap(), None, "{kind}/{scope}/{name}");
    }
}

pub(crate) async fn a_document_made_again_has_none_of_its_former_versions(place: &Place) {
    let records = place.open().await;
    let first = records.keep("key", "", "one", None, "{}".into()).await.unwrap().unwrap();
    assert!(!records.drop_kept("key", "", "one", first + 1).await.unwrap());
    assert!(records.drop_kept("key", "", "one", first).await.unwrap());
    assert!(!records.drop_kept("key", "", "one", first).await.unwrap());
    assert_eq!(records.kept("key", "", "one").await.unwrap(), None);
    records.keep("key", "", "one", None, "{}".into()).await.unwrap().unwrap();
    assert_eq!(records.keep("key", "", "one", Some(first), "{}".into()).await.unwrap(), None);
}

pub(crate) async fn of_many_that_make_or_change_one_document_one_is_first(place: &Place) {
    let (first, second) = (place.open().await, place.open().await);
    for round in 0..3 {
        let expected = first.kept("key", "", "one").await.unwrap().map(|kept| kept.version);
        let tries = (0..8).map(|n| {
            let records = Arc::clone(if n % 2 == 0 { &first } else { &second });
            tokio::spawn(async move {
                let body = format!("{{\"by\":{n}}}");
                records.keep("key", "", "one", expected, body.clone()).await.unwrap().map(|_| body)
            })
        });
        let answers = futures::future::join_all(tries).await;
        let winners: Vec<_> = answers.into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(winners.len(), 1, "round {round}");
        assert_eq!(first.kept("key", "", "one").await.unwrap().unwrap().body, winners[0]);
    }
}

pub(crate) async fn pages_go_through_one_scope_or_all_of_them_and_lose_nothing(place: &Place) {
    let records = place.open().await;
    let all = [("", "z"), ("a", "1"), ("a", "2"), ("a", "3"), ("a-b", "1"), ("b", "é")];
    for (scope, name) in all.iter().rev() {
        records.keep("key", scope, name, None, "{}".into()).await.unwrap().unwrap();
    }
    for kind in ["kex", "key2", "ke"] {
        records.keep(kind, "a", "other", None, "{}".into()).await.unwrap().unwrap();
    }
    for limit in [1, 2, 10] {
        let mut seen: Vec<(String, String)> = Vec::new();
        loop {
            let after = seen.last().map(|(scope, name)| (&**scope, &**name));
            let page = records.kept_page("key", None, after, limit).await.unwrap();
            if page.is_empty() {
                break;
            }
            seen.extend(page.into_iter().map(|kept| (kept.scope, kept.name)));
        }
        let seen: Vec<_> = seen.iter().map(|(scope, name)| (&**scope, &**name)).collect();
        assert_eq!(seen, all, "{limit} at a time");
    }
    let of = async |scope, after, limit| {
        let page = records.kept_page("key", Some(scope), after, limit).await.unwrap();
        page.into_iter().map(|kept| kept.name).collect::<Vec<_>>()
    };
    assert_eq!(of("a", None, 10).await, ["1", "2", "3"]);
    assert_eq!(of("a", Some(("a", "1")), 1).await, ["2"]);
    assert_eq!(of("", None, 10).await, ["z"]);
    assert_eq!(of("c", None, 10).await, [""; 0]);
    assert_eq!(of("a", None, 0).await, [""; 0]);
}
