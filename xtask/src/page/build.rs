//! From Rust to the script and the wasm that a browser loads.
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use wasm_bindgen_cli_support::Bindgen;

use super::{Files, read_folder, say};

const TARGET: &str = "wasm32-unknown-unknown";

/// What a browser loads, by the name of its files: the page, and what reads workflow files, when one is looked at.
pub(super) const PARTS: [(&str, &str); 2] = [("app", "emboflow-web"), ("reader", "reader")];

/// Compiles the page's crates; the paths of the wasm as the compiler left it, in the order of [`PARTS`].
pub(super) fn compile(web: &Path) -> Result<Vec<PathBuf>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(web)
        .args(["build", "--package", "emboflow-web", "--package", "emboflow-web-reader"])
        .args(["--bins", "--target", TARGET, "--profile", "page"])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .context("starting cargo")?;
    ensure!(
        output.status.success(),
        "the page does not compile; if the target {TARGET} is missing, `make setup` adds it"
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let messages: Vec<serde_json::Value> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    PARTS.iter().map(|(_, target)| wasm_of(&messages, target)).collect()
}

fn wasm_of(messages: &[serde_json::Value], target: &str) -> Result<PathBuf> {
    let named = messages.iter().filter(|message| message["target"]["name"] == target);
    let files = named.filter_map(|message| message["filenames"].as_array()).flatten();
    let mut paths = files.filter_map(|file| file.as_str().map(PathBuf::from));
    paths
        .find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
        .with_context(|| format!("cargo named no wasm file of {target}"))
}

/// The `wasm-opt` of this machine, if there is one: on the PATH, or where npm puts it in a clone.
pub(super) fn find_optimiser() -> Option<PathBuf> {
    let local = Path::new(env!("CARGO_MANIFEST_DIR")).join("../node_modules/.bin");
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain([local]).map(|folder| folder.join("wasm-opt")).find(|tool| tool.is_file())
}

/// Makes the glue script with wasm-bindgen, and the wasm smaller if there is a tool for it.
pub(super) fn bind(name: &str, wasm: &Path, optimiser: Option<&Path>) -> Result<Files> {
    let folder = wasm.with_extension("bound");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    Bindgen::new()
        .input_path(wasm)
        .out_name(name)
        .web(true)
        .context("choosing a script for browsers")?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(&folder)
        .context("running wasm-bindgen")?;
    match optimiser {
        Some(tool) => optimise(tool, &folder.join(format!("{name}_bg.wasm")))?,
        None => say("page: no wasm-opt found (`make setup` installs it); the page is about a tenth larger"),
    }
    read_folder(&folder)
}

fn optimise(tool: &Path, wasm: &Path) -> Result<()> {
    let smaller = wasm.with_extension("smaller");
    let status = Command::new(tool)
        .arg("-Oz")
        .args(["--enable-bulk-memory", "--enable-nontrapping-float-to-int", "--enable-sign-ext"])
        .args(["--enable-mutable-globals", "--enable-reference-types", "--enable-multivalue"])
        .arg(wasm)
        .arg("-o")
        .arg(&smaller)
        .status()
        .with_context(|| format!("starting {}", tool.display()))?;
    ensure!(status.success(), "{} refused {}", tool.display(), wasm.display());
    fs::rename(&smaller, wasm).with_context(|| format!("replacing {}", wasm.display()))
}
