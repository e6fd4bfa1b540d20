//! `emboflow queue list|show|set|remove`

use clap::Subcommand;
use emboflow_model::queue::{Amount, Limits, Queue as Rules, shown};
use emboflow_model::workflow::quantity;
use emboflow_protocol::http::queue::{QueueBody, QueueView};
use reqwest::Method;
use serde_json::Value;

use super::Shared;
use super::secret_input::confirm;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::text;

/// In which runs wait, and which share each gets
#[derive(Debug, Subcommand)]
pub(crate) enum Queue {
    /// List the queues, with what they hold and wait for
    #[command(visible_alias = "ls")]
    List,
    /// Show a queue
    Show {
        /// The queue
        name: String,
    },
    /// Change the rules of a queue; makes it when there is none
    Set(Set),
    /// Remove a queue; what waits in it goes on. `default` gets its usual rules again
    #[command(visible_alias = "rm")]
    Remove {
        /// The queue
        name: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Set {
    /// The queue: letters a-z, 0-9 and -
    name: String,
    /// What it is for; empty takes it away
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Its part of what nobody is guaranteed; from 1 to 1000
    #[arg(long, value_name = "NUMBER")]
    weight: Option<u32>,
    /// What it gets before others, such as cpu=8,memory=64Gi,gpu=1,slots=20; `none` takes one away
    #[arg(long, value_name = "NAME=AMOUNT", value_delimiter = ',')]
    guarantee: Vec<String>,
    /// What it never holds more than, such as cpu=32; `none` takes one away
    #[arg(long, value_name = "NAME=AMOUNT", value_delimiter = ',')]
    maximum: Vec<String>,
    /// Whether it may hold more than its guarantee while others leave room
    #[arg(long, value_name = "true|false")]
    borrowing: Option<bool>,
    /// The priority of tasks whose file names none; from -1000 to 1000
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    priority: Option<i32>,
}

impl Queue {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        let client = shared.client()?;
        match self {
            Self::List => list(&client, output).await,
            Self::Show { name } => {
                let view: QueueView = client.get(client.global(&["queues", name])).await?;
                show(&view, output)
            }
            Self::Set(set) => set.carry_out(&client, output).await,
            Self::Remove { name, yes } => {
                confirm(&format!("Remove the queue {name}? What waits in it goes on."), *yes)?;
                client.send(client.request(Method::DELETE, client.global(&["queues", name]))).await?;
                output.message(&format!("queue {name} is removed"));
                Ok(())
            }
        }
    }
}

impl Set {
    async fn carry_out(&self, client: &Client, output: &mut Output) -> Result<(), Failure> {
        let url = client.global(&["queues", &self.name]);
        let before: Rules = match client.get::<QueueView>(url.clone()).await {
            Ok(view) => view.rules,
            Err(Failure::Refused(problem)) if problem.status == 404 => Rules::default(),
            Err(failure) => return Err(failure),
        };
        let body = QueueBody::from(self.over(before)?);
        let view: QueueView = client.json(client.request(Method::PUT, url).json(&body)).await?;
        show(&view, output)
    }

    /// The rules of before with those that are given. Errors: an amount cannot be read.
    fn over(&self, before: Rules) -> Result<Rules, Failure> {
        let described = self.description.clone().map(|text| Some(text).filter(|text| !text.is_empty()));
        Ok(Rules {
            description: described.unwrap_or(before.description),
            weight: self.weight.unwrap_or(before.weight),
            guarantee: limits("--guarantee", before.guarantee, &self.guarantee)?,
            maximum: limits("--maximum", before.maximum, &self.maximum)?,
            borrowing: self.borrowing.unwrap_or(before.borrowing),
            priority: self.priority.unwrap_or(before.priority),
        })
    }
}

fn limits(option: &str, mut limits: Limits, given: &[String]) -> Result<Limits, Failure> {
    for pair in given {
        let wrong = |why: String| Failure::usage(format!("{option} {pair}: {why}"));
        let (name, text) =
            pair.split_once('=').ok_or_else(|| wrong("write NAME=AMOUNT, such as cpu=8".to_owned()))?;
        let amount = match text {
            "none" => None,
            text => Some(amount(name, text).map_err(&wrong)?),
        };
        match name {
            "cpu" => limits.cpu_millis = amount,
            "memory" => limits.memory_bytes = amount,
            "gpu" => limits.gpu = amount,
            "slots" => limits.slots = amount,
            _ => return Err(wrong("there are cpu, memory, gpu and slots".to_owned())),
        }
    }
    Ok(limits)
}

fn amount(name: &str, text: &str) -> Result<u64, String> {
    let number = || text.parse::<u64>().ok();
    let value = number().map_or_else(|| Value::from(text), Value::from);
    match name {
        "cpu" => quantity::cpu_millis(&text.parse::<f64>().map_or_else(|_| Value::from(text), Value::from)),
        "memory" => quantity::size_bytes(&value),
        _ => number().ok_or_else(|| format!("'{text}' is neither a number nor `none`")),
    }
}

async fn list(client: &Client, output: &mut Output) -> Result<(), Failure> {
    let queues: Vec<QueueView> = client.list(client.global(&["queues"]), usize::MAX).await?;
    let is_wide = output.format == Format::Wide;
    let header = [
        "QUEUE",
        "WEIGHT",
        "GUARANTEE",
        "MAXIMUM",
        "HOLDS",
        "SHARE",
        "WAITING",
        "OLDEST",
        "BORROWS",
        "PRIORITY",
    ];
    let now = text::now();
    output.list(
        &queues,
        if is_wide { &header } else { &header[..8] },
        |queue| queue.name.to_string(),
        |queue, _| {
            let QueueView { name, rules, now: figures } = queue;
            let told = |tell: &dyn Fn(&emboflow_protocol::http::queue::QueueNow) -> String| {
                figures.as_ref().map_or_else(|| "?".to_owned(), tell)
            };
            let mut row = vec![
                name.to_string(),
                rules.weight.to_string(),
                bounds(&rules.guarantee),
                bounds(&rules.maximum),
                told(&|now| held(&now.held)),
                told(&|now| format!("{:.0}%", now.share * 100.0)),
                told(&|now| now.waiting.to_string()),
                told(&|figures| {
                    figures.oldest.map_or_else(|| "-".to_owned(), |oldest| text::ago(oldest, now))
                }),
            ];
            if is_wide {
                row.extend([rules.borrowing.to_string(), rules.priority.to_string()]);
            }
            row
        },
    )?;
    Ok(())
}

fn show(view: &QueueView, output: &mut Output) -> Result<(), Failure> {
    output.one(view, view.name.as_str(), |output| {
        let rules = &view.rules;
        output.line(&format!("queue      {}", view.name))?;
        if let Some(description) = &rules.description {
            output.line(&format!("for        {description}"))?;
        }
        output.line(&format!("weight     {}", rules.weight))?;
        output.line(&format!("guarantee  {}", bounds(&rules.guarantee)))?;
        output.line(&format!("maximum    {}", bounds(&rules.maximum)))?;
        output.line(&format!("borrowing  {}", if rules.borrowing { "yes" } else { "no" }))?;
        output.line(&format!("priority   {}", rules.priority))?;
        match &view.now {
            None => output.line("now        the scheduler does not answer"),
            Some(now) => {
                output.line(&format!("holds      {} ({:.0}% of all)", held(&now.held), now.share * 100.0))?;
                let since = now.oldest.map_or_else(String::new, |oldest| {
                    format!(", the first since {}", text::ago(oldest, text::now()))
                });
                output.line(&format!("waiting    {} tasks{since}", now.waiting))
            }
        }
    })?;
    Ok(())
}

fn bounds(limits: &Limits) -> String {
    let named = [
        ("cpu", limits.cpu_millis),
        ("memory", limits.memory_bytes),
        ("gpu", limits.gpu),
        ("slots", limits.slots),
    ];
    let given = named.iter().filter_map(|(name, amount)| Some(format!("{name}={}", shown(name, (*amount)?))));
    let given: Vec<_> = given.collect();
    if given.is_empty() { "-".to_owned() } else { given.join(",") }
}

fn held(amount: &Amount) -> String {
    let named = [
        ("cpu", amount.cpu_millis),
        ("memory", amount.memory_bytes),
        ("gpu", amount.gpu),
        ("slots", amount.slots),
    ];
    let held = named.iter().filter(|(_, amount)| *amount > 0);
    let held: Vec<_> = held.map(|(name, amount)| format!("{name}={}", shown(name, *amount))).collect();
    if held.is_empty() { "-".to_owned() } else { held.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[&str]) -> Result<Limits, Failure> {
        let given: Vec<_> = given.iter().map(|&text| text.to_owned()).collect();
        limits("--maximum", Limits { slots: Some(3), ..Limits::default() }, &given)
    }

    #[test]
    fn amounts_are_read_as_in_a_workflow_file_and_none_takes_one_away() {
        let limits = read(&["cpu=1.5", "memory=2Gi", "gpu=1", "slots=none"]).unwrap();
        let wanted =
            Limits { cpu_millis: Some(1_500), memory_bytes: Some(2 << 30), gpu: Some(1), slots: None };
        assert_eq!((limits, bounds(&limits)), (wanted, "cpu=1.5,memory=2Gi,gpu=1".to_owned()));
        assert_eq!(read(&["cpu=500m"]).unwrap().cpu_millis, Some(500));
        assert_eq!(read(&[]).unwrap().slots, Some(3), "what is not given stays");
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (given, why) in [("cpus=3", "there are cpu"), ("cpu", "NAME=AMOUNT"), ("slots=many", "neither")] {
            let said = read(&[given]).unwrap_err().reason();
            assert!(said.contains("--maximum") && said.contains(why), "{said}");
        }
    }
}
