//! The workflow file from the outside: good files, every kind of error, expressions, inputs, matrices, rendering.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod approvals;
mod cache;
mod conformance;
mod errors;
mod exit_codes;
mod expressions;
mod fan_out;
mod finally;
mod good;
mod hostile;
mod inputs;
mod outputs;
mod placement;
mod reads;
mod render;
mod sub_workflows;
mod turns;
mod uploads;
mod values;

use emboflow_model::workflow::{Problem, Workflow, parse};

/// The file of the product's own documentation, without the triggers that are not carried out yet.
pub(crate) const TRAJECTORY: &str = r#"version: 1
name: trajectory-report
inputs:
  episodes: { type: integer, default: 8, minimum: 1 }
defaults: { queue: default, timeout: 30m }
tasks:
  record:
    matrix: { episode: "${{ range(inputs.episodes) }}" }
    image: emboflow/examples-sim:1
    command: ["record", "--seed", "${{ matrix.episode }}"]
    resources: { cpu: 1, memory: 512Mi }
    retry: { attempts: 3, backoff: exponential }
    outputs: { episode: { path: out/ } }
  report:
    needs: [record]
    image: emboflow/examples-sim:1
    inputs: { episodes: "${{ tasks.record.outputs.episode }}" }
    run: |
      python report.py --in "$INPUT_EPISODES" --out out/
    outputs: { report: { path: out/report.html, preview: true } }
"#;

/// Reads a file that must be good.
#[track_caller]
pub(crate) fn good(source: &str) -> Workflow {
    parse(source).unwrap_or_else(|problems| {
        let reports: Vec<String> = problems.iter().map(|problem| problem.report("workflow.yaml")).collect();
        panic!("refused:\n{}", reports.join("\n"))
    })
}

/// Reads a file that must be refused.
#[track_caller]
pub(crate) fn bad(source: &str) -> Vec<Problem> {
    parse(source).err().unwrap_or_else(|| panic!("accepted:\n{source}"))
}

/// A file with one task `t`, whose fields are given as YAML lines without indentation.
pub(crate) fn one_task(fields: &str) -> String {
    let fields: String = fields.lines().map(|line| format!("    {line}\n")).collect();
    format!("version: 1\nname: w\ntasks:\n  t:\n    image: busybox\n{fields}")
}
