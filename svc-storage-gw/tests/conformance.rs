//! What every back end must do: one suite, run against a directory and against a real S3 server.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bytes::Bytes;
use emboflow_objects::directory::DirectoryStore;
use emboflow_objects::s3::S3Store;
use emboflow_objects::{
    Backend, BodyError, Chunks, Counted, Digest, KeyPrefix, ListQuery, ObjectStore, Put, RangeRequest,
    StoreError,
};
use emboflow_service::{Health, Secret, Shutdown};
use futures::stream::{StreamExt, TryStreamExt};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{chunks, eventually, files_in, key, noise, plain};
use svc_storage_gw::{Config, start};

const MIB: usize = 1 << 20;

type Store = Arc<dyn ObjectStore>;

/// Each case gets a store and a prefix that nobody else uses.
macro_rules! cases {
    ($($case:ident)*) => {
        mod directory {
            $(#[tokio::test]
            async fn $case() {
                let folder = tempfile::tempdir().unwrap();
                let store = super::DirectoryStore::open(folder.path(), 1).unwrap();
                super::$case(std::sync::Arc::new(store), concat!(stringify!($case), "/")).await;
                let incoming = folder.path().join("incoming");
                super::eventually("no upload is left", async || super::files_in(&incoming) == 0).await;
            })*
        }
        mod s3 {
            $(#[tokio::test]
            async fn $case() {
                let settings = super::support::weed::bucket("conformance").await;
                let store = super::S3Store::open(&settings, std::time::Duration::from_secs(20)).unwrap();
                super::$case(std::sync::Arc::new(store), concat!(stringify!($case), "/")).await;
                super::no_upload_is_left(&settings, concat!(stringify!($case), "/")).await;
            })*
        }
    };
}

cases! {
    what_was_put_comes_back_whole
    a_large_object_of_unknown_size_comes_back_whole
    a_range_gives_exactly_its_bytes
    a_range_outside_the_object_is_refused_with_its_size
    other_content_than_announced_is_refused_and_nothing_is_stored
    content_that_breaks_off_leaves_nothing
    an_upload_that_is_given_up_leaves_nothing
    a_conditional_put_never_replaces
    a_second_put_replaces_the_first
    a_deleted_object_is_gone_and_may_be_deleted_again
    a_missing_object_is_reported_as_such
    a_listing_is_in_byte_order_and_comes_in_pages
    unusual_keys_are_kept_apart
    objects_below_a_prefix_are_counted
    many_puts_at_once_all_arrive
    the_back_end_says_that_it_is_well
}

async fn no_upload_is_left(settings: &emboflow_objects::S3Backend, prefix: &str) {
    let client = support::weed::client(settings);
    eventually("no multipart upload is open", async || {
        let open =
            client.list_multipart_uploads().bucket(&settings.bucket).prefix(prefix).send().await.unwrap();
        open.uploads().is_empty()
    })
    .await;
}

async fn put(store: &Store, name: &str, content: &Bytes) -> Digest {
    let stored = store.put(plain(name), &mut chunks(content)).await.unwrap();
    assert_eq!((stored.key.as_str(), stored.size_bytes), (name, content.len() as u64));
    stored.sha256.parse().unwrap()
}

async fn get(store: &Store, name: &str) -> Bytes {
    read(store.get(&key(name), None).await.unwrap().content).await
}

async fn read(content: Chunks) -> Bytes {
    content.try_collect::<Vec<_>>().await.unwrap().concat().into()
}

async fn is_absent(store: &Store, name: &str) -> bool {
    matches!(store.head(&key(name)).await, Err(StoreError::NotFound { .. }))
}

async fn what_was_put_comes_back_whole(store: Store, at: &str) {
    for (number, length) in [0, 1, 4096, 3 * MIB + 7].into_iter().enumerate() {
        let (name, content) = (format!("{at}{number}"), noise(number as u64, length));
        assert_eq!(put(&store, &name, &content).await, Digest::of(&content));
        assert!(get(&store, &name).await == content, "{length} bytes");
        let meta = store.head(&key(&name)).await.unwrap();
        assert_eq!((meta.size_bytes, meta.sha256), (length as u64, Some(Digest::of(&content))));
        let age_ms = support::now() as i64 * 1000 - meta.modified_at.0;
        assert!(age_ms.abs() < 120_000, "modified {age_ms} ms ago");
    }
}

async fn a_large_object_of_unknown_size_comes_back_whole(store: Store, at: &str) {
    let (name, content) = (format!("{at}large"), noise(9, 17 * MIB + 3));
    let announced = Put { sha256: Some(Digest::of(&content)), ..plain(&name) };
    let stored = store.put(announced, &mut chunks(&content)).await.unwrap();
    assert_eq!(stored.sha256, Digest::of(&content).to_string());
    assert!(get(&store, &name).await == content);
    assert_eq!(store.head(&key(&name)).await.unwrap().sha256, Some(Digest::of(&content)));
}

async fn a_range_gives_exactly_its_bytes(store: Store, at: &str) {
    let (name, content) = (format!("{at}ranges"), noise(2, MIB + 11));
    put(&store, &name, &content).await;
    let size = content.len() as u64;
    for (range, expected) in [
        (RangeRequest::Between(0, 0), 0..1),
        (RangeRequest::Between(300_000, 700_001), 300_000..700_002),
        (RangeRequest::Between(5, u64::MAX / 2), 5..size),
        (RangeRequest::From(size - 1), size - 1..size),
        (RangeRequest::Last(10), size - 10..size),
        (RangeRequest::Last(size + 10), 0..size),
    ] {
        let opened = store.get(&key(&name), Some(range)).await.unwrap();
        assert_eq!((opened.range.clone(), opened.meta.size_bytes), (expected.clone(), size), "{range:?}");
        assert_eq!(opened.meta.sha256, Some(Digest::of(&content)));
        let part = content.slice(expected.start as usize..expected.end as usize);
        assert!(read(opened.content).await == part, "{range:?}");
    }
}

async fn a_range_outside_the_object_is_refused_with_its_size(store: Store, at: &str) {
    let (name, content) = (format!("{at}ranges"), noise(2, 100));
    put(&store, &name, &content).await;
    for range in [RangeRequest::From(100), RangeRequest::Between(200, 300)] {
        match store.get(&key(&name), Some(range)).await {
            Err(StoreError::Range(outside)) => assert_eq!(outside.size_bytes, 100),
            other => panic!("{range:?} gave {:?}", other.map(|opened| opened.range)),
        }
    }
}

async fn other_content_than_announced_is_refused_and_nothing_is_stored(store: Store, at: &str) {
    for (name, length) in [("small", 100), ("large", 11 * MIB)] {
        let (name, content) = (format!("{at}{name}"), noise(3, length));
        let lie = Put { sha256: Some(Digest::of(b"other")), ..plain(&name) };
        match store.put(lie, &mut chunks(&content)).await {
            Err(StoreError::Checksum { found, .. }) => assert_eq!(found, Digest::of(&content)),
            other => panic!("gave {other:?}"),
        }
        let short = Put { size_bytes: Some(length as u64 + 1), ..plain(&name) };
        assert!(matches!(
            store.put(short, &mut chunks(&content)).await,
            Err(StoreError::Content(BodyError::Aborted { .. }))
        ));
        assert!(is_absent(&store, &name).await);
    }
}

async fn content_that_breaks_off_leaves_nothing(store: Store, at: &str) {
    let kept = noise(4, 50);
    for length in [100, 11 * MIB] {
        let name = format!("{at}broken-{length}");
        put(&store, &name, &kept).await;
        let reason = "the wire was cut".to_owned();
        let cut = futures::stream::iter([Err(BodyError::Aborted { reason: reason.clone() })]);
        let outcome = store.put(plain(&name), &mut chunks(&noise(5, length)).chain(cut).boxed()).await;
        assert!(
            matches!(outcome, Err(StoreError::Content(BodyError::Aborted { reason: why })) if why == reason)
        );
        assert!(get(&store, &name).await == kept, "what was there before stays");
    }
}

async fn an_upload_that_is_given_up_leaves_nothing(store: Store, at: &str) {
    let name = format!("{at}given-up");
    let (seen, mut all_taken) = tokio::sync::mpsc::channel::<()>(1);
    let last = futures::stream::once(async move {
        let _open_until_here = seen;
        Ok(Bytes::new())
    });
    let content = chunks(&noise(6, 12 * MIB)).chain(last).chain(futures::stream::pending()).boxed();
    let (upload, put) = (store.clone(), plain(&name));
    let task = tokio::spawn(async move {
        let mut content = content;
        upload.put(put, &mut content).await
    });
    assert!(all_taken.recv().await.is_none());
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(is_absent(&store, &name).await);
}

async fn a_conditional_put_never_replaces(store: Store, at: &str) {
    let (name, first) = (format!("{at}once"), noise(7, 10));
    let once = Put { only_if_absent: true, ..plain(&name) };
    store.put(once.clone(), &mut chunks(&first)).await.unwrap();
    for length in [20, 11 * MIB] {
        let outcome = store.put(once.clone(), &mut chunks(&noise(8, length))).await;
        assert!(matches!(outcome, Err(StoreError::Exists { .. })), "{outcome:?}");
    }
    assert!(get(&store, &name).await == first);
}

async fn a_second_put_replaces_the_first(store: Store, at: &str) {
    let name = format!("{at}twice");
    put(&store, &name, &noise(1, 5_000)).await;
    let second = noise(2, 300);
    put(&store, &name, &second).await;
    assert!(get(&store, &name).await == second);
    assert_eq!(store.head(&key(&name)).await.unwrap().sha256, Some(Digest::of(&second)));
}

async fn a_deleted_object_is_gone_and_may_be_deleted_again(store: Store, at: &str) {
    let (name, sibling) = (format!("{at}folder/a"), format!("{at}folder/b"));
    put(&store, &name, &noise(1, 10)).await;
    put(&store, &sibling, &noise(1, 10)).await;
    store.delete(&key(&name)).await.unwrap();
    store.delete(&key(&name)).await.unwrap();
    store.delete(&key(&format!("{at}never/was"))).await.unwrap();
    assert!(is_absent(&store, &name).await);
    assert!(!is_absent(&store, &sibling).await);
}

async fn a_missing_object_is_reported_as_such(store: Store, at: &str) {
    let missing = key(&format!("{at}missing"));
    assert!(matches!(store.head(&missing).await, Err(StoreError::NotFound { .. })));
    for range in [None, Some(RangeRequest::From(3))] {
        assert!(matches!(store.get(&missing, range).await, Err(StoreError::NotFound { .. })));
    }
}

async fn listed(store: &Store, prefix: &str, limit: usize) -> Vec<String> {
    let (mut keys, mut after) = (Vec::new(), String::new());
    loop {
        let query = ListQuery { prefix: KeyPrefix::parse(prefix).unwrap(), after, limit };
        let page = store.list(query).await.unwrap();
        assert!(page.items.len() <= limit);
        keys.extend(page.items.into_iter().map(|object| object.key));
        match page.next {
            Some(next) => after = next,
            None => return keys,
        }
    }
}

async fn a_listing_is_in_byte_order_and_comes_in_pages(store: Store, at: &str) {
    let names = ["a/1", "a/2", "a/b/c", "b", "c/x.log", "c/y/z", "d"];
    let mut keys: Vec<String> = names.iter().map(|name| format!("{at}{name}")).collect();
    for name in keys.iter().rev() {
        put(&store, name, &noise(1, 12)).await;
    }
    keys.sort();
    for limit in [1, 2, 3, 100] {
        assert_eq!(listed(&store, at, limit).await, keys, "pages of {limit}");
    }
    assert_eq!(listed(&store, &format!("{at}a/"), 2).await, keys[..3]);
    assert_eq!(listed(&store, &format!("{at}c/y"), 2).await, [format!("{at}c/y/z")]);
    assert_eq!(listed(&store, &format!("{at}nothing/"), 2).await, Vec::<String>::new());
    let page = ListQuery { prefix: KeyPrefix::parse(at).unwrap(), after: format!("{at}b"), limit: 100 };
    let page = store.list(page).await.unwrap();
    assert_eq!(page.items.iter().map(|object| object.key.as_str()).collect::<Vec<_>>(), keys[4..]);
    assert!(page.items.iter().all(|object| object.size_bytes == 12 && object.modified_at.0 > 0));
}

async fn unusual_keys_are_kept_apart(store: Store, at: &str) {
    let names = [
        "with space",
        "plus+and&",
        "größe/图.png",
        "100% sure",
        "q?x=1#y",
        "'quote\"",
        "a.object/b",
        "~tilde",
    ];
    for (number, name) in names.iter().enumerate() {
        put(&store, &format!("{at}{name}"), &noise(number as u64, 64)).await;
    }
    for (number, name) in names.iter().enumerate() {
        assert!(get(&store, &format!("{at}{name}")).await == noise(number as u64, 64), "{name}");
    }
    let mut keys: Vec<String> = names.iter().map(|name| format!("{at}{name}")).collect();
    keys.sort();
    let mut found = listed(&store, at, 100).await;
    found.sort();
    assert_eq!(found, keys);
}

async fn objects_below_a_prefix_are_counted(store: Store, at: &str) {
    for (name, length) in [("in/a", 10), ("in/b/c", 5), ("out", 7)] {
        put(&store, &format!("{at}{name}"), &noise(1, length)).await;
    }
    let prefix = KeyPrefix::parse(format!("{at}in/")).unwrap();
    let counted = store.count(prefix.clone(), Instant::now() + Duration::from_secs(20)).await.unwrap();
    assert_eq!(counted, Counted { objects: 2, size_bytes: 15, complete: true });
    assert!(!store.count(prefix, Instant::now()).await.unwrap().complete);
}

async fn many_puts_at_once_all_arrive(store: Store, at: &str) {
    let puts = (0..24).map(|number: u64| {
        let store = store.clone();
        // Deleting in the same folders meanwhile must not take a folder away under a put.
        let (name, passing) =
            (format!("{at}f{}/{number}", number % 3), format!("{at}f{}/p{number}", number % 3));
        async move {
            put(&store, &passing, &noise(1, 10)).await;
            store.delete(&key(&passing)).await.unwrap();
            put(&store, &name, &noise(number, 1000)).await;
        }
    });
    futures::future::join_all(puts).await;
    assert_eq!(listed(&store, at, 1000).await.len(), 24);
}

async fn the_back_end_says_that_it_is_well(store: Store, _at: &str) {
    assert!(!store.check().await.unwrap().is_empty());
}

async fn failure_of(settings: &emboflow_objects::S3Backend) -> (String, String) {
    let store = S3Store::open(settings, Duration::from_secs(5)).unwrap();
    match store.put(plain("a"), &mut chunks(&noise(1, 10))).await {
        Err(StoreError::Unavailable { detail, hint, .. }) => (detail, hint.unwrap_or_default()),
        other => panic!("gave {other:?}"),
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_settings_of_a_bucket_is_told_with_a_hint() {
    let good = support::weed::bucket("settings").await;
    let wrong_secret = emboflow_objects::S3Backend { secret_key: Secret::new("wrong"), ..good.clone() };
    let (detail, hint) = failure_of(&wrong_secret).await;
    assert!(detail.contains("SignatureDoesNotMatch") && hint.contains("secret_key"), "{detail}; {hint}");
    let wrong_key = emboflow_objects::S3Backend { access_key: "nobody".into(), ..good.clone() };
    let (detail, hint) = failure_of(&wrong_key).await;
    assert!(detail.contains("InvalidAccessKeyId") && hint.contains("access_key"), "{detail}; {hint}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let away = emboflow_objects::S3Backend { endpoint: Some(nobody), ..good.clone() };
    let (detail, hint) = failure_of(&away).await;
    assert!(detail.contains("refused") && hint.contains("endpoint"), "{detail}; {hint}");
    let unsafe_parts = emboflow_objects::S3Backend { part_bytes: 1, ..good };
    assert!(S3Store::open(&unsafe_parts, Duration::from_secs(5)).is_err());
}

#[tokio::test]
async fn a_gateway_over_a_bucket_serves_what_it_took() {
    let settings = support::weed::bucket("gateway").await;
    let listen = ([127, 0, 0, 1], 0).into();
    let config = Config::new(listen, Backend::S3(settings), Secret::new(support::SIGNING_KEY));
    let shutdown = Shutdown::new();
    let started = start(config, &shutdown, &Health::new("storage-gw")).await.unwrap();
    let (client, token) = (reqwest::Client::new(), support::token(""));
    let (url, content) = (format!("{}/objects/p/a.bin", started.url()), noise(5, 12 * MIB));
    let put = client.put(&url).bearer_auth(&token).body(content.clone()).send().await.unwrap();
    assert_eq!(put.status(), 201);
    let get = client.get(&url).bearer_auth(&token).send().await.unwrap();
    assert!(get.bytes().await.unwrap() == content);
    let part = client.get(&url).bearer_auth(&token).header("range", "bytes=-5").send().await.unwrap();
    assert_eq!(
        part.headers()["content-range"],
        format!("bytes {}-{}/{}", 12 * MIB - 5, 12 * MIB - 1, 12 * MIB)
    );
    let probe = client.get(format!("{}/probe", started.url())).bearer_auth(&token).send().await.unwrap();
    assert_eq!(probe.json::<serde_json::Value>().await.unwrap()["ok"], true);
    assert_eq!(reqwest::get(format!("{}/ready", started.url())).await.unwrap().status(), 200);
    assert!(shutdown.drain(Duration::from_secs(5)).await.aborted.is_empty());
}
