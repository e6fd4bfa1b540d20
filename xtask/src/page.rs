//! Packs the page: cargo, wasm-bindgen, wasm-opt, one folder named by the hash of its content, compressed copies; all in `web/dist`.
mod build;
mod compress;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

/// What the page may weigh when it crosses the network, brotli-compressed.
const BUDGET_BYTES: usize = 900 * 1024;
/// What may be loaded later, with the first workflow file that is looked at.
const READER_BUDGET_BYTES: usize = 320 * 1024;

/// `index.html` for pages this many folders below the root of the site; the page has no deeper address.
const DEPTHS: [(&str, &str); 5] = [
    ("index.html", "./"),
    ("index.1.html", "../"),
    ("index.2.html", "../../"),
    ("index.3.html", "../../../"),
    ("index.4.html", "../../../../"),
];

/// Files by their path below the folder they are written to.
type Files = BTreeMap<String, Vec<u8>>;

/// Writes one line for the person who waits.
pub(crate) fn say(line: &str) {
    // A closed terminal is no reason to fail.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Brings `web/dist` up to date with the sources; does nothing more when they have not changed.
pub(crate) fn pack() -> Result<()> {
    let web = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../web");
    let dist = web.join("dist");
    let wasm = build::compile(&web)?;
    let optimiser = build::find_optimiser();
    let mut assets = read_folder(&web.join("static"))?;
    let template = assets.remove("index.html").context("web/static/index.html is missing")?;
    let template = String::from_utf8(template).context("web/static/index.html is not UTF-8")?;

    // Clones of the repository may share a target folder, where the stamp lies, and each has a `dist` of its own.
    let inputs =
        format!("{} {}", inputs_digest(&wasm, &assets, &template, optimiser.as_deref())?, dist.display());
    let stamp = wasm[0].with_extension("packed");
    if dist.join("index.html").exists() && fs::read_to_string(&stamp).is_ok_and(|done| done == inputs) {
        say("page: web/dist is up to date");
        return Ok(());
    }
    for ((name, _), wasm) in build::PARTS.iter().zip(&wasm) {
        assets.extend(build::bind(name, wasm, optimiser.as_deref())?);
    }
    let files = lay_out(assets, &template);
    let copies = compress::copies(&files);
    write_folder(&dist, &files, &copies)?;
    report(&files, &copies)?;
    fs::write(&stamp, inputs).with_context(|| format!("writing {}", stamp.display()))
}

/// One digest over everything that shapes the result.
fn inputs_digest(
    wasm: &[PathBuf],
    assets: &Files,
    template: &str,
    optimiser: Option<&Path>,
) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update(include_bytes!("page.rs"));
    hash.update(include_bytes!("page/build.rs"));
    hash.update(include_bytes!("page/compress.rs"));
    hash.update(optimiser.map(|path| path.display().to_string()).unwrap_or_default());
    for path in wasm {
        hash.update(fs::read(path).with_context(|| format!("reading {}", path.display()))?);
    }
    hash.update(template);
    for (name, content) in assets {
        hash.update(name);
        hash.update(content);
    }
    Ok(hex(&hash.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes every write");
        text
    })
}

/// Puts the assets into one folder whose name changes with any of them, so that a browser may keep it for ever, and
/// points an `index.html` for each depth of address at it.
fn lay_out(assets: Files, template: &str) -> Files {
    let mut hash = Sha256::new();
    for (name, content) in &assets {
        hash.update(name);
        hash.update(content);
    }
    let folder = format!("assets/{}", &hex(&hash.finalize())[..16]);
    let mut files: Files =
        assets.into_iter().map(|(name, content)| (format!("{folder}/{name}"), content)).collect();
    for (name, root) in DEPTHS {
        let page = template.replace("{assets}", &format!("{root}{folder}/")).replace("{root}", root);
        files.insert(name.to_owned(), page.into_bytes());
    }
    files
}

fn read_folder(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("listing {}", next.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(folder)?.to_string_lossy().replace('\\', "/");
            files.insert(name, fs::read(&path).with_context(|| format!("reading {}", path.display()))?);
        }
    }
    Ok(files)
}

fn write_folder(dist: &Path, files: &Files, copies: &Files) -> Result<()> {
    if dist.exists() {
        fs::remove_dir_all(dist).with_context(|| format!("emptying {}", dist.display()))?;
    }
    for (name, content) in files.iter().chain(copies) {
        let path = dist.join(name);
        fs::create_dir_all(path.parent().context("a file without a folder")?)?;
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Says what the page weighs. Errors: it is over its budget.
fn report(files: &Files, copies: &Files) -> Result<()> {
    // A browser loads one of the index files only, and what reads workflow files with the first of them.
    let is_read_later = |name: &str| name.rsplit('/').next().is_some_and(|file| file.starts_with("reader"));
    let loads =
        |name: &str| (!name.starts_with("index.") || name.starts_with("index.html")) && !is_read_later(name);
    weigh("page", files, copies, loads, BUDGET_BYTES)?;
    weigh(
        "reader of workflow files, loaded with the first",
        files,
        copies,
        is_read_later,
        READER_BUDGET_BYTES,
    )
}

fn weigh(
    what: &str,
    files: &Files,
    copies: &Files,
    counts: impl Fn(&str) -> bool,
    budget: usize,
) -> Result<()> {
    let counted: Vec<_> = files.iter().filter(|(name, _)| counts(name)).collect();
    let raw: usize = counted.iter().map(|(_, content)| content.len()).sum();
    let sent =
        |(name, content): &(&String, &Vec<u8>)| copies.get(&format!("{name}.br")).unwrap_or(content).len();
    let sent: usize = counted.iter().map(sent).sum();
    say(&format!("{what}: {} KB, {} KB with brotli", raw / 1024, sent / 1024));
    ensure!(sent <= budget, "{what}: {sent} bytes with brotli, over the budget of {budget}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assets(style: &str) -> Files {
        [("boot.js", "x"), ("style.css", style)]
            .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))
            .into()
    }

    fn text(files: &Files, name: &str) -> String {
        String::from_utf8(files[name].clone()).unwrap()
    }

    #[test]
    fn the_folder_changes_with_any_asset() {
        let names = |files: Files| files.into_keys().collect::<Vec<_>>();
        let template = "{assets}boot.js";
        assert_ne!(names(lay_out(assets("a"), template)), names(lay_out(assets("b"), template)));
        assert_eq!(names(lay_out(assets("a"), template)), names(lay_out(assets("a"), template)));
    }

    #[test]
    fn each_index_finds_the_assets_from_its_depth() {
        let files = lay_out(assets("a"), "{root} {assets}boot.js");
        for (name, root) in DEPTHS {
            let page = text(&files, name);
            let (before, script) = page.split_once(' ').unwrap();
            assert_eq!(before, root);
            assert!(files.contains_key(script.strip_prefix(root).unwrap()), "{page}");
        }
    }

    #[test]
    fn compressed_copies_read_back() {
        let content = "the same again and again ".repeat(200).into_bytes();
        let files =
            Files::from([("a.js".to_owned(), content.clone()), ("small.js".to_owned(), b"x".to_vec())]);
        let copies = compress::copies(&files);
        assert_eq!(copies.keys().collect::<Vec<_>>(), ["a.js.br", "a.js.gz"]);
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut copies["a.js.br"].as_slice(), &mut unpacked).unwrap();
        assert_eq!(unpacked, content);
    }

    #[test]
    fn a_page_over_its_budget_is_refused() {
        let heavy = Files::from([("app.wasm".to_owned(), vec![0; BUDGET_BYTES + 1])]);
        assert!(report(&heavy, &Files::new()).unwrap_err().to_string().contains("budget"));
        let later = |bytes| Files::from([("assets/0/reader_bg.wasm".to_owned(), vec![0; bytes])]);
        assert!(report(&later(READER_BUDGET_BYTES), &Files::new()).is_ok(), "it is no part of the page");
        assert!(report(&later(READER_BUDGET_BYTES + 1), &Files::new()).is_err());
    }
}
