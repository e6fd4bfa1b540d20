//! Chores of the repository that need code: `cargo run --bin xtask -- page` (or `sbom PROGRAM PACKAGES`), and with `--features xtask/generate`
//! `… -- generate [--check]`.
#[cfg(feature = "generate")]
mod generate;
mod page;
mod sbom;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["page"] => page::pack(),
        ["sbom", program, system] => sbom::print(program, system.as_ref()),
        #[cfg(feature = "generate")]
        ["generate"] => generate::generate(false),
        #[cfg(feature = "generate")]
        ["generate", "--check"] => generate::generate(true),
        _ => Err(anyhow::anyhow!(
            "which chore? usage: cargo run --bin xtask [--features xtask/generate] -- page | sbom PROGRAM PACKAGES | generate [--check]"
        )),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            page::say(&format!("xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
