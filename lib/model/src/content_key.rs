//! What decides the result of a task, as one key: tasks with the same key would make the same.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::runtime_spec::{Isolation, Network, Replica, RuntimeSpec, SecretForm, StageInSource, StageOut};
use crate::{CodeRange, SecretName, Timestamp};

/// Another one whenever the form below is another: then no older key is met by chance.
const FORM: &str = "emboflow content 1";

/// The canonical form: its fields in this order, maps by name, lists as they stand. Left out is what says where, when and
/// with how much a task runs.
#[derive(Serialize)]
struct Content<'c> {
    form: &'static str,
    image: &'c str,
    command: &'c [String],
    args: &'c [String],
    env: &'c BTreeMap<String, String>,
    workdir: Option<&'c str>,
    user: Option<&'c str>,
    network: Network,
    isolation: Isolation,
    inputs: BTreeMap<&'c str, Vec<Source<'c>>>,
    outputs: BTreeMap<&'c str, Output<'c>>,
    complete_codes: &'c [CodeRange],
    secrets: BTreeMap<&'c str, Secret<'c>>,
    replica: Option<Replica>,
    extra: Option<&'c str>,
}

/// Where the bytes lie does not count, what they are does.
#[derive(Serialize)]
struct Source<'c> {
    index: Option<u32>,
    artifact: &'c str,
    manifest_sha256: &'c str,
    directory: bool,
}

/// That the page shows it by itself decides nothing.
#[derive(Serialize)]
struct Output<'c> {
    path: &'c str,
    optional: bool,
    value: bool,
}

#[derive(Serialize)]
struct Secret<'c> {
    secret: &'c SecretName,
    form: SecretForm,
    version: Option<SecretVersion>,
}

/// Which value a secret has. One that was removed and made again counts from 1 again, so its making counts too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SecretVersion {
    /// When the secret was made.
    pub created_at: Timestamp,
    /// Its value since then, from 1.
    pub version: u64,
}

impl RuntimeSpec {
    /// The key of what decides the result: a SHA-256 in hex. `versions`: which value each secret of the project has now, by
    /// its name, as far as it is there. `extra`: what the file adds to the key.
    pub fn content_key(&self, versions: &BTreeMap<SecretName, SecretVersion>, extra: Option<&str>) -> String {
        let secrets = self.secrets.iter().map(|used| {
            let version = versions.get(&used.secret).copied();
            (used.variable.as_str(), Secret { secret: &used.secret, form: used.form, version })
        });
        let content = Content {
            form: FORM,
            image: &self.image,
            command: &self.command,
            args: &self.args,
            env: &self.env,
            workdir: self.workdir.as_deref(),
            user: self.user.as_deref(),
            network: self.network,
            isolation: self.isolation,
            inputs: self.inputs.iter().map(|input| (&*input.name, sources(&input.sources))).collect(),
            outputs: self.outputs.iter().map(|output| (&*output.name, Output::of(output))).collect(),
            complete_codes: &self.complete_codes,
            secrets: secrets.collect(),
            replica: self.replica,
            extra,
        };
        let form = serde_json::to_vec(&content).expect("texts and numbers are always JSON");
        hex::encode(Sha256::digest(&form))
    }
}

fn sources(sources: &[StageInSource]) -> Vec<Source<'_>> {
    let all = sources.iter().map(|source| Source {
        index: source.index,
        artifact: &source.artifact,
        manifest_sha256: &source.manifest_sha256,
        directory: source.directory,
    });
    all.collect()
}

impl<'c> Output<'c> {
    fn of(output: &'c StageOut) -> Self {
        Self { path: &output.path, optional: output.optional, value: output.value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime_spec::{Class, PullPolicy, SecretUse, StageIn, Stop, Timeouts};
    use crate::{DeviceId, Resources};

    fn spec() -> RuntimeSpec {
        RuntimeSpec {
            image: "tool:1".to_owned(),
            pull: PullPolicy::IfNotPresent,
            command: vec!["train".to_owned()],
            args: vec!["--rate=1".to_owned()],
            env: BTreeMap::from([("A".to_owned(), "1".to_owned())]),
            workdir: None,
            user: None,
            resources: Resources::default(),
            shm_bytes: None,
            pids: None,
            network: Network::None,
            isolation: Isolation::Default,
            timeouts: Timeouts::default(),
            stop: Stop::default(),
            inputs: vec![StageIn { name: "data".to_owned(), sources: vec![source("run-1", "aa")] }],
            complete_codes: Vec::new(),
            outputs: vec![StageOut {
                name: "model".to_owned(),
                path: "m.bin".to_owned(),
                preview: false,
                optional: false,
                value: false,
            }],
            secrets: vec![SecretUse {
                variable: "TOKEN".to_owned(),
                secret: "hub".parse().unwrap(),
                form: SecretForm::File,
            }],
            devices: Vec::new(),
            replica: None,
            class: Class::Idempotent,
            log_limit_bytes: 1,
        }
    }

    fn source(prefix: &str, manifest: &str) -> StageInSource {
        StageInSource {
            index: None,
            prefix: prefix.to_owned(),
            artifact: "data".to_owned(),
            manifest_sha256: manifest.to_owned(),
            directory: false,
        }
    }

    fn versions(created: i64, version: u64) -> BTreeMap<SecretName, SecretVersion> {
        let version = SecretVersion { created_at: Timestamp(created), version };
        BTreeMap::from([("hub".parse().unwrap(), version)])
    }

    fn key(spec: &RuntimeSpec) -> String {
        spec.content_key(&versions(1, 1), None)
    }

    #[test]
    fn a_key_is_the_same_for_ever() {
        assert_eq!(key(&spec()), KNOWN, "results that are kept are found by it");
    }

    /// That of [`spec`]. Whoever has to change it changes [`FORM`] too.
    const KNOWN: &str = "9fa8726088e12719c885dda3fa7d86246cc2fe1c5ff1fca331aaffd8398c4660";

    #[test]
    fn where_when_and_with_how_much_it_runs_decides_nothing() {
        let before = key(&spec());
        let others: [fn(&mut RuntimeSpec); 9] = [
            |spec| spec.resources.cpu_millis = 8_000,
            |spec| spec.timeouts.run_ms = Some(1),
            |spec| spec.stop.grace_ms = 1,
            |spec| spec.pull = PullPolicy::Always,
            |spec| spec.devices = vec!["gpu-0".parse::<DeviceId>().unwrap()],
            |spec| spec.class = Class::Exclusive,
            |spec| spec.log_limit_bytes = 2,
            |spec| spec.inputs[0].sources[0].prefix = "run-2".to_owned(),
            |spec| spec.outputs[0].preview = true,
        ];
        for (place, change) in others.iter().enumerate() {
            let mut other = spec();
            change(&mut other);
            assert_eq!(key(&other), before, "change {place}");
        }
    }

    #[test]
    fn all_that_a_program_can_see_decides() {
        let mut keys = std::collections::BTreeSet::from([key(&spec())]);
        let others: [fn(&mut RuntimeSpec); 14] = [
            |spec| spec.image = "tool:2".to_owned(),
            |spec| spec.command.push("x".to_owned()),
            |spec| spec.args = vec!["--rate=2".to_owned()],
            // The same words, cut elsewhere.
            |spec| (spec.command, spec.args) = (vec!["train".to_owned(), "--rate=1".to_owned()], Vec::new()),
            |spec| spec.env.insert("B".to_owned(), String::new()).map_or((), drop),
            |spec| spec.workdir = Some("/w".to_owned()),
            |spec| spec.user = Some("1".to_owned()),
            |spec| spec.network = Network::Full,
            |spec| spec.inputs[0].sources[0] = source("run-1", "bb"),
            |spec| spec.inputs[0].name = "other".to_owned(),
            |spec| spec.outputs[0].path = "n.bin".to_owned(),
            |spec| spec.secrets[0].form = SecretForm::Env,
            |spec| spec.replica = Some(Replica { index: 0, count: 2 }),
            |spec| spec.complete_codes = vec![CodeRange { first: 3, last: 3 }],
        ];
        for (place, change) in others.iter().enumerate() {
            let mut other = spec();
            change(&mut other);
            assert!(keys.insert(key(&other)), "change {place}");
        }
        assert!(keys.insert(spec().content_key(&versions(1, 2), None)), "another value of the secret");
        assert!(keys.insert(spec().content_key(&versions(2, 1), None)), "a secret of the same name");
        assert!(keys.insert(spec().content_key(&BTreeMap::new(), None)), "no such secret");
        assert!(keys.insert(spec().content_key(&versions(1, 1), Some("2026-11"))), "what the file adds");
    }
}
