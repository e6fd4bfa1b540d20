//! Triggers on new objects: which are meant, which are new, and what is remembered of them.

use crate::ProjectName;
use crate::trigger::{
    KnownObject, KnownObjects, ObjectFilter, ObjectPlace, Reason, Standing, TriggerKind, TriggerState,
    fingerprint, idempotency_key, standing, upload_of,
};
use crate::workflow::parse_trigger;
use crate::workflow::triggers::ObjectCreatedSpec;

use super::at;

fn filter(prefix: &str, pattern: Option<&str>) -> ObjectFilter {
    ObjectFilter::new(&spec(prefix, pattern)).unwrap()
}

fn spec(prefix: &str, pattern: Option<&str>) -> ObjectCreatedSpec {
    ObjectCreatedSpec {
        name: None,
        prefix: prefix.to_owned(),
        pattern: pattern.map(str::to_owned),
        inputs: indexmap::IndexMap::new(),
    }
}

#[test]
fn a_prefix_cannot_reach_out_of_the_projects_part_of_the_storage() {
    let project = ProjectName::new("lab").unwrap();
    assert_eq!(filter("incoming/", None).full_prefix(&project), "lab/incoming/");
    for good in ["a", "a/b", "a/.hidden", "größe/图", "runs/", "uploads/data/"] {
        assert!(ObjectFilter::new(&spec(good, None)).is_ok(), "{good}");
    }
    let (long, wide) = ("a/".repeat(300), "b".repeat(241));
    for bad in [
        "",
        "/",
        "/etc",
        "..",
        "../other/",
        "a/../../other/",
        "./a",
        ".",
        "a//b",
        "a/..",
        "a/./b",
        "a\\..\\b",
        "a\0b",
        "a\nb",
        "%2e%2e/other/",
        "a/%2E%2E/b",
        long.as_str(),
        wide.as_str(),
    ] {
        let error = ObjectFilter::new(&spec(bad, None)).unwrap_err();
        assert_eq!(error.field, "prefix", "{bad:?}");
        assert!(error.hint.is_some());
    }
    let file = "version: 1\nname: t\nworkflow: w\non: { object_created: { prefix: ../other/ } }\n";
    let problems = parse_trigger(file).unwrap_err();
    assert_eq!(
        (problems[0].code, problems[0].pointer.as_str()),
        ("workflow.bad_value", "/on/object_created/prefix")
    );
}

#[test]
fn a_trigger_on_objects_is_read_as_it_is_written() {
    let file = "version: 1\nname: t\nworkflow: w\non: { object_created: { prefix: in/, pattern: '*.csv', \
                inputs: { file: '${{ event.data.key }}' } } }\n";
    let TriggerKind::ObjectCreated(read) = parse_trigger(file).unwrap().on else { panic!("another kind") };
    assert_eq!((read.prefix.as_str(), read.pattern.as_deref(), read.inputs.len()), ("in/", Some("*.csv"), 1));
    for bad in ["{}", "{ pattern: '*' }", "{ prefix: a, pattern: '' }", "{ prefix: a, sufix: b }", "5"] {
        let file = format!("version: 1\nname: t\nworkflow: w\non: {{ object_created: {bad} }}\n");
        assert!(parse_trigger(&file).is_err(), "{bad}");
    }
}

#[test]
fn a_pattern_chooses_by_the_rest_of_the_key() {
    let like = |pattern: &str, key: &str| filter("in/", Some(pattern)).is_meant(key);
    for (pattern, key) in [
        ("*.csv", "in/a.csv"),
        ("*", "in/a"),
        ("**", "in/a/b/c"),
        ("**/*.csv", "in/a/b.csv"),
        ("**/*.csv", "in/b.csv"),
        ("day-??/x", "in/day-07/x"),
        ("*a*b*", "in/xaybz"),
        ("图*", "in/图1"),
    ] {
        assert!(like(pattern, key), "{pattern} {key}");
    }
    for (pattern, key) in [
        ("*.csv", "in/a/b.csv"),
        ("*.csv", "in/a.csv.part"),
        ("*.csv", "out/a.csv"),
        ("?", "in/ab"),
        ("?", "in/"),
        ("a?b", "in/a/b"),
        ("*.CSV", "in/a.csv"),
        ("**/*.csv", "in/bcsv"),
    ] {
        assert!(!like(pattern, key), "{pattern} {key}");
    }
    assert!(filter("in", None).is_meant("incoming/x") && !filter("in", None).is_meant("IN/x"));
    // Whoever writes the worst pattern waits no longer than others.
    assert!(!filter("in/", Some(&"*a".repeat(250))).is_meant(&format!("in/{}", "a".repeat(249))));
}

#[test]
fn outputs_and_uploads_count_as_whole_artifacts_and_what_is_the_platforms_own_never() {
    let run = "run-01jd8v7m2kq3x5w9c0hn4tz6ap";
    let own = |rest: &str| format!("runs/{run}/attempts/train/1/{rest}");
    let file = own("artifacts/model/weights/a.bin");
    let artifact = own("artifacts/model");
    let expected = Standing::File { artifact: &artifact, run: Some(run.parse().unwrap()) };
    assert_eq!(standing(&file), expected);
    let upload = Standing::File { artifact: "uploads/data/3/artifacts/content", run: None };
    assert_eq!(standing("uploads/data/3/artifacts/content/data.csv"), upload);
    assert_eq!(upload_of("uploads/data/3/artifacts/content/data.csv"), Some("data"));
    assert_eq!(standing("incoming/runs/x"), Standing::Whole);
    for platforms in [
        own("artifacts/model.manifest.json").as_str(),
        own("logs/000000000000.log").as_str(),
        "runs/no-id/attempts/train/1/artifacts/a/b",
        "runs/x",
        "uploads/data",
        "uploads/data/3/artifacts/content.manifest.json",
    ] {
        assert_eq!(standing(platforms), Standing::Own, "{platforms}");
    }
}

#[test]
fn what_is_old_starts_nothing_and_what_is_late_still_does() {
    let mut place = ObjectPlace::new(&filter("in/", None), at("2026-11-21T12:00:00Z"));
    assert_eq!(place.new_from(), at("2026-11-21T12:00:00Z"), "the beginning");
    place.swept_at = Some(at("2026-11-21T12:00:01Z"));
    assert_eq!(place.new_from(), at("2026-11-20T12:00:00Z"), "clocks differ, uploads take time");
    place.swept_at = Some(at("2027-03-21T12:00:00Z"));
    assert_eq!(place.new_from(), at("2027-03-15T12:00:00Z"), "keys are known for longer");
}

#[test]
fn a_place_in_the_storage_only_moves_forward() {
    let mut state = TriggerState::new("a");
    let early = ObjectPlace::new(&filter("in/", None), at("2026-11-21T12:00:00Z"));
    let late = ObjectPlace { swept_at: Some(at("2026-11-21T13:00:00Z")), ..early.clone() };
    state.look(early.clone());
    state.look(late.clone());
    state.look(early.clone());
    assert_eq!(state.objects.as_ref(), Some(&late));
    let other = ObjectPlace::new(&filter("in/", Some("*.csv")), at("2026-11-21T12:30:00Z"));
    state.look(other.clone());
    assert_eq!(state.objects, Some(other));
}

#[test]
fn known_objects_read_back_and_what_is_damaged_is_refused() {
    let mut known = KnownObjects::default();
    known.add(KnownObject { listed: 1, content: u64::MAX });
    known.add(KnownObject { listed: fingerprint("a", 5, "x"), content: 0 });
    known.extend(&known.clone());
    assert_eq!(known.len(), 2, "what is known twice is kept once");
    let read = KnownObjects::read(&known.body()).unwrap();
    assert_eq!(read, known);
    assert!(read.listed(1).is_some() && read.listed(2).is_none());
    assert!(read.has_content(u64::MAX) && !read.has_content(0), "what nobody knows is not known");
    for bad in ["", "{}", r#"{"known":"0"}"#, r#"{"known":"zz"}"#, r#"{"known":"äöäöäöäöäöäöäöäö"}"#]
    {
        assert!(KnownObjects::read(bad).is_err(), "{bad}");
    }
}

#[test]
fn fingerprints_and_keys_tell_contents_apart() {
    let all = [("a", 1, "x"), ("b", 1, "x"), ("a", 2, "x"), ("a", 1, "y"), ("ax", 1, "")];
    let prints: std::collections::BTreeSet<_> =
        all.iter().map(|(key, size, mark)| fingerprint(key, *size, mark)).collect();
    assert_eq!(prints.len(), all.len());
    let reason = |version, modified| {
        let reason = Reason::Object { key: "in/a b", version, size_bytes: 1, modified_at: at(modified) };
        idempotency_key("0123abcd", &reason)
    };
    let first = reason("x", "2026-11-21T12:00:00Z");
    assert_eq!(first, reason("x", "2026-11-21T12:00:00Z"));
    assert_ne!(first, reason("y", "2026-11-21T12:00:00Z"));
    assert_ne!(first, reason("x", "2026-11-21T12:00:01Z"), "a content that comes back is a new one");
    assert!(first.starts_with("trigger/0123abcd/object/") && first.is_ascii());
}
