//! `page`: what a browser loads before it shows the runs, packed as it is sent.

use std::collections::BTreeSet;

use anyhow::Context;
use futures::FutureExt;
use reqwest::StatusCode;
use reqwest::header::ACCEPT_ENCODING;

use crate::benchmark::{Benchmark, READS_ONLY};
use crate::figure::{Figure, Unit};
use crate::place::Place;
use crate::platform::{Platform, Runtime};

pub(crate) const BENCHMARK: Benchmark = Benchmark {
    name: "page",
    about: "the page and all that it refers to, as sent to a browser that takes brotli",
    durability: READS_ONLY,
    aims: &[("sent", "≤ 900 kB")],
    ours: |place| ours(place).boxed_local(),
    floor: None,
};

async fn ours(place: &Place) -> anyhow::Result<Vec<Figure>> {
    let platform = Platform::start(place, Runtime::Simulated).await?;
    let base = format!("http://{}/", platform.authority());
    let (mut known, mut waiting) = (BTreeSet::from([String::new()]), vec![String::new()]);
    let mut sent = 0;
    while let Some(path) = waiting.pop() {
        let load = async |encoding: &'static str| {
            let request =
                reqwest::Client::new().get(format!("{base}{path}")).header(ACCEPT_ENCODING, encoding);
            let answer = request.send().await.with_context(|| format!("loading /{path}"))?;
            if answer.status() == StatusCode::NOT_FOUND {
                return Ok::<_, anyhow::Error>(None);
            }
            let answer = answer.error_for_status().context("loading the page")?;
            Ok(Some(answer.bytes().await.context("loading the page")?))
        };
        // Not every quoted name is a file: some only name modules of the WebAssembly program.
        let Some(packed) = load("br").await? else { continue };
        sent += packed.len();
        if path.is_empty() || path.ends_with(".js") {
            let text = load("identity").await?.unwrap_or_default();
            let found = references(&path, &String::from_utf8_lossy(&text));
            waiting.extend(found.into_iter().filter(|path| known.insert(path.clone())));
        }
    }
    platform.stop().await?;
    Ok(vec![Figure::new("sent", Unit::Kilobytes, sent as f64 / 1e3)])
}

/// The files that a page or a script names, as paths from the root.
fn references(of: &str, text: &str) -> Vec<String> {
    let folder = of.rsplit_once('/').map_or("", |(folder, _)| folder);
    let named = text.split(['"', '\'', '`']).filter_map(|word| word.strip_prefix("./"));
    let files = named.filter(|name| [".js", ".css", ".wasm", ".svg"].iter().any(|end| name.ends_with(end)));
    files.map(|name| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_from_the_file_that_names_them() {
        let page = r#"<script src="./assets/1/boot.js"></script> <a href="./runs">"#;
        assert_eq!(references("", page), ["assets/1/boot.js"]);
        assert_eq!(
            references("assets/1/app.js", "import x from './snippets/i.js';"),
            ["assets/1/snippets/i.js"]
        );
    }
}
