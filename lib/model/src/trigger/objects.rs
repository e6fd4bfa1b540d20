//! Which objects a trigger on new objects is about, and which of them are new.

use serde::{Deserialize, Serialize};

use crate::workflow::triggers::ObjectCreatedSpec;
use crate::{ProjectName, RunId, Timestamp};

/// Bytes of a prefix or a pattern at most.
const MAX_BYTES: usize = 512;
/// Bytes of one segment of a key at most.
const MAX_SEGMENT_BYTES: usize = 240;
/// How far back objects are looked at that were not known, although everything was listed later: six days in
/// milliseconds. A store may give an object the time at which its upload began. Whatever is that young and was known
/// and forgotten has a key that is still known, for keys are remembered seven days after the run's end.
const LATE_MS: u64 = 6 * 24 * 60 * 60 * 1000;
/// The same from the moment on at which the trigger was made: a day in milliseconds.
const LATE_AT_FIRST_MS: u64 = 24 * 60 * 60 * 1000;

/// What the keys of a trigger's objects are like, below the project's own part of the storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectFilter {
    prefix: String,
    pattern: Option<String>,
}

/// Why a filter is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFilter {
    /// `prefix` or `pattern`.
    pub field: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<&'static str>,
}

/// Whether an object counts as created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It does.
    Whole,
    /// It is a file of an artifact, which is whole when the list of its files lies there.
    File {
        /// The key up to the artifact's name, which that of the list goes on from.
        artifact: &'a str,
        /// The run that has made it; none for what people have uploaded.
        run: Option<RunId>,
    },
    /// It is one of the platform's own: a log, the list of an artifact's files.
    Own,
}

/// How far a trigger has looked through the storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectPlace {
    /// The prefix and the pattern that this is about: with others it begins anew.
    pub filter: String,
    /// What was put before starts nothing, when it is not known yet at the first look.
    pub begun: Timestamp,
    /// When the last whole look at the storage began; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swept_at: Option<Timestamp>,
    /// When the next one begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
}

impl ObjectFilter {
    /// Reads what a trigger says. Errors: it could reach out of the project's part of the storage, or no key is like it.
    pub fn new(spec: &ObjectCreatedSpec) -> Result<Self, BadFilter> {
        let bad = |field, message: String, hint| Err(BadFilter { field, message, hint });
        if let Err(why) = check_prefix(&spec.prefix) {
            let hint = "write `prefix: incoming/`; the project's own part of the storage is meant anyway";
            return bad("prefix", format!("no key of an object begins so: {why}"), Some(hint));
        }
        if let Some(pattern) = &spec.pattern {
            if pattern.is_empty() || pattern.len() > MAX_BYTES {
                return bad("pattern", format!("a pattern has 1 to {MAX_BYTES} bytes"), None);
            }
            if pattern.chars().any(char::is_control) {
                return bad("pattern", "a pattern holds no control character".to_owned(), None);
            }
        }
        Ok(Self { prefix: spec.prefix.clone(), pattern: spec.pattern.clone() })
    }

    /// How the keys begin in the storage that all projects share.
    pub fn full_prefix(&self, project: &ProjectName) -> String {
        format!("{project}/{}", self.prefix)
    }

    /// Whether an object of the project is meant. The key is that in the project's part of the storage.
    pub fn is_meant(&self, key: &str) -> bool {
        let Some(rest) = key.strip_prefix(&self.prefix) else { return false };
        self.pattern.as_ref().is_none_or(|pattern| is_like(pattern, rest))
    }

    /// Whether objects whose keys begin so may be meant.
    pub fn may_touch(&self, beginning: &str) -> bool {
        self.prefix.starts_with(beginning) || beginning.starts_with(&self.prefix)
    }

    /// The filter as a text that differs from that of every other one.
    pub fn text(&self) -> String {
        // No prefix holds a line break.
        format!("{}\n{}", self.prefix, self.pattern.as_deref().unwrap_or_default())
    }
}

impl ObjectPlace {
    /// The place of a trigger that has looked at nothing yet.
    pub fn new(filter: &ObjectFilter, begun: Timestamp) -> Self {
        Self { filter: filter.text(), begun, swept_at: None, next_at: None }
    }

    /// An object that is not known starts a run if it was put at this moment or later. At the first look it is the
    /// trigger's beginning. After it whatever is not known is new, however the clocks go; only what is days old has
    /// been forgotten, not made.
    pub fn new_from(&self) -> Timestamp {
        let back = |from: Timestamp, ms| Timestamp(from.0.saturating_sub_unsigned(ms));
        match self.swept_at {
            None => self.begun,
            Some(swept) => back(swept, LATE_MS).max(back(self.begun, LATE_AT_FIRST_MS)),
        }
    }
}

/// How an object stands, by its key in the project's part of the storage.
pub fn standing(key: &str) -> Standing<'_> {
    let segments: Vec<&str> = key.splitn(8, '/').collect();
    let through = |count: usize| key.match_indices('/').nth(count - 1).map_or(key, |(end, _)| &key[..end]);
    match segments[..] {
        ["runs", run, "attempts", _, _, "artifacts", _, _] => match run.parse() {
            Ok(run) => Standing::File { artifact: through(7), run: Some(run) },
            Err(_) => Standing::Own,
        },
        ["uploads", _, _, "artifacts", _, _, ..] => Standing::File { artifact: through(5), run: None },
        ["runs" | "uploads", ..] => Standing::Own,
        _ => Standing::Whole,
    }
}

/// The name that somebody gave an upload, by the key of its file.
pub fn upload_of(key: &str) -> Option<&str> {
    key.strip_prefix("uploads/")?.split('/').next()
}

fn check_prefix(prefix: &str) -> Result<(), &'static str> {
    if prefix.is_empty() || prefix.len() > MAX_BYTES {
        return Err("1 to 512 bytes");
    }
    if prefix.contains('\\') || prefix.chars().any(char::is_control) {
        return Err("a key holds no backslash and no control character");
    }
    if prefix.contains('%') {
        return Err("it is written as it is, not percent-encoded");
    }
    if prefix.split('/').any(|segment| segment.len() > MAX_SEGMENT_BYTES) {
        return Err("a segment has at most 240 bytes");
    }
    // The last segment goes on; the others are whole.
    let folders = prefix.rsplit_once('/').map_or("", |(folders, _)| folders);
    if prefix.starts_with('/') || prefix.contains("//") {
        return Err("a key has no empty segment: no leading or doubled `/`");
    }
    let is_dots = |segment: &str| matches!(segment, "." | "..");
    match folders.split('/').any(is_dots) || is_dots(prefix) || prefix.ends_with("/..") {
        true => Err("`.` and `..` are no segments of a key"),
        false => Ok(()),
    }
}

/// Whether a text is like a pattern. Every beginning of the text is kept in view at once, so that no pattern makes more
/// work than the product of both lengths.
fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // Which beginnings of the text are like the pattern so far.
    let mut like = vec![false; text.len() + 1];
    like[0] = true;
    let mut rest = &pattern[..];
    loop {
        (like, rest) = match rest {
            [] => return like[text.len()],
            // No folder at all is as good as any.
            ['*', '*', '/', rest @ ..] => {
                let within = after_sign(&after_star(&like, &text, true), &text, '/');
                (like.iter().zip(within).map(|(none, some)| *none || some).collect(), rest)
            }
            ['*', '*', rest @ ..] => (after_star(&like, &text, true), rest),
            ['*', rest @ ..] => (after_star(&like, &text, false), rest),
            [sign, rest @ ..] => (after_sign(&like, &text, *sign), rest),
        };
    }
}

fn after_star(like: &[bool], text: &[char], crosses: bool) -> Vec<bool> {
    let mut next = like.to_vec();
    for (index, character) in text.iter().enumerate() {
        next[index + 1] |= next[index] && (crosses || *character != '/');
    }
    next
}

fn after_sign(like: &[bool], text: &[char], sign: char) -> Vec<bool> {
    let fits = |character: &char| *character == sign || (sign == '?' && *character != '/');
    let steps = text.iter().zip(like).map(|(character, before)| *before && fits(character));
    std::iter::once(false).chain(steps).collect()
}
