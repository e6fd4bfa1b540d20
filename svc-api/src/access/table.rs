//! Holds the table of rights against the routes that are really there.

use std::collections::BTreeSet;

use aide::openapi::{OpenApi, ReferenceOr};
use anyhow::{Result, ensure};
use emboflow_model::access::ROUTES;

/// Routes that are no operations of the API: documents about it, and what watches it.
const UNDOCUMENTED: &[&str] = &["/health", "/ready", "/metrics", "/docs/errors", "/api/openapi.json"];

/// Every operation has its line, and every line its operation.
///
/// # Errors
/// Names what has none.
pub(crate) fn check(document: &OpenApi) -> Result<()> {
    let documented = operations(document);
    let lines: BTreeSet<_> = ROUTES
        .iter()
        .filter(|line| !UNDOCUMENTED.contains(&line.path))
        .map(|line| (line.method.as_str().to_owned(), line.path.to_owned()))
        .collect();
    let without_line: Vec<_> = documented.difference(&lines).collect();
    let without_route: Vec<_> = lines.difference(&documented).collect();
    ensure!(without_line.is_empty(), "routes that are not in the table of rights: {without_line:?}");
    ensure!(without_route.is_empty(), "lines of the table of rights without a route: {without_route:?}");
    Ok(())
}

fn operations(document: &OpenApi) -> BTreeSet<(String, String)> {
    let paths = document.paths.iter().flat_map(|paths| paths.iter());
    let items = paths.filter_map(|(path, item)| match item {
        ReferenceOr::Item(item) => Some((path, item)),
        ReferenceOr::Reference { .. } => None,
    });
    let of_item = |(path, item): (&String, &aide::openapi::PathItem)| {
        let methods: Vec<_> = item.iter().map(|(method, _)| method.to_uppercase()).collect();
        let path = path.clone();
        methods.into_iter().map(move |method| (method, path.clone()))
    };
    items.flat_map(of_item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_rights_has_exactly_the_routes_that_are_there() {
        let document = crate::openapi();
        check(&document).unwrap();
        let mut fewer = document.clone();
        fewer.paths.as_mut().unwrap().paths.shift_remove("/api/v1/system");
        assert!(check(&fewer).unwrap_err().to_string().contains("/api/v1/system"));
        let mut more = document.clone();
        let paths = &mut more.paths.as_mut().unwrap().paths;
        let item = paths["/api/v1/system"].clone();
        paths.insert("/api/v1/backdoor".to_owned(), item);
        assert!(check(&more).unwrap_err().to_string().contains("/api/v1/backdoor"));
    }
}
