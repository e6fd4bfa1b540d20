//! The runs of a schedule's past times: the range, what it would start, and the start.

use dioxus::prelude::*;
use emboflow_model::Timestamp;
use emboflow_protocol::http::trigger::{BackfillBody, FiredView, TriggerTimes};

use super::of_trigger;
use super::times::TimeTable;
use crate::api::{self, ApiError};
use crate::parts::act::use_act;
use crate::parts::ask::Ask;
use crate::parts::banner::Problem;
use crate::parts::toast;
use crate::route::encode;
use crate::{browser, format};

/// What is proposed: the last day.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Times that the preview names.
const NAMED: usize = 5;

/// A moment as a field for one takes it, in the viewer's zone.
fn field_text(ms: i64) -> String {
    browser::local_time(ms).replace(' ', "T").chars().take("2026-11-21T06:00".len()).collect()
}

async fn preview(name: &str, range: Option<BackfillBody>) -> Option<Result<TriggerTimes, ApiError>> {
    let BackfillBody { from, to } = range?;
    let (from, to) = (encode(&from.to_string()), encode(&to.to_string()));
    Some(api::get(&of_trigger(name, &format!("times?limit={NAMED}&from={from}&to={to}"))).await)
}

#[component]
pub(super) fn Backfill(name: String, onclose: Callback<()>, onfired: Callback<()>) -> Element {
    let mut from = use_signal(|| field_text(browser::now_ms() - DAY_MS));
    let mut to = use_signal(|| field_text(browser::now_ms()));
    let act = use_act();
    let range = use_memo(move || {
        let moment = |text: &str| browser::moment(text).map(Timestamp);
        Some(BackfillBody { from: moment(&from.read())?, to: moment(&to.read())? })
    });
    let of = name.clone();
    let seen = use_resource(move || {
        let (name, range) = (of.clone(), range());
        async move { preview(&name, range).await }
    });
    let answer = seen.read().clone().flatten();
    let count = match &answer {
        Some(Ok(times)) => u64::from(times.in_range.unwrap_or(0)),
        _ => 0,
    };
    let submit = move |()| {
        let Some(body) = range() else { return };
        let address = of_trigger(&name, "backfill");
        let start = async move { api::post::<FiredView>(&address, &body).await };
        act.start(start, move |fired| {
            toast::done(format!("{} requested.", format::count(fired.keys.len() as u64, "run")));
            onfired.call(());
            match fired.more_after {
                // What has been started is started no second time.
                Some(after) => from.set(field_text(after.0)),
                None => onclose.call(()),
            }
        });
    };
    let zone = browser::zone(browser::now_ms());
    rsx! {
        Ask {
            title: "Backfill",
            text: "Starts the runs of past times that have none yet, whatever the policy for overlaps says.",
            verb: if count > 0 { format!("Start {}", format::count(count, "run")) } else { "Start".to_owned() },
            act,
            ready: count > 0,
            onclose,
            onsubmit: submit,
            Moment { id: "backfill-from", label: "From ({zone})", text: from(), onchange: move |text| from.set(text) }
            Moment { id: "backfill-to", label: "To", text: to(), onchange: move |text| to.set(text) }
            div { role: "status",
                match answer {
                    None if range().is_none() => rsx! { p { class: "wrong", "Both ends are a day and a time." } },
                    None => rsx! {},
                    Some(Err(error)) => rsx! { Problem { error } },
                    Some(Ok(times)) => rsx! { Preview { times } },
                }
            }
        }
    }
}

#[component]
fn Moment(id: String, label: String, text: String, onchange: Callback<String>) -> Element {
    rsx! {
        div { class: "field",
            label { r#for: "{id}", "{label}" }
            input {
                id: "{id}",
                class: "input",
                r#type: "datetime-local",
                value: "{text}",
                oninput: move |event| onchange.call(event.value()),
            }
        }
    }
}

#[component]
fn Preview(times: TriggerTimes) -> Element {
    let count = times.in_range.unwrap_or(0);
    if count == 0 {
        return rsx! { p { class: "soft", "The table has no time in that range." } };
    }
    let rest = count.saturating_sub(times.times.len() as u32);
    rsx! {
        p { class: "soft", {format::count(count.into(), "time")} " in that range, by the table:" }
        TimeTable { timezone: times.timezone, times: times.times }
        if rest > 0 {
            p { class: "soft", "and {rest} more." }
        }
        if let Some(after) = times.more_after {
            p { class: "soft", "The range has more: these are as many as are started at once, up to {after}." }
        }
    }
}
