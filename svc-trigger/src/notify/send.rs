//! One try of one delivery, over whichever way its notification names.

use emboflow_bus::Bus;
use emboflow_model::notification::{Destination, Notification, Tried};
use emboflow_model::secret::{KIND as SECRETS, KeptSecret};
use emboflow_model::{ProjectName, RunSummary, SecretName, Task, Timestamp};
use emboflow_protocol::approval_asked::ApprovalAsked;
use emboflow_protocol::run_ended::RunEnded;
use emboflow_protocol::secret_box::{KeyRing, Place};
use emboflow_protocol::secret_value::SecretValue;
use emboflow_records::{RecordsError, SharedRecords, fresh_run, fresh_task};

use super::deliveries::DeliveryId;
use super::email::Mail;
use super::letter::Letter;
use super::webhook::Webhooks;

/// Everything that it takes to send.
#[derive(Clone)]
pub(super) struct Ways {
    pub(super) webhooks: Webhooks,
    pub(super) mail: Option<Mail>,
    pub(super) bus: Bus,
    pub(super) records: SharedRecords,
    pub(super) keys: Option<KeyRing>,
    /// Where people find the page.
    pub(super) public_url: Option<String>,
}

impl Ways {
    /// What is to be told now, or why nothing is any more.
    pub(super) async fn letter(
        &self,
        id: &DeliveryId,
        notification: &Notification,
    ) -> Result<Result<Letter, &'static str>, RecordsError> {
        let records = self.records.as_ref();
        let Some(run) = fresh_run(records, id.run).await? else {
            return Ok(Err("the run has been removed meanwhile"));
        };
        let topic = match &notification.spec.to {
            Destination::Nats { topic } => Some(topic.clone()),
            _ => None,
        };
        let (name, url) = (&id.notification, self.page_of(&run));
        let Some(key) = &id.task else {
            return Ok(Ok(Letter::Ended(Box::new(RunEnded::of(name, &run, topic, url)))));
        };
        let task = fresh_task(records, id.run, key).await?;
        let Some(approval) = task.as_ref().and_then(Task::open_approval) else {
            return Ok(Err("nobody is asked any more: it was decided, or its run ended"));
        };
        Ok(Ok(Letter::Asked(Box::new(ApprovalAsked::of(name, &run, key, approval, topic, url)))))
    }

    /// Tries once.
    pub(super) async fn send(
        &self,
        id: &DeliveryId,
        notification: &Notification,
        letter: &Letter,
        now: Timestamp,
    ) -> Tried {
        match &notification.spec.to {
            Destination::Webhook { url, secret } => match self.secret(&id.project, secret).await {
                Ok(key) => self.webhooks.send(url, &key, letter, now).await,
                Err(why) => Tried::Later(why, None),
            },
            Destination::Email { addresses } => match &self.mail {
                Some(mail) => mail.send(addresses, letter).await,
                None => {
                    Tried::Later("no mail server is set: the operator sets `notify.smtp`".to_owned(), None)
                }
            },
            Destination::Nats { .. } => match letter.publish(&self.bus).await {
                Ok(()) => Tried::Arrived,
                Err(error) => Tried::Later(error.to_string(), None),
            },
        }
    }

    fn page_of(&self, run: &RunSummary) -> Option<String> {
        let base = self.public_url.as_ref()?.trim_end_matches('/');
        Some(format!("{base}/projects/{}/runs/{}", run.project, run.id))
    }

    /// A secret of the project, read at each try: a new value counts at once.
    async fn secret(&self, project: &ProjectName, name: &SecretName) -> Result<SecretValue, String> {
        let keys = self
            .keys
            .as_ref()
            .ok_or("this service has no key for secrets: the operator sets `secrets.key`")?;
        let kept = self.records.kept(SECRETS, project.as_str(), name.as_str()).await;
        let kept = kept.map_err(|_| "the records are not available")?;
        let kept = kept.ok_or_else(|| format!("the project has no secret '{name}' to sign with"))?;
        let secret: KeptSecret =
            serde_json::from_str(&kept.body).map_err(|_| format!("the secret '{name}' cannot be read"))?;
        let place = Place { project, secret: name, version: secret.version };
        keys.open(place, &secret.sealed).map_err(|error| format!("the secret '{name}': {error}"))
    }
}
