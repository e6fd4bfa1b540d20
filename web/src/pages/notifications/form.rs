//! Making and changing a notification, and pausing one.

use dioxus::prelude::*;
use emboflow_model::notification::{Destination, NotificationSpec};
use emboflow_model::{RunState, WorkflowName};
use emboflow_protocol::http::notification::{NotificationRow, NotificationView, PauseBody};

use crate::api::{self, ApiError};
use crate::parts::act::use_act;
use crate::parts::banner::{Loading, Problem};
use crate::parts::dialog::Dialog;
use crate::parts::list::List;
use crate::parts::toast;
use crate::route::encode;

const ENDS: [RunState; 4] = [RunState::Failed, RunState::TimedOut, RunState::Cancelled, RunState::Succeeded];

/// What the form has been filled with; the server says what is wrong with it.
#[derive(Clone, Default, PartialEq)]
struct Filled {
    name: String,
    way: Way,
    url: String,
    secret: String,
    addresses: String,
    topic: String,
    states: Vec<RunState>,
    approvals: bool,
    workflows: String,
    description: String,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Way {
    #[default]
    Webhook,
    Email,
    Nats,
}

impl Way {
    const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Webhook, "webhook", "A signed webhook"),
        (Self::Email, "email", "Mail"),
        (Self::Nats, "nats", "A NATS subject"),
    ];
}

impl Filled {
    fn new() -> Self {
        Self { states: vec![RunState::Failed, RunState::TimedOut], ..Self::default() }
    }

    fn of(view: &NotificationView) -> Self {
        let spec = &view.spec;
        let mut filled = Self {
            name: view.name.to_string(),
            states: spec.states.iter().copied().collect(),
            approvals: spec.approvals,
            workflows: spec.workflows.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", "),
            description: spec.description.clone().unwrap_or_default(),
            ..Self::default()
        };
        match spec.to.clone() {
            Destination::Webhook { url, secret } => {
                (filled.way, filled.url, filled.secret) = (Way::Webhook, url, secret.to_string());
            }
            Destination::Email { addresses } => {
                (filled.way, filled.addresses) = (Way::Email, addresses.join(", "));
            }
            Destination::Nats { topic } => (filled.way, filled.topic) = (Way::Nats, topic),
        }
        filled
    }

    fn spec(&self) -> Result<NotificationSpec, ApiError> {
        let refuse = |error: emboflow_model::name::NotAName| ApiError::Strange(error.to_string());
        let to = match self.way {
            Way::Webhook => Destination::Webhook {
                url: self.url.trim().to_owned(),
                secret: self.secret.trim().parse().map_err(refuse)?,
            },
            Way::Email => {
                Destination::Email { addresses: words(&self.addresses).map(str::to_owned).collect() }
            }
            Way::Nats => Destination::Nats { topic: self.topic.trim().to_owned() },
        };
        let workflows = words(&self.workflows).map(WorkflowName::new).collect::<Result<_, _>>();
        let description = self.description.trim();
        Ok(NotificationSpec {
            to,
            states: self.states.iter().copied().collect(),
            approvals: self.approvals,
            workflows: workflows.map_err(refuse)?,
            description: (!description.is_empty()).then(|| description.to_owned()),
        })
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ', '\n']).map(str::trim).filter(|word| !word.is_empty())
}

#[component]
pub(super) fn Form(
    /// The notification to change; none = a new one.
    name: Option<String>,
    list: List<NotificationRow>,
    onclose: Callback<()>,
) -> Element {
    let title = match &name {
        None => "New notification".to_owned(),
        Some(name) => format!("Change {name}"),
    };
    rsx! {
        Dialog { label: title.clone(), onclose,
            match name {
                None => rsx! { Fields { title, before: Filled::new(), version: None, list, onclose } },
                Some(name) => rsx! { Fetched { title, name, list, onclose } },
            }
        }
    }
}

/// Reads what is to be changed, and which version of it.
#[component]
fn Fetched(title: String, name: String, list: List<NotificationRow>, onclose: Callback<()>) -> Element {
    let address = api::in_project(&format!("notifications/{}", encode(&name)));
    let mut asked = use_resource(move || {
        let address = address.clone();
        async move { api::get_versioned::<NotificationView>(&address).await }
    });
    let answer = asked.read().clone();
    match answer {
        None => rsx! { div { class: "dialog-body", Loading { rows: 4 } } },
        Some(Err(error)) => rsx! {
            div { class: "dialog-body", Problem { error, retry: move |()| asked.restart() } }
        },
        Some(Ok((view, version))) => {
            rsx! { Fields { title, before: Filled::of(&view), version, list, onclose } }
        }
    }
}

#[component]
fn Fields(
    title: String,
    before: Filled,
    version: Option<String>,
    list: List<NotificationRow>,
    onclose: Callback<()>,
) -> Element {
    let is_new = before.name.is_empty();
    let mut filled = use_signal(|| before);
    let act = use_act();
    let now = filled();
    let submit = move |event: Event<FormData>| {
        event.prevent_default();
        let (now, version) = (filled(), version.clone());
        let address = api::in_project(&format!("notifications/{}", encode(now.name.trim())));
        let is_taken = is_new && list.rows.peek().iter().any(|row| row.name.as_str() == now.name.trim());
        let set = async move {
            if is_taken {
                return Err(ApiError::Strange(format!(
                    "There is a notification '{}' already.",
                    now.name.trim()
                )));
            }
            let spec = now.spec()?;
            api::put_versioned::<NotificationView>(&address, version.as_deref(), &spec).await
        };
        act.start(set, move |kept| {
            toast::done(format!("{} tells of what happens from now on.", kept.name));
            list.reload();
            onclose.call(());
        });
    };
    rsx! {
        form { onsubmit: submit,
            div { class: "dialog-body",
                h2 { "{title}" }
                if is_new {
                    Text { id: "name", label: "Name", placeholder: "on-call", value: now.name.clone(), oninput: move |text| filled.write().name = text }
                }
                Ways { filled }
                Ends { filled }
                Text { id: "workflows", label: "Only these workflows", placeholder: "all of them", value: now.workflows.clone(), oninput: move |text| filled.write().workflows = text }
                Text { id: "description", label: "What it is for", value: now.description.clone(), oninput: move |text| filled.write().description = text }
                {act.refusal()}
            }
            div { class: "dialog-foot",
                button { class: "button", r#type: "button", onclick: move |_| onclose.call(()), "Cancel" }
                button { class: "button primary", r#type: "submit", disabled: act.is_busy() || (now.states.is_empty() && !now.approvals) || now.name.trim().is_empty(),
                    if is_new { "Make it" } else { "Change it" }
                }
            }
        }
    }
}

#[component]
fn Text(
    id: &'static str,
    label: &'static str,
    #[props(default)] placeholder: &'static str,
    value: String,
    oninput: Callback<String>,
) -> Element {
    rsx! {
        div { class: "field",
            label { r#for: "notification-{id}", "{label}" }
            input {
                id: "notification-{id}",
                class: "input",
                r#type: "text",
                autocomplete: "off",
                autocapitalize: "none",
                spellcheck: "false",
                placeholder,
                value,
                oninput: move |event| oninput.call(event.value()),
            }
        }
    }
}

/// Where it goes.
#[component]
fn Ways(filled: Signal<Filled>) -> Element {
    let mut filled = filled;
    let now = filled();
    rsx! {
        div { class: "field",
            label { r#for: "notification-way", "By" }
            select {
                id: "notification-way",
                class: "input",
                onchange: move |event| {
                    let chosen = Way::ALL.iter().find(|(_, word, _)| *word == event.value());
                    if let Some((way, ..)) = chosen {
                        filled.write().way = *way;
                    }
                },
                for (way, word, title) in Way::ALL {
                    option { value: word, selected: now.way == way, "{title}" }
                }
            }
        }
        match now.way {
            Way::Webhook => rsx! {
                Text { id: "url", label: "Address", placeholder: "https://hooks.example.org/emboflow", value: now.url.clone(), oninput: move |text| filled.write().url = text }
                Text { id: "secret", label: "Signed with the secret", placeholder: "hook-key", value: now.secret.clone(), oninput: move |text| filled.write().secret = text }
            },
            Way::Email => rsx! {
                Text { id: "addresses", label: "Addresses", placeholder: "you@example.org, team@example.org", value: now.addresses.clone(), oninput: move |text| filled.write().addresses = text }
            },
            Way::Nats => rsx! {
                Text { id: "topic", label: "Topic", placeholder: "ends", value: now.topic.clone(), oninput: move |text| filled.write().topic = text }
            },
        }
    }
}

/// Which ends are told, and whether people are asked.
#[component]
fn Ends(filled: Signal<Filled>) -> Element {
    let mut filled = filled;
    let (chosen, asks) = (filled.read().states.clone(), filled.read().approvals);
    rsx! {
        fieldset { class: "field",
            legend { "Tells of runs that" }
            for state in ENDS {
                label { class: "switch", key: "{state}",
                    input {
                        r#type: "checkbox",
                        checked: chosen.contains(&state),
                        onchange: move |event| {
                            let mut filled = filled.write();
                            filled.states.retain(|other| *other != state);
                            if event.checked() {
                                filled.states.push(state);
                            }
                        },
                    }
                    {in_words(state)}
                }
            }
            label { class: "switch",
                input {
                    r#type: "checkbox",
                    checked: asks,
                    onchange: move |event| filled.write().approvals = event.checked(),
                }
                "wait for a person to decide"
            }
        }
    }
}

fn in_words(state: RunState) -> &'static str {
    match state {
        RunState::Failed => "failed",
        RunState::TimedOut => "ran out of time",
        RunState::Cancelled => "were cancelled",
        _ => "succeeded",
    }
}

/// Asks why it is to stop for a while.
#[component]
pub(super) fn Pause(name: String, list: List<NotificationRow>, onclose: Callback<()>) -> Element {
    let mut reason = use_signal(String::new);
    let act = use_act();
    let address = api::in_project(&format!("notifications/{}/pause", encode(&name)));
    let submit = move |event: Event<FormData>| {
        event.prevent_default();
        let (address, body) = (address.clone(), PauseBody { reason: reason() });
        act.start(async move { api::post::<NotificationView>(&address, &body).await }, move |kept| {
            toast::done(format!("{} is paused.", kept.name));
            list.reload();
            onclose.call(());
        });
    };
    rsx! {
        Dialog { label: "Pause {name}", onclose,
            form { onsubmit: submit,
                div { class: "dialog-body",
                    h2 { "Pause " span { class: "mono", "{name}" } }
                    p { class: "soft", "What happens meanwhile is not told; what is under way waits." }
                    Text { id: "reason", label: "Why", value: reason(), oninput: move |text| reason.set(text) }
                    {act.refusal()}
                }
                div { class: "dialog-foot",
                    button { class: "button", r#type: "button", onclick: move |_| onclose.call(()), "Cancel" }
                    button { class: "button primary", r#type: "submit", disabled: act.is_busy() || reason.read().trim().is_empty(), "Pause it" }
                }
            }
        }
    }
}
