//! What a trigger may take of other systems' subjects and streams.

use emboflow_model::ProjectName;
use emboflow_model::workflow::triggers::NatsSpec;
use emboflow_protocol::message::ROOT;
use emboflow_protocol::rights::{is_foreign_stream, is_foreign_subject};
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

/// What the triggers of one project may take of other systems. Where settings are text, one of them is
/// `<project>:subject:<subject>` or `<project>:stream:<stream>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Foreign {
    /// The project.
    pub project: ProjectName,
    /// Subjects, with `*` and `>`, that its triggers may listen to.
    #[serde(default)]
    pub subjects: Vec<String>,
    /// Streams that its triggers may follow.
    #[serde(default)]
    pub streams: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    project: ProjectName,
    #[serde(default)]
    subjects: Vec<String>,
    #[serde(default)]
    streams: Vec<String>,
}

impl FromStr for Foreign {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is neither `<project>:subject:<subject>` nor `<project>:stream:<stream>`");
        let mut parts = text.trim().splitn(3, ':');
        let (Some(project), Some(kind), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let project = ProjectName::new(project).map_err(|error| error.to_string())?;
        let name = vec![name.to_owned()];
        match kind {
            "subject" => Ok(Self { project, subjects: name, streams: Vec::new() }),
            "stream" => Ok(Self { project, subjects: Vec::new(), streams: name }),
            _ => Err(wrong()),
        }
    }
}

/// What says that nothing is for anybody: in a variable an empty list cannot be told from nothing said.
const NONE: &str = "none";

/// One of the setting's items.
struct Item(Option<Foreign>);

/// Reads the setting: left out, all may take all; an empty list or `none`, nobody takes anything.
pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Foreign>>, D::Error> {
    let Some(items) = Option::<Vec<Item>>::deserialize(deserializer)? else { return Ok(None) };
    let said = items.len();
    let given: Vec<_> = items.into_iter().filter_map(|Item(given)| given).collect();
    if given.len() < said && said > 1 {
        return Err(de::Error::custom(format!("`{NONE}` stands alone: beside it nothing is given")));
    }
    Ok(Some(given))
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrTable;
        impl<'de> Visitor<'de> for TextOrTable {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a table with `project`, `subjects` and `streams`, `<project>:stream:<stream>`, or `none`",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Item, E> {
                match text {
                    NONE => Ok(Item(None)),
                    text => text.parse().map(|given| Item(Some(given))).map_err(E::custom),
                }
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Item, M::Error> {
                let Table { project, subjects, streams } =
                    Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Item(Some(Foreign { project, subjects, streams })))
            }
        }
        deserializer.deserialize_any(TextOrTable)
    }
}

/// Whether a trigger may take what it wants. What the platform says to itself is about every project and for none; the
/// rest is for the projects that the operator names, or for all when he names none. Errors: why not, in words.
pub(crate) fn check(given: Option<&[Foreign]>, project: &ProjectName, spec: &NatsSpec) -> Result<(), String> {
    let own =
        |what: &str, name: &str| format!("the {what} '{name}' is the platform's own, and starts no runs");
    match (&spec.stream, &spec.subject) {
        (Some(stream), _) if !is_foreign_stream(stream) => return Err(own("stream", stream)),
        (Some(_), Some(filter)) if filter.split('.').next() == Some(ROOT) => {
            return Err(own("subject", filter));
        }
        (None, Some(subject)) if !is_foreign_subject(subject) => return Err(own("subject", subject)),
        _ => {}
    }
    let Some(given) = given else { return Ok(()) };
    let mut of_project = given.iter().filter(|one| one.project == *project);
    let (is_given, what, name) = match (&spec.stream, &spec.subject) {
        (Some(stream), _) => (of_project.any(|one| one.streams.contains(stream)), "stream", stream),
        (None, Some(subject)) => {
            let covers = |one: &Foreign| one.subjects.iter().any(|filter| covers(filter, subject));
            (of_project.any(covers), "subject", subject)
        }
        (None, None) => return Ok(()),
    };
    match is_given {
        true => Ok(()),
        false => Err(format!(
            "the {what} '{name}' is not for project '{project}': whoever runs the trigger service names it under `foreign`"
        )),
    }
}

/// Whether everything that `wanted` stands for is in `filter`.
fn covers(filter: &str, wanted: &str) -> bool {
    let (mut filter, mut wanted) = (filter.split('.'), wanted.split('.'));
    loop {
        match (filter.next(), wanted.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(token)) if token != ">" => {}
            (Some(known), Some(token)) if known == token => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use emboflow_service::config;
    use serde_json::{Value, json};

    use super::{Foreign, check, covers, read};
    use crate::config::Config;

    #[test]
    fn whose_something_is_can_be_said_in_a_variable_as_well_as_in_a_file() {
        let of = |value: Value| {
            let mut all = read(json!([value])).map_err(|error| error.to_string())?.unwrap();
            Ok::<Foreign, String>(all.remove(0))
        };
        let said = of("lab:stream:ORDERS".into()).unwrap();
        assert_eq!(said, of(json!({ "project": "lab", "streams": ["ORDERS"] })).unwrap());
        assert_eq!(of("lab:subject:plant.lab.>".into()).unwrap().subjects, ["plant.lab.>"]);
        for wrong in ["", "lab", "lab:ORDERS", "lab:queue:ORDERS", "*:stream:ORDERS", "None"] {
            assert!(of(wrong.into()).is_err(), "{wrong}");
        }
        assert!(of(json!({ "project": "lab", "stream": "ORDERS" })).is_err(), "an unknown field");
    }

    #[test]
    fn nothing_for_anybody_can_be_said_and_is_not_what_saying_nothing_is() {
        let variable = |text: &str| {
            let environment = [("EMBOFLOW__FOREIGN".to_owned(), text.to_owned())];
            config::load::<Config>(None, environment, []).map(|config| config.foreign)
        };
        // As a Compose file passes on what is not in its `.env`.
        assert_eq!(variable("").unwrap(), None);
        assert_eq!(variable("none").unwrap(), Some(Vec::new()));
        assert_eq!(variable("lab:stream:A,lab:stream:B").unwrap().map(|given| given.len()), Some(2));
        let refused = variable("lab:stream:A, none").unwrap_err().to_string();
        assert!(refused.contains("foreign") && refused.contains("stands alone"), "{refused}");
        assert_eq!(read(json!([])).unwrap(), Some(Vec::new()));

        let project = "lab".parse().unwrap();
        let spec = serde_json::from_value(json!({ "subject": "plant.lab.door" })).unwrap();
        assert_eq!(check(None, &project, &spec), Ok(()));
        let refused = check(Some(&[]), &project, &spec).unwrap_err();
        assert!(refused.contains("not for project 'lab'"), "{refused}");
    }

    #[test]
    fn a_filter_covers_what_it_would_hear_anyway_and_nothing_wider() {
        let yes = [
            ("a.>", "a.b"),
            ("a.>", "a.*.c"),
            ("a.>", "a.>"),
            ("a.*", "a.b"),
            ("a.*", "a.*"),
            ("a.b", "a.b"),
        ];
        assert!(yes.iter().all(|(filter, wanted)| covers(filter, wanted)));
        let no = [
            ("a.>", "a"),
            ("a.>", "*.b"),
            ("a.>", ">"),
            ("a.*", "a.>"),
            ("a.*", "a.b.c"),
            ("a.b", "a.*"),
            ("a.b", "a"),
            ("a", "a.b"),
        ];
        assert!(no.iter().all(|(filter, wanted)| !covers(filter, wanted)));
    }
}
