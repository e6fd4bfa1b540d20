//! The services in one process: started in the order in which they need each other, stopped the other way round.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use emboflow_bus::Bus;
use emboflow_objects::{Backend, DirectoryBackend};
use emboflow_service::{Health, Keys, Secret, Shutdown, metrics, telemetry};
use futures::future::{FutureExt, select_all};
use svc_executor::{DockerChoice, RuntimeChoice};

use super::data_dir::DataDir;
use super::nats;
use super::secrets::Secrets;
use super::{Options, Runtime};

/// How long one service may take to stop.
const STOP_WITHIN: Duration = Duration::from_secs(10);
const LOOPBACK: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// What the services are started with.
pub(super) struct Plan<'a> {
    pub(super) options: &'a Options,
    pub(super) data: &'a DataDir,
    pub(super) secrets: &'a Secrets,
    pub(super) nats_url: String,
    pub(super) page_code: String,
}

/// The services that have been started, in that order.
#[derive(Default)]
pub(super) struct Services(Vec<(&'static str, Shutdown)>);

impl Services {
    /// Starts all of them; gives the address of the API.
    pub(super) async fn start(&mut self, plan: Plan<'_>) -> anyhow::Result<SocketAddr> {
        let health = Health::new("emboflow");
        let (own, scope) = self.part("storage-gw", &health);
        let gateway =
            svc_storage_gw::start(plan.gateway()?, &own, &scope).await.context("starting the gateway")?;
        let records = emboflow_records::open(&plan.records()?).await.context("opening the records")?;
        let (own, scope) = self.part("scheduler", &health);
        svc_scheduler::start_on(plan.scheduler(), records.clone(), &own, &scope)
            .await
            .context("starting the scheduler")?;
        let (own, scope) = self.part("executor", &health);
        svc_executor::start(plan.executor(gateway.url())?, &own, &scope)
            .await
            .context("starting the executor")?;
        let (own, scope) = self.part("trigger", &health);
        svc_trigger::start_on(plan.trigger(gateway.url()), records.clone(), &own, &scope)
            .await
            .context("starting the trigger service")?;
        let (own, _) = self.part("api", &health);
        let config = plan.api(gateway.url());
        let bus = Bus::connect(&config.bus()).await.context("connecting the API to NATS")?;
        let connections = svc_api::Connections { bus, records, uploads: Some(gateway.uploads) };
        let api = svc_api::start_on(config, connections, &own, &health).await.context("starting the API")?;
        Ok(api.address)
    }

    fn part(&mut self, name: &'static str, health: &Health) -> (Shutdown, Health) {
        metrics::announce(name, env!("CARGO_PKG_VERSION"));
        let own = Shutdown::new();
        self.0.push((name, own.clone()));
        (own, health.scoped(name))
    }

    /// Waits for the signal to stop, or for a service that stops by itself.
    pub(super) async fn until_the_end(&self, shutdown: &Shutdown) {
        let all = std::iter::once(shutdown).chain(self.0.iter().map(|(_, own)| own));
        select_all(all.map(|one| one.cancelled().boxed())).await;
    }

    /// Stops all of them, who asks before who answers; says why one had stopped by itself.
    pub(super) async fn stop(&self) -> Option<String> {
        let mut failure = None;
        for (name, own) in self.0.iter().rev() {
            let drained = own.drain(STOP_WITHIN).await;
            failure = failure.or(drained.failure.map(|why| format!("{name}: {why}")));
        }
        failure
    }
}

impl Plan<'_> {
    fn gateway(&self) -> anyhow::Result<svc_storage_gw::Config> {
        let backend = Backend::Directory(DirectoryBackend::new(self.data.folder("objects")?));
        Ok(svc_storage_gw::Config {
            nats: Some(self.bus("emboflow-storage-gw")),
            ..svc_storage_gw::Config::new(LOOPBACK.into(), backend, self.storage_key())
        })
    }

    fn scheduler(&self) -> svc_scheduler::Config {
        svc_scheduler::Config {
            nats: self.bus("emboflow-scheduler"),
            records: None,
            storage_key: self.storage_key(),
            storage_token_ms: svc_scheduler::STORAGE_TOKEN_MS,
            secrets: self.secrets_keys(),
            listen: LOOPBACK.into(),
            policy: svc_scheduler::Policy::default(),
            retention: svc_scheduler::Retention {
                finished_runs_days: self.options.keep_runs,
                ..svc_scheduler::Retention::default()
            },
            telemetry: self.telemetry(),
            fail_at: None,
        }
    }

    fn trigger(&self, storage_url: String) -> svc_trigger::Config {
        svc_trigger::Config {
            nats: self.bus("emboflow-trigger"),
            storage: Some(svc_trigger::Objects::new(storage_url, self.storage_key())),
            listen: LOOPBACK.into(),
            secrets: self.secrets_keys(),
            telemetry: self.telemetry(),
            ..svc_trigger::Config::default()
        }
    }

    fn executor(&self, storage_url: String) -> anyhow::Result<svc_executor::Config> {
        let runtime = match self.options.runtime {
            Runtime::Docker => RuntimeChoice::Docker(DockerChoice {
                host: self.options.docker_host.clone().filter(|host| !host.is_empty()),
            }),
            Runtime::Simulated => RuntimeChoice::Simulated,
        };
        Ok(svc_executor::Config {
            data_dir: self.data.folder("executor")?,
            instance: self.secrets.instance.clone(),
            nats: self.bus("emboflow-executor"),
            storage_url,
            runtime,
            telemetry: self.telemetry(),
            ..svc_executor::Config::default()
        })
    }

    fn api(&self, storage_url: String) -> svc_api::Config {
        svc_api::Config {
            listen: self.options.listen,
            instance: self.secrets.instance.clone(),
            token: Secret::new(self.secrets.api_token.clone()),
            page_code: Some(Secret::new(self.page_code.clone())),
            projects: Vec::new(),
            public_url: None,
            trusted_proxies: Vec::new(),
            audit_days: svc_api::AUDIT_DAYS,
            waiting_bytes: svc_api::WAITING_BYTES,
            storage: svc_api::Storage { url: storage_url, signing_key: self.storage_key() },
            secrets: self.secrets_keys(),
            limits: if self.options.listen.ip().is_loopback() {
                svc_api::Limits::alone()
            } else {
                svc_api::Limits::default()
            },
            other_hosts: Vec::new(),
            oidc: None,
            records: None,
            nats: self.bus("emboflow-api"),
            watch: self.watch(),
            telemetry: self.telemetry(),
        }
    }

    fn telemetry(&self) -> telemetry::Config {
        telemetry::Config { otlp_endpoint: self.options.otlp_endpoint.clone() }
    }

    /// All of it lies below one folder, and need not lie on one disk.
    fn watch(&self) -> svc_api::Watch {
        let disks = ["records", "nats", "logs"].map(|name| (name.to_owned(), self.data.path().join(name)));
        svc_api::Watch { disks: disks.into(), ..svc_api::Watch::default() }
    }

    fn bus(&self, name: &str) -> emboflow_bus::Config {
        emboflow_bus::Config {
            url: self.nats_url.clone(),
            name: name.to_owned(),
            nkey_file: Some(nats::key_file(&self.data.path().join("nats"), name)),
            ..emboflow_bus::Config::default()
        }
    }

    /// The folder is made in any case: how full its disk is, is watched.
    fn records(&self) -> anyhow::Result<emboflow_records::Config> {
        let path = self.data.folder("records")?.join("emboflow.db");
        Ok(match &self.options.mongo_uri {
            Some(uri) => {
                emboflow_records::Config::Mongo { uri: uri.clone(), database: "emboflow".to_owned() }
            }
            None => emboflow_records::Config::Sqlite { path },
        })
    }

    fn secrets_keys(&self) -> Option<Keys> {
        let key = Secret::new(self.secrets.secrets_key.clone()?);
        Some(Keys { key, old_keys: Vec::new() })
    }

    fn storage_key(&self) -> Secret {
        Secret::new(self.secrets.storage_key.clone())
    }
}
