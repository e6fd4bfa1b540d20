//! `emboflow what-if --add-executor gpu:2`

use std::collections::BTreeMap;

use emboflow_model::workflow::quantity;
use emboflow_model::{ExecutorId, PoolName};
use emboflow_protocol::forecast::{Expected, RunIf, WhatIf as Answer};
use emboflow_protocol::http::what_if::{AddedExecutors, WhatIfBody};
use reqwest::Method;

use super::Shared;
use crate::failure::Failure;
use crate::output::{Colour, Output};
use crate::text;

/// Runs and tasks that people are shown at most; `-o json` has a hundred.
const SHOWN: usize = 20;
const KINDS: &str = "cpu, memory, disk, gpu, model, slots, label, taint, count and pool";

/// Say what would start at once, and when runs would start and end, with more or fewer executors. Nothing is changed
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  emboflow what-if --add-executor gpu:2\n  emboflow what-if --add-executor cpu:8,memory:32Gi,label:arm=left,count:3 --pool edge\n  emboflow what-if --remove-executor lab-2"
)]
pub(crate) struct WhatIf {
    /// An executor that there would be besides, such as gpu:2 or cpu:8,memory:32Gi,label:arm=left,count:3; what is not
    /// named is as it is with the largest executor of the pool. May be given several times
    #[arg(long, value_name = "SIZE", value_parser = read)]
    add_executor: Vec<AddedExecutors>,
    /// An executor that would be given nothing more. May be given several times
    #[arg(long, value_name = "EXECUTOR")]
    remove_executor: Vec<ExecutorId>,
    /// The pool of those that are added and name none [default: default]
    #[arg(long, value_name = "POOL")]
    pool: Option<PoolName>,
}

impl WhatIf {
    pub(super) async fn carry_out(&self, shared: &Shared, output: &mut Output) -> Result<(), Failure> {
        if self.add_executor.is_empty() && self.remove_executor.is_empty() {
            return Err(Failure::usage("say what would be otherwise: --add-executor or --remove-executor"));
        }
        let client = shared.client()?;
        let with_pool = |added: &AddedExecutors| AddedExecutors {
            pool: added.pool.clone().or(self.pool.clone()),
            ..added.clone()
        };
        let body = WhatIfBody {
            add: self.add_executor.iter().map(with_pool).collect(),
            remove: self.remove_executor.clone(),
        };
        let url = client.in_project(&["what-if"]);
        let answer: Answer = client.json(client.request(Method::POST, url).json(&body)).await?;
        output.one(&answer, "what-if", |output| show(&answer, output))?;
        Ok(())
    }
}

/// Reads `gpu:2` or `cpu:8,memory:32Gi,label:arm=left,count:3`.
fn read(text: &str) -> Result<AddedExecutors, String> {
    let mut added = AddedExecutors::default();
    for part in text.split(',') {
        let (kind, value) =
            part.split_once(':').ok_or_else(|| format!("'{part}': write KIND:AMOUNT, such as gpu:2"))?;
        take_in(&mut added, kind.trim(), value.trim()).map_err(|why| format!("'{part}': {why}"))?;
    }
    Ok(added)
}

fn take_in(added: &mut AddedExecutors, kind: &str, value: &str) -> Result<(), String> {
    match kind {
        "cpu" => {
            let number = value.parse::<f64>().map_or_else(|_| value.into(), serde_json::Value::from);
            added.cpu_millis = Some(quantity::cpu_millis(&number)?);
        }
        "memory" => added.memory_bytes = Some(bytes(value)?),
        "disk" => added.disk_bytes = Some(bytes(value)?),
        "gpu" => added.gpu = Some(number(value)?),
        "model" => added.gpu_model = Some(value.to_owned()),
        "slots" => added.slots = Some(number(value)?),
        "count" => added.count = Some(number(value)?),
        "pool" => added.pool = Some(value.parse().map_err(|error| format!("{error}"))?),
        "label" => pair(added.labels.get_or_insert_default(), value)?,
        "taint" => pair(added.taints.get_or_insert_default(), value)?,
        _ => return Err(format!("there are {KINDS}")),
    }
    Ok(())
}

fn bytes(text: &str) -> Result<u64, String> {
    quantity::size_bytes(&text.parse::<u64>().map_or_else(|_| text.into(), serde_json::Value::from))
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("'{text}' is not a number that there can be"))
}

fn pair(pairs: &mut BTreeMap<String, String>, text: &str) -> Result<(), String> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    pairs.insert(name.to_owned(), value.to_owned());
    Ok(())
}

fn show(answer: &Answer, output: &mut Output) -> std::io::Result<()> {
    let said = |expected: &Expected| expected.in_words(answer.at, text::duration);
    let at_once = match answer.starts_at_once {
        0 => "nothing would start at once".to_owned(),
        1 => "1 task would start at once".to_owned(),
        count => format!("{count} tasks would start at once"),
    };
    output.line(&output.paint(Colour::Bold, &at_once))?;
    for one in answer.at_once.iter().take(SHOWN) {
        output.line(&format!("  {} of {}", one.task, one.run))?;
    }
    output.line(&format!("everything that is open now ends  {}", said(&answer.all_ended)))?;
    output.line(&format!("                        instead  {}", said(&answer.all_ended_if)))?;
    if !answer.runs.is_empty() {
        output.line("")?;
        let rows = answer.runs.iter().take(SHOWN).map(|run| row(run, answer)).collect();
        output.table(&["RUN", "WORKFLOW", "STARTS", "INSTEAD", "ENDS", "INSTEAD"], rows)?;
    }
    let hidden = answer.waiting_runs.saturating_sub(answer.runs.len().min(SHOWN) as u64);
    if hidden > 0 {
        output.line(&format!("… and {hidden} more runs that wait"))?;
    }
    if !answer.unknown.is_empty() {
        output.line("")?;
        output
            .line(&format!("nothing is known yet of how long these take: {}", answer.unknown.join(", ")))?;
    }
    Ok(())
}

fn row(run: &RunIf, answer: &Answer) -> Vec<String> {
    // The half of the ways is enough to compare.
    let said = |expected: &Expected| {
        let half = Expected { p90: expected.p50, ..*expected };
        half.in_words(answer.at, text::duration)
    };
    vec![
        run.run.to_string(),
        run.workflow.to_string(),
        said(&run.start),
        said(&run.start_if),
        said(&run.end),
        said(&run.end_if),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_as_it_is_said() {
        let added =
            read("cpu:8,memory:32Gi,gpu:2,model:a100,label:arm=left,label:fast,taint:gpu,count:3").unwrap();
        assert_eq!((added.cpu_millis, added.memory_bytes), (Some(8_000), Some(32 << 30)));
        assert_eq!((added.gpu, added.gpu_model.as_deref(), added.count), (Some(2), Some("a100"), Some(3)));
        let labels = added.labels.unwrap();
        assert_eq!((labels["arm"].as_str(), labels["fast"].as_str()), ("left", ""));
        assert_eq!(added.taints.unwrap()["gpu"], "");
        assert_eq!(read("cpu:500m,pool:edge").unwrap().pool.unwrap().as_str(), "edge");
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (text, why) in [
            ("", "KIND:AMOUNT"),
            ("gpu", "KIND:AMOUNT"),
            ("gpus:2", "there are cpu"),
            ("gpu:-1", "not a number"),
            ("gpu:99999999999999999999", "not a number"),
            ("count:99999999999", "not a number"),
            ("memory:much", "memory"),
            ("pool:No Pool", "not a name"),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
