//! The table of rights, for people.

use std::fmt::Write as _;

use emboflow_model::access::{Needs, REQUESTS, ROUTES, Role};

const HEAD: &str = "\
# Rights

This file is generated from the code (`make fix`): `lib/model/src/access/table.rs` is the one table that the API judges
every request by. It does not start with a route that has no line here. What the words mean is in
[access.md](access.md).

Each column says whether that caller is let in, in a project in which it has the role. In every other project the answer
is that there is no such project (404). A binding that denies wins over every role.

";

const COLUMNS: &str =
    "| needs | nobody | viewer | developer | operator | admin | platform admin | a key or a service |\n";

/// `docs/rights.md`.
pub(super) fn table() -> String {
    let mut text = HEAD.to_owned();
    let _ = write!(text, "| method | path {COLUMNS}|---|---|---|---|---|---|---|---|---|---|\n");
    for line in ROUTES {
        let _ = writeln!(text, "| {} | `{}` | {} |", line.method.as_str(), line.path, cells(line.needs));
    }
    text.push_str(
        "\n## Requests over NATS\n\n\
         What a NATS user may publish and subscribe to is decided by its allow-list, which is made from its project: see\n\
         [nats.md](nats.md). A request comes to what the same request over HTTP comes to.\n\n",
    );
    let _ = write!(text, "| subject {COLUMNS}|---|---|---|---|---|---|---|---|---|\n");
    for (verb, needs) in REQUESTS {
        let _ = writeln!(text, "| `emboflow.request.<project>.{verb}` | {} |", cells(*needs));
    }
    text
}

fn cells(needs: Needs) -> String {
    let mut cells = vec![needs.to_string(), mark(needs == Needs::Public)];
    for role in Role::ALL {
        cells.push(mark(match needs {
            Needs::Public | Needs::SignedIn | Needs::InPerson => true,
            Needs::InProject(least) | Needs::InPersonInProject(least) => role >= least,
            Needs::Platform | Needs::PlatformInPerson => false,
        }));
    }
    cells.push(mark(true));
    cells.push(match needs {
        Needs::InPerson | Needs::InPersonInProject(_) | Needs::PlatformInPerson => "no".to_owned(),
        Needs::Public | Needs::SignedIn => "yes".to_owned(),
        Needs::InProject(_) | Needs::Platform => "as its role".to_owned(),
    });
    cells.join(" | ")
}

fn mark(is_let_in: bool) -> String {
    if is_let_in { "yes" } else { "no" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_row_that_says_who_is_let_in() {
        let text = table();
        assert!(text.contains(
            "| POST | `/api/v1/projects/{project}/runs` | developer of the project | no | no | yes | yes | yes | yes | as its role |"
        ));
        assert!(text.contains("| GET | `/health` | nothing | yes | yes | yes | yes | yes | yes | yes |"));
        let rows = text.lines().filter(|line| line.starts_with("| ") && line.contains('`')).count();
        assert_eq!(rows, ROUTES.len() + REQUESTS.len());
    }
}
