//! What says where a task may run, and when it is its turn.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Render;
use crate::Resources;
use crate::name::is_name;
use crate::runtime_spec::Class;
use crate::workflow::document::join;
use crate::workflow::task_spec::{GpuChoice, GpuSpec, ResourcesSpec};
use crate::workflow::{Problem, TaskSpec, quantity};

/// What a task that asks for no CPU gets, in thousandths of a core.
pub const DEFAULT_CPU_MILLIS: u64 = 1000;
/// What a task that asks for no memory gets, in bytes.
pub const DEFAULT_MEMORY_BYTES: u64 = 512 * 1024 * 1024;
/// What says where a task may run, and when it is its turn.
#[derive(Clone, Debug, PartialEq)]
pub struct RenderedPlacement {
    /// CPU, memory, disk and graphics processors, with the defaults filled in.
    pub resources: Resources,
    /// The pool of executors, if the file names one.
    pub pool: Option<String>,
    /// Labels that an executor must have.
    pub labels: BTreeMap<String, String>,
    /// Greater goes first; 0 when the file says nothing.
    pub priority: i32,
    /// Words of the model that its graphics processors must be of.
    pub gpu_model: Option<String>,
    /// Taints that it puts up with: `key` or `key=value`.
    pub tolerations: BTreeSet<String>,
    /// `host` or the label by which the tasks of the fan-out go apart where there is room.
    pub spread: Option<String>,
    /// `host` or the label by which no two tasks of the fan-out come together.
    pub anti_affinity: Option<String>,
    /// It may be stopped for more urgent work.
    pub preemptible: bool,
    /// Whether it may run beside another attempt of itself.
    pub class: Class,
    /// Its time limit in milliseconds, from the start of the container.
    pub run_ms: Option<u64>,
}

impl Render<'_> {
    pub(super) fn placement(&mut self, spec: &TaskSpec) -> Result<RenderedPlacement, Problem> {
        let file = self.workflow.file.clone();
        let defaults = &file.defaults;
        let pool = self.given(spec.pool.as_ref(), defaults.pool.as_ref(), "pool");
        let tolerations = spec.tolerations.as_ref().or(defaults.tolerations.as_ref());
        let rules = spec.placement.as_ref().or(defaults.placement.as_ref());
        Ok(RenderedPlacement {
            resources: self.resources(&spec.resources, &defaults.resources)?,
            pool: self.formed(pool.map(|(text, at)| (Value::from(text.as_str()), at)), check_pool)?,
            labels: self.labels(spec)?,
            priority: spec.priority.or(defaults.priority).unwrap_or_default(),
            gpu_model: self.gpu_model(spec, &defaults.resources)?,
            tolerations: tolerations.into_iter().flatten().cloned().collect(),
            spread: rules.and_then(|rules| rules.spread.clone()),
            anti_affinity: rules.and_then(|rules| rules.anti_affinity.clone()),
            preemptible: spec.preemptible.or(defaults.preemptible).unwrap_or_default(),
            class: spec.class.or(defaults.class).unwrap_or_default(),
            run_ms: self.timeouts(spec)?.run_ms,
        })
    }

    fn labels(&mut self, spec: &TaskSpec) -> Result<BTreeMap<String, String>, Problem> {
        let file = self.workflow.file.clone();
        let mut labels = BTreeMap::new();
        for (name, value) in file.defaults.labels.iter().filter(|(name, _)| !spec.labels.contains_key(*name))
        {
            labels.insert(name.clone(), self.text(value.value(), &join("/defaults/labels", name))?);
        }
        for (name, value) in &spec.labels {
            let pointer = join(&join(&self.at, "labels"), name);
            labels.insert(name.clone(), self.text(value.value(), &pointer)?);
        }
        Ok(labels)
    }

    fn resources(&mut self, task: &ResourcesSpec, defaults: &ResourcesSpec) -> Result<Resources, Problem> {
        let cpu = self.given(task.cpu.as_ref(), defaults.cpu.as_ref(), "resources/cpu");
        let memory = self.given(task.memory.as_ref(), defaults.memory.as_ref(), "resources/memory");
        let disk = self.given(task.disk.as_ref(), defaults.disk.as_ref(), "resources/disk");
        Ok(Resources {
            cpu_millis: self.given_amount(cpu, quantity::cpu_millis)?.unwrap_or(DEFAULT_CPU_MILLIS),
            memory_bytes: self.given_amount(memory, quantity::size_bytes)?.unwrap_or(DEFAULT_MEMORY_BYTES),
            disk_bytes: self.given_amount(disk, quantity::size_bytes)?.unwrap_or(0),
            gpu: self.gpu_count(task, defaults)?,
        })
    }

    fn gpu_count(&mut self, task: &ResourcesSpec, defaults: &ResourcesSpec) -> Result<u64, Problem> {
        let Some((gpu, at)) = self.given(task.gpu.as_ref(), defaults.gpu.as_ref(), "resources/gpu") else {
            return Ok(0);
        };
        match gpu {
            GpuSpec::Any(count) => self.amount(count, &at, quantity::gpus),
            GpuSpec::Model(GpuChoice { count: Some(count), .. }) => {
                self.amount(count, &join(&at, "count"), quantity::gpus)
            }
            GpuSpec::Model(GpuChoice { count: None, .. }) => Ok(1),
        }
    }

    /// The model belongs to the number: what the task says replaces both of the defaults.
    fn gpu_model(&mut self, spec: &TaskSpec, defaults: &ResourcesSpec) -> Result<Option<String>, Problem> {
        let gpu = self.given(spec.resources.gpu.as_ref(), defaults.gpu.as_ref(), "resources/gpu");
        let Some((model, at)) = gpu.and_then(|(gpu, at)| Some((gpu.model()?, at))) else { return Ok(None) };
        self.text(model.value(), &join(&at, "model")).map(Some)
    }
}

fn check_pool(value: &Value) -> Result<(), String> {
    match value.as_str().is_some_and(is_name) {
        true => Ok(()),
        false => Err(format!("{value} is not a name of a pool")),
    }
}
