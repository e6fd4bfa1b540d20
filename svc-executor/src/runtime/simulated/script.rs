//! What a simulated container does: a few words in one environment variable.

use std::time::Duration;

use emboflow_model::RuntimeSpec;

/// The variable that holds the words; without it the container ends at once with 0.
pub const VARIABLE: &str = "SIMULATE";

/// What a simulated container does. Words: `ms=200` (how long it runs), `pull=200` (ms its image is pulled), `exit=3`, `line=text`, `lines=100` (numbered,
/// spread over its time), `bytes=1000000` (one long line), `noise=4096` (bytes of all values), `write=path:text` (a
/// file in the workspace), `ignore_term`, `oom` (`oom=300`: of which the engine tells so many
/// ms after the end), `bad_command`, `say=TOKEN` (the value of a secret as a line), `devices` (the ids of its devices as a
/// line).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    pub(super) pull: Duration,
    pub(super) duration: Duration,
    pub(super) exit: i64,
    pub(super) head: Vec<u8>,
    pub(super) lines: u64,
    pub(super) says: Vec<String>,
    pub(super) writes: Vec<(String, String)>,
    pub(super) says_devices: bool,
    pub(super) ignores_term: bool,
    pub(super) oom: bool,
    pub(super) oom_told_after_ms: u64,
    pub(super) bad_command: bool,
}

impl Script {
    /// Reads the words of a spec.
    ///
    /// # Errors
    /// The word that is not known or has no number.
    pub fn of(spec: &RuntimeSpec) -> Result<Self, String> {
        let words = spec.env.get(VARIABLE).map_or("", String::as_str);
        words.split_whitespace().try_fold(Self::default(), Self::with)
    }

    fn with(mut self, word: &str) -> Result<Self, String> {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let number = || value.parse::<u64>().map_err(|_| format!("'{word}' needs a number"));
        match key {
            "pull" => self.pull = Duration::from_millis(number()?),
            "ms" => self.duration = Duration::from_millis(number()?),
            "exit" => self.exit = i64::try_from(number()?).unwrap_or(255),
            "line" => self.head.extend_from_slice(format!("{value}\n").as_bytes()),
            "say" => self.says.push(value.to_owned()),
            "lines" => self.lines = number()?,
            "bytes" => {
                self.head.extend(std::iter::repeat_n(b'x', usize::try_from(number()?).unwrap_or(0)));
                self.head.push(b'\n');
            }
            "noise" => self.head.extend((0..number()?).map(|n| (n % 256) as u8)),
            "write" => {
                let (path, text) =
                    value.split_once(':').ok_or_else(|| format!("'{word}' needs path:text"))?;
                self.writes.push((path.to_owned(), text.to_owned()));
            }
            "devices" => self.says_devices = true,
            "ignore_term" => self.ignores_term = true,
            "oom" => {
                self.oom = true;
                self.oom_told_after_ms = if value.is_empty() { 0 } else { number()? };
            }
            "bad_command" => self.bad_command = true,
            _ => return Err(format!("'{word}' is no word that a simulated container knows")),
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_add_up_and_unknown_ones_are_named() {
        let read = |words: &str| words.split_whitespace().try_fold(Script::default(), Script::with);
        let script = read("ms=20 exit=3 line=hi bytes=3 ignore_term write=out/a:b").unwrap();
        assert_eq!(script.duration, Duration::from_millis(20));
        assert_eq!((script.exit, script.head.as_slice()), (3, &b"hi\nxxx\n"[..]));
        assert!(script.ignores_term && script.writes == [("out/a".into(), "b".into())]);
        assert!(read("ms=soon").unwrap_err().contains("ms=soon"));
        assert!(read("fly").unwrap_err().contains("'fly'"));
    }
}
