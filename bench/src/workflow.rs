//! The workflows that are run: texts as people write them.

use std::fmt::Write as _;

/// The image of the Docker benchmarks; `make images` makes it.
pub(crate) const IMAGE: &str = "emboflow/examples-hello:1";

/// One task that does nothing.
pub(crate) fn noop() -> String {
    single("noop", "", "[\"true\"]")
}

/// One task in the simulated runtime, whose words say what it does.
pub(crate) fn simulated(name: &str, words: &str) -> String {
    single(name, words, "[\"true\"]")
}

/// One task in the simulated runtime that waits in a queue of its own.
pub(crate) fn in_queue(queue: &str, words: &str) -> String {
    format!("{}defaults: {{ queue: {queue} }}\n", simulated("queued", words))
}

/// One task that runs a command in a container.
pub(crate) fn command(name: &str, command: &str) -> String {
    single(name, "", command)
}

fn single(name: &str, words: &str, command: &str) -> String {
    let mut text = format!("version: 1\nname: {name}\ntasks:\n");
    task(&mut text, "only", command, words);
    text
}

/// `length` tasks, each after the one before.
pub(crate) fn chain(length: usize, words: &str) -> String {
    let mut text = "version: 1\nname: chain\ntasks:\n".to_owned();
    for number in 0..length {
        task(&mut text, &format!("t{number}"), "[\"true\"]", words);
        if let Some(before) = number.checked_sub(1) {
            let _never_fails = writeln!(text, "    needs: [t{before}]");
        }
    }
    text
}

/// One task, then `width` side by side, then one.
pub(crate) fn fan(width: usize) -> String {
    let mut text = "version: 1\nname: fan\ntasks:\n".to_owned();
    task(&mut text, "first", "[\"true\"]", "");
    task(&mut text, "wide", "[\"true\"]", "");
    let _never_fails =
        writeln!(text, "    needs: [first]\n    matrix: {{ i: \"${{{{ range({width}) }}}}\" }}");
    task(&mut text, "last", "[\"true\"]", "");
    text.push_str("    needs: [wide]\n");
    text
}

fn task(text: &mut String, name: &str, command: &str, words: &str) {
    let _never_fails = writeln!(text, "  {name}:\n    image: {IMAGE}\n    command: {command}");
    if !words.is_empty() {
        let _never_fails = writeln!(text, "    env: {{ SIMULATE: \"{words}\" }}");
    }
}
