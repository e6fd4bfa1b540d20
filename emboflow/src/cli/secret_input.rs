//! Secrets on their way in: from a file, from standard input, or typed where nobody sees them; never as an argument,
//! which the list of processes and the shell's history would show.

use std::io::{IsTerminal, Read, Write};
use std::path::Path;

use anyhow::{Context, anyhow};

use crate::failure::Failure;

/// No secret that is typed or kept is larger.
const MAX_BYTES: u64 = 1 << 20;

/// Where a secret comes from.
#[derive(Debug)]
pub(super) enum From<'a> {
    /// A file; `-` is standard input.
    File(&'a Path),
    /// Whoever sits at the terminal; without one, standard input.
    Person {
        /// It is typed again, so that a slip is found.
        twice: bool,
    },
}

/// Reads one line's worth: a line break at the end is not part of it. `what` names it: `password`. Errors: it is empty,
/// no UTF-8, too large, or differs when it is typed again.
pub(super) fn read(from: &From<'_>, what: &str) -> Result<String, Failure> {
    let text = read_whole(from, what)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(Failure::usage(format!("the {what} is empty")));
    }
    Ok(text.to_owned())
}

/// Reads all of it, as it is.
pub(super) fn read_whole(from: &From<'_>, what: &str) -> Result<String, Failure> {
    match from {
        From::File(path) if path.as_os_str() == "-" => drain(std::io::stdin(), "standard input"),
        From::File(path) => {
            let place = path.display().to_string();
            let file = std::fs::File::open(path).with_context(|| format!("opening {place}"))?;
            drain(file, &place)
        }
        From::Person { twice } if std::io::stdin().is_terminal() => Ok(ask(what, *twice)?),
        From::Person { .. } => drain(std::io::stdin(), "standard input"),
    }
}

/// Asks for something that everybody may see. Errors: nobody sits there.
pub(super) fn ask_openly(what: &str) -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(format!("say which {what}: there is no terminal to ask at")));
    }
    write!(std::io::stderr(), "{what}: ")?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    match line.trim() {
        "" => Err(Failure::usage(format!("no {what} was given"))),
        given => Ok(given.to_owned()),
    }
}

/// Lets a person confirm what cannot be taken back; where nobody sits, `--yes` has to stand for them.
pub(super) fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(format!("{question} There is no terminal to ask at: give --yes")));
    }
    write!(std::io::stderr(), "{question} [y/N] ")?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    if matches!(line.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(Failure::Ended("nothing was changed".to_owned()))
    }
}

fn drain(reader: impl Read, place: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let mut reader = reader.take(MAX_BYTES + 1);
    reader.read_to_string(&mut text).with_context(|| format!("reading {place}"))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(Failure::usage(format!("{place} holds more than 1 MiB, which is no secret")));
    }
    Ok(text)
}

fn ask(what: &str, twice: bool) -> anyhow::Result<String> {
    let typed = |prompt: String| rpassword::prompt_password(prompt).context("reading from the terminal");
    let first = typed(format!("{what}: "))?;
    if twice && typed(format!("{what} again: "))? != first {
        return Err(anyhow!("the two are not the same"));
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_of_a_file_loses_its_last_line_break_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for (text, secret) in [("abc\n", "abc"), ("a b\r\n", "a b"), (" abc", " abc"), ("a\n\n", "a\n")] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read(&From::File(&path), "key").unwrap(), secret, "{text:?}");
        }
        std::fs::write(&path, "\n").unwrap();
        assert!(read(&From::File(&path), "key").unwrap_err().reason().contains("the key is empty"));
        std::fs::write(&path, "x".repeat((1 << 20) + 1)).unwrap();
        assert!(read(&From::File(&path), "key").unwrap_err().reason().contains("1 MiB"));
        assert!(read(&From::File(Path::new("/nowhere")), "key").unwrap_err().reason().contains("/nowhere"));
    }
}
