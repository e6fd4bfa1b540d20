//! From Rust to the script and the wasm that a browser loads.
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use wasm_bindgen_cli_support::Bindgen;

use super::{Files, read_folder, say};

const TARGET: &str = "wasm32-unknown-unknown";

/// Compiles the page's crate; the path of the wasm as the compiler left it.
pub(super) fn compile(web: &Path) -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(web)
        .args(["build", "--package", "emboflow-web", "--target", TARGET, "--profile", "page"])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .context("starting cargo")?;
    ensure!(
        output.status.success(),
        "the page does not compile; if the target {TARGET} is missing, `make setup` adds it"
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "emboflow-web")
        .filter_map(|message| message["filenames"].as_array().cloned())
        .flatten()
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
        .context("cargo named no wasm file of emboflow-web")
}

/// The `wasm-opt` of this machine, if there is one: on the PATH, or where npm puts it in a clone.
pub(super) fn find_optimiser() -> Option<PathBuf> {
    let local = Path::new(env!("CARGO_MANIFEST_DIR")).join("../node_modules/.bin");
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain([local]).map(|folder| folder.join("wasm-opt")).find(|tool| tool.is_file())
}

/// Makes the glue script with wasm-bindgen, and the wasm smaller if there is a tool for it.
pub(super) fn bind(wasm: &Path, optimiser: Option<&Path>) -> Result<Files> {
    let folder = wasm.with_extension("bound");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    Bindgen::new()
        .input_path(wasm)
        .out_name("app")
        .web(true)
        .context("choosing a script for browsers")?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(&folder)
        .context("running wasm-bindgen")?;
    match optimiser {
        Some(tool) => optimise(tool, &folder.join("app_bg.wasm"))?,
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
