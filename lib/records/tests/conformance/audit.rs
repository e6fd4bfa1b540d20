//! The audit.

use emboflow_model::Timestamp;
use emboflow_model::access::AuditEntry;
use emboflow_model::access::audit::AuditResult;
use emboflow_records::{AuditFilter, Records, RecordsError};

use crate::place::Place;
use crate::sample::project;

fn line(n: i64) -> AuditEntry {
    AuditEntry {
        id: format!("{n:06}"),
        // Three lines of the same millisecond.
        at: Timestamp(n / 3),
        who: if n % 2 == 0 { "user:anna".to_owned() } else { "local".to_owned() },
        from: Some("127.0.0.1".to_owned()),
        action: if n % 4 == 0 { "POST /api/v1/users" } else { "sign-in" }.to_owned(),
        what: None,
        project: (n % 5 == 0).then(|| project("lab")),
        result: if n % 7 == 0 { AuditResult::Denied } else { AuditResult::Ok },
        status: 200,
        code: None,
        request_id: None,
        count: 1,
    }
}

async fn all(records: &dyn Records, filter: AuditFilter, limit: u32) -> Vec<String> {
    let mut filter = AuditFilter { limit, ..filter };
    let mut ids = Vec::new();
    loop {
        let page = records.audit(filter.clone()).await.unwrap();
        assert!(page.entries.len() <= limit as usize);
        ids.extend(page.entries.into_iter().map(|entry| entry.id));
        match page.next {
            None => return ids,
            next => filter.cursor = next,
        }
    }
}

pub(crate) async fn the_audit_is_read_from_its_newest_line_in_pages_that_lose_nothing(place: &Place) {
    let records = place.open().await;
    assert_eq!(all(records.as_ref(), AuditFilter::default(), 5).await, Vec::<String>::new());
    records.append_audit((0..20).map(line).collect()).await.unwrap();
    let expected: Vec<_> = (0..20).rev().map(|n| line(n).id).collect();
    for limit in [1, 2, 5, 19, 20, 100] {
        assert_eq!(all(records.as_ref(), AuditFilter::default(), limit).await, expected, "{limit}");
    }
    let foreign = AuditFilter { cursor: Some("garbage".to_owned()), limit: 1, ..AuditFilter::default() };
    let error = records.audit(foreign).await.unwrap_err();
    assert!(matches!(error, RecordsError::BadCursor { .. }), "{error:?}");
}

pub(crate) async fn every_filter_of_the_audit_keeps_only_what_it_names(place: &Place) {
    let records = place.open().await;
    let lines: Vec<_> = (0..40).map(line).collect();
    records.append_audit(lines.clone()).await.unwrap();
    let none = AuditFilter::default;
    type Keeps = fn(&AuditEntry) -> bool;
    let cases: [(AuditFilter, Keeps); 7] = [
        (AuditFilter { since: Some(Timestamp(4)), ..none() }, |line| line.at >= Timestamp(4)),
        (AuditFilter { until: Some(Timestamp(4)), ..none() }, |line| line.at < Timestamp(4)),
        (AuditFilter { who: Some("user:anna".to_owned()), ..none() }, |line| line.who == "user:anna"),
        (AuditFilter { action: Some("POST /api".to_owned()), ..none() }, |line| {
            line.action.starts_with("POST")
        }),
        (AuditFilter { project: Some(project("lab")), ..none() }, |line| line.project.is_some()),
        (AuditFilter { result: Some(AuditResult::Denied), ..none() }, |line| {
            line.result == AuditResult::Denied
        }),
        (AuditFilter { who: Some("user:ann".to_owned()), ..none() }, |_| false),
    ];
    for (filter, keeps) in cases {
        let expected: Vec<_> = lines.iter().rev().filter(|line| keeps(line)).map(|line| &line.id).collect();
        let found = all(records.as_ref(), filter.clone(), 3).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
    }
}

pub(crate) async fn a_line_of_the_audit_is_written_once_and_never_changed(place: &Place) {
    let records = place.open().await;
    records.append_audit(vec![line(1)]).await.unwrap();
    let forged = AuditEntry { who: "user:mallory".to_owned(), ..line(1) };
    records.append_audit(vec![forged, line(2)]).await.unwrap();
    let page = records.audit(AuditFilter { limit: 10, ..AuditFilter::default() }).await.unwrap();
    assert_eq!(page.entries, [line(2), line(1)]);
}

pub(crate) async fn old_lines_are_dropped_and_no_other(place: &Place) {
    let records = place.open().await;
    records.append_audit((0..12).map(line).collect()).await.unwrap();
    assert_eq!(records.drop_audit(Timestamp(2), 4).await.unwrap(), 4);
    assert_eq!(records.drop_audit(Timestamp(2), 4).await.unwrap(), 2);
    assert_eq!(records.drop_audit(Timestamp(2), 4).await.unwrap(), 0);
    let left = all(records.as_ref(), AuditFilter::default(), 100).await;
    assert_eq!(left, (6..12).rev().map(|n| line(n).id).collect::<Vec<_>>());
}
