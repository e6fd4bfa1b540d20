//! The bill of materials of an image, as CycloneDX 1.6: the crates that a program links, and the packages of the system
//! whose files lie beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// Prints the bill of materials of a program of this workspace. `system` is a file with a line a Debian package: its
/// name, version and architecture.
pub(crate) fn print(program: &str, system: &Path) -> Result<()> {
    let metadata = metadata()?;
    let system = std::fs::read_to_string(system).with_context(|| format!("reading {}", system.display()))?;
    let text = serde_json::to_string_pretty(&bill(&metadata, program, &system)?)?;
    writeln!(std::io::stdout(), "{text}").context("printing")
}

fn metadata() -> Result<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let arguments = [
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--filter-platform",
        host(),
        "--manifest-path",
        target,
    ];
    let output =
        Command::new(cargo).args(arguments).stderr(Stdio::inherit()).output().context("starting cargo")?;
    ensure!(output.status.success(), "cargo metadata failed");
    serde_json::from_slice(&output.stdout).context("reading cargo's metadata")
}

/// The platform that the programs are for: crates of others are not in them.
fn host() -> &'static str {
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" }
}

/// The document for a program.
fn bill(metadata: &Value, program: &str, system: &str) -> Result<Value> {
    let packages: BTreeMap<&str, &Value> =
        each(metadata, "packages").filter_map(|one| Some((text(one, "id")?, one))).collect();
    let own = packages.values().find(|one| text(one, "name") == Some(program) && one["source"].is_null());
    let own = own.with_context(|| format!("no package of this workspace is called {program}"))?;
    let links = links(&metadata["resolve"]);
    let linked = reach(text(own, "id").context("a package without an id")?, &links);
    let mut components: Vec<Value> = linked
        .iter()
        .filter_map(|id| packages.get(id))
        .filter(|one| one["id"] != own["id"])
        .map(|one| library(one))
        .collect();
    components.extend(system.lines().filter_map(system_package));
    let dependencies: Vec<Value> = linked
        .iter()
        .map(|id| json!({ "ref": id, "dependsOn": links.get(id).cloned().unwrap_or_default() }))
        .collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": {
            "type": "application", "bom-ref": own["id"], "name": program, "version": own["version"],
            "licenses": licences(own),
        } },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// For each package those that it links: not what only builds or tests it.
fn links(resolve: &Value) -> BTreeMap<&str, BTreeSet<&str>> {
    let linked = |node: &'_ Value| -> bool { each(node, "dep_kinds").any(|kind| kind["kind"].is_null()) };
    each(resolve, "nodes")
        .filter_map(|node| {
            let all = node["deps"].as_array()?;
            Some((
                text(node, "id")?,
                all.iter().filter(|one| linked(one)).filter_map(|one| text(one, "pkg")).collect(),
            ))
        })
        .collect()
}

/// Everything that can be reached from a package, itself too.
fn reach<'a>(from: &'a str, links: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let (mut found, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(links.get(id).into_iter().flatten());
        }
    }
    found
}

fn library(package: &Value) -> Value {
    let (name, version) =
        (text(package, "name").unwrap_or_default(), text(package, "version").unwrap_or_default());
    json!({
        "type": "library", "bom-ref": package["id"], "name": name, "version": version,
        "purl": format!("pkg:cargo/{name}@{version}"), "licenses": licences(package),
    })
}

/// Old manifests part licences by a slash.
fn licences(package: &Value) -> Value {
    match text(package, "license") {
        Some(expression) => json!([{ "expression": expression.replace('/', " OR ") }]),
        None => json!([]),
    }
}

fn system_package(line: &str) -> Option<Value> {
    let mut words = line.split_whitespace();
    let (name, version, architecture) = (words.next()?, words.next()?, words.next()?);
    let purl = format!("pkg:deb/debian/{name}@{version}?arch={architecture}&distro=bookworm");
    Some(json!({ "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl }))
}

fn each<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value[key].as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_lists_what_is_linked_and_nothing_that_only_builds_or_tests() {
        let package = |id: &str, source: Value| json!({ "id": id, "name": id, "version": "1.0.0", "source": source, "license": "MIT/Apache-2.0" });
        let link = |to: &str, kind: Value| json!({ "pkg": to, "dep_kinds": [{ "kind": kind }] });
        let metadata = json!({
            "packages": [package("app", Value::Null), package("lib", json!("registry")), package("deep", json!("registry")), package("cc", json!("registry")), package("other", json!("registry"))],
            "resolve": { "nodes": [
                { "id": "app", "deps": [link("lib", Value::Null), link("cc", json!("build"))] },
                { "id": "lib", "deps": [link("deep", Value::Null), link("other", json!("dev"))] },
                { "id": "deep", "deps": [] },
            ] },
        });
        let bill = bill(&metadata, "app", "libc6 2.36-9 amd64\n").unwrap();
        let names: Vec<_> = each(&bill, "components").filter_map(|one| text(one, "name")).collect();
        assert_eq!(names, ["deep", "lib", "libc6"]);
        assert_eq!(bill["components"][0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(bill["components"][2]["purl"], "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=bookworm");
        assert_eq!(bill["dependencies"][0], json!({ "ref": "app", "dependsOn": ["lib"] }));
        assert!(super::bill(&metadata, "lib", "").is_err(), "only programs of this workspace have one");
    }
}
