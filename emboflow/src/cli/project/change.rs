//! `emboflow project create NAME`, `emboflow project set NAME`

use emboflow_model::access::{Quotas, asked};
use emboflow_protocol::http::access::{NewProject, ProjectChange, ProjectView};
use reqwest::{Method, header};
use serde_json::Value;

use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;

/// Make a project.
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// Its name, which never changes: letters a-z, 0-9 and -
    name: String,
    #[command(flatten)]
    what: What,
}

/// Change a project.
#[derive(Debug, clap::Args)]
pub(crate) struct Set {
    /// The project
    name: String,
    #[command(flatten)]
    what: What,
}

#[derive(Debug, clap::Args)]
struct What {
    /// What it is for; empty takes it away
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// What it may use: open_runs, queued_runs, runs_per_minute, cpu_millis, memory_bytes, gpu, stored_bytes;
    /// `none` does not limit it
    #[arg(long = "quota", value_name = "NAME=NUMBER", value_parser = quota)]
    quotas: Vec<(String, Option<u64>)>,
}

fn quota(text: &str) -> Result<(String, Option<u64>), String> {
    let (name, most) =
        text.split_once('=').ok_or_else(|| "write NAME=NUMBER, such as open_runs=20".to_owned())?;
    let most = match most {
        "none" => None,
        number => Some(number.parse().map_err(|_| format!("'{number}' is neither a number nor `none`"))?),
    };
    Ok((name.to_owned(), most))
}

impl What {
    /// The quotas of before with those that are given. Errors: there is no quota of that name.
    fn quotas(&self, before: &Quotas) -> Result<Quotas, Failure> {
        let mut fields = serde_json::to_value(before).map_err(anyhow::Error::from)?;
        if let Value::Object(fields) = &mut fields {
            for (name, most) in &self.quotas {
                fields.insert(name.clone(), most.map_or(Value::Null, Value::from));
            }
        }
        asked::quotas(fields).map_err(|error| Failure::usage(format!("--quota: {error}")))
    }
}

impl Create {
    pub(super) async fn carry_out(&self, client: &Client, output: &mut Output) -> Result<(), Failure> {
        let body = NewProject {
            name: self.name.parse().map_err(|error| Failure::usage(format!("{error}")))?,
            description: self.what.description.clone().filter(|text| !text.is_empty()),
            quotas: self.what.quotas(&Quotas::default())?,
        };
        let request = client.request(Method::POST, client.global(&["projects"]));
        let made: ProjectView = client.json(request.json(&body)).await?;
        output.one(&made, &self.name, |output| {
            output.message(&format!(
                "project {} is made; `emboflow user role NAME {0} ROLE` lets people in",
                made.name
            ));
            Ok(())
        })?;
        Ok(())
    }
}

impl Set {
    pub(super) async fn carry_out(&self, client: &Client, output: &mut Output) -> Result<(), Failure> {
        if self.what.description.is_none() && self.what.quotas.is_empty() {
            return Err(Failure::usage("say what to change: --description, --quota"));
        }
        let url = client.global(&["projects", &self.name]);
        let answer = client.send(client.request(Method::GET, url.clone())).await?;
        let version = answer.headers().get(header::ETAG).cloned();
        let before: ProjectView = client.read(answer).await?;
        let quotas = if self.what.quotas.is_empty() { None } else { Some(self.what.quotas(&before.quotas)?) };
        let change = ProjectChange { description: self.what.description.clone(), quotas };
        let mut request = client.request(Method::PATCH, url).json(&change);
        if let Some(version) = version {
            // What somebody else has changed meanwhile is not taken back.
            request = request.header(header::IF_MATCH, version);
        }
        let project: ProjectView = client.json(request).await?;
        output.one(&project, &self.name, |output| {
            output.message(&format!("project {} is changed", project.name));
            Ok(())
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_that_is_not_named_stays_and_an_unknown_one_is_refused() {
        let what = |quotas: &[&str]| What {
            description: None,
            quotas: quotas.iter().map(|text| quota(text).unwrap()).collect(),
        };
        let before = what(&["open_runs=5"]).quotas(&Quotas::default()).unwrap();
        assert_eq!(serde_json::to_value(&before).unwrap(), serde_json::json!({ "open_runs": 5 }));
        assert_eq!(what(&[]).quotas(&before).unwrap(), before);
        assert_eq!(what(&["open_runs=none"]).quotas(&before).unwrap(), Quotas::default());
        let refused = what(&["opened=5"]).quotas(&before).unwrap_err().reason();
        assert!(refused.contains("opened") && refused.contains("open_runs"), "{refused}");
        assert!(quota("open_runs=many").is_err() && quota("open_runs").is_err());
    }
}
