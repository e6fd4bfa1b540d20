use std::collections::BTreeSet;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tempfile::TempDir;

use super::*;
use crate::key::ObjectKey;

/// Beginnings of one another, around the `/` in the order of bytes, and like the names of files.
const SEGMENTS: [&str; 14] =
    ["a", "a-", "a.", "a.object", "a0", "aa", "a~", "A", "b", "b b", "z", "ä", "0", "9.object"];

struct Folder {
    layout: Layout,
    keys: BTreeSet<String>,
    _place: TempDir,
}

impl Folder {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let layout = Layout::new(place.path());
        fs::create_dir_all(layout.objects()).unwrap();
        Self { layout, keys: BTreeSet::new(), _place: place }
    }

    fn put(&mut self, key: String) {
        let (folder, file) = self.layout.place(&ObjectKey::parse(&*key).unwrap());
        fs::create_dir_all(folder).unwrap();
        fs::write(file, vec![0; usize::try_from(SEAL_BYTES).unwrap() + key.len()]).unwrap();
        self.keys.insert(key);
    }

    /// Objects, folders that hold nothing of them, and files that are not ours.
    fn random(random: &mut StdRng) -> Self {
        let mut made = Self::new();
        for _ in 0..400 {
            let depth = random.random_range(1..=4);
            let segments: Vec<_> = (0..depth).map(|_| *SEGMENTS.choose(random).unwrap()).collect();
            made.put(segments.join("/"));
            let beside = made.layout.folder(&segments[..depth - 1].join("/"));
            fs::create_dir_all(beside.join(format!("empty{}", random.random_range(0..50)))).unwrap();
            fs::write(beside.join("stray.txt"), "not ours").unwrap();
        }
        made
    }

    fn page(&self, prefix: &str, after: &str, limit: usize) -> ObjectPage {
        let query = ListQuery { prefix: KeyPrefix::parse(prefix).unwrap(), after: after.to_owned(), limit };
        page(&self.layout, &query).unwrap()
    }

    /// All that there is, put in order, and then cut.
    fn sorted(&self, prefix: &str, after: &str, limit: usize) -> (Vec<&str>, Option<&str>) {
        let asked_for = |key: &&str| key.starts_with(prefix) && *key > after;
        let mut all: Vec<_> = self.keys.iter().map(String::as_str).filter(asked_for).collect();
        let is_more = all.len() > limit;
        all.truncate(limit);
        let next = all.last().copied().filter(|_| is_more);
        (all, next)
    }
}

#[test]
fn a_page_is_what_sorting_everything_gives() {
    for seed in 0..3 {
        let mut random = StdRng::seed_from_u64(seed);
        let folder = Folder::random(&mut random);
        let keys: Vec<_> = folder.keys.iter().cloned().collect();
        for _ in 0..300 {
            let (of, other) = (keys.choose(&mut random).unwrap(), keys.choose(&mut random).unwrap());
            // Keys, what they begin with, and what is no key.
            let cut = |random: &mut StdRng, text: &str| {
                let chars: Vec<_> = text.chars().collect();
                chars[..random.random_range(0..=chars.len())].iter().collect::<String>()
            };
            let prefix = cut(&mut random, of);
            let after = match random.random_range(0..4) {
                0 => String::new(),
                1 => other.clone(),
                2 => cut(&mut random, other),
                _ => format!("{prefix}{}", SEGMENTS.choose(&mut random).unwrap()),
            };
            let limit = *[1, 2, 3, 7, 50, 1000].choose(&mut random).unwrap();
            let page = folder.page(&prefix, &after, limit);
            let found: Vec<_> = page.items.iter().map(|item| item.key.as_str()).collect();
            let what = format!("seed {seed}: prefix {prefix:?} after {after:?} limit {limit}");
            assert_eq!((found, page.next.as_deref()), folder.sorted(&prefix, &after, limit), "{what}");
            assert!(page.items.iter().all(|item| item.size_bytes == item.key.len() as u64), "{what}");
        }
        let bytes: usize = keys.iter().map(String::len).sum();
        let far = Instant::now() + Duration::from_secs(600);
        let counted = count(&folder.layout, &KeyPrefix::default(), far).unwrap();
        assert_eq!(
            (counted.objects, counted.size_bytes, counted.complete),
            (keys.len() as u64, bytes as u64, true)
        );
    }
}

#[test]
fn of_a_large_folder_a_page_holds_what_it_shows() {
    let mut folder = Folder::new();
    (0..500).for_each(|number| folder.put(format!("many/{number:03}")));
    let walk = Walk { layout: &folder.layout, prefix: "many/", after: "many/099" };
    let first = walk.first("many/", "", 3).unwrap();
    assert_eq!(first.into_keys().collect::<Vec<_>>(), ["many/100", "many/101", "many/102"]);
    let next = walk.first("many/", "many/102", 2).unwrap();
    assert_eq!(next.into_keys().collect::<Vec<_>>(), ["many/103", "many/104"]);
}

#[test]
fn folders_that_hold_nothing_do_not_end_a_page() {
    let mut folder = Folder::new();
    for number in 0..300 {
        fs::create_dir_all(folder.layout.folder(&format!("a/{number:03}/deep"))).unwrap();
    }
    folder.put("a/999/last".to_owned());
    folder.put("b".to_owned());
    let page = folder.page("", "", 1);
    assert_eq!(page.items[0].key, "a/999/last");
    assert_eq!(page.next.as_deref(), Some("a/999/last"));
    assert_eq!(folder.page("", "a/999/last", 1).items[0].key, "b");
}
