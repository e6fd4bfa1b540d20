//! The uploads of the project: files that people bring in for tasks.

mod send;

use dioxus::prelude::*;
use emboflow_model::UploadName;
use emboflow_model::access::Role;
use emboflow_protocol::http::upload::UploadView;

use crate::api::{self, ApiError};
use crate::format;
use crate::me;
use crate::parts::act::{Act, Confirm, use_act};
use crate::parts::banner::Empty;
use crate::parts::list::{List, use_list};
use crate::parts::text::Ago;
use crate::parts::toast;
use crate::place::PLACE;
use crate::route::encode;

/// The field in which files are chosen, or onto which they are dropped.
const FIELD: &str = "upload-file";

#[component]
pub(crate) fn Uploads() -> Element {
    let list = use_list("upload", || api::of_project(PLACE.read().project(), "uploads"));
    let may_upload = me::may_in_project(Role::Developer);
    rsx! {
        div { class: "page-head",
            div {
                h1 { "Uploads" }
                p { class: "lead", "Files for tasks. A run uses the version that is the newest when it begins." }
            }
        }
        if may_upload {
            Chooser { list }
        }
        {list.shown(
            rsx! {
                Empty { title: "The project has no uploads",
                    p { "A task takes one in by its name:" }
                    code { "inputs: {{ data: {{ upload: data.csv }} }}" }
                    p { "It finds the file below " code { "$INPUT_DATA" } "." }
                }
            },
            rsx! { Table { list, may_upload } },
        )}
    }
}

/// What is being sent.
#[derive(Clone, PartialEq)]
struct Sending {
    name: UploadName,
    percent: u32,
}

#[component]
fn Chooser(list: List<UploadView>) -> Element {
    let mut sending = use_signal(|| None::<Sending>);
    let act = use_act();
    let chosen = move |_| {
        let work = async move {
            let outcome = send_all(sending, list).await;
            sending.set(None);
            send::clear(FIELD);
            outcome
        };
        act.start(work, move |count: u32| {
            toast::done(format!("{} uploaded.", format::count(count.into(), "file")));
        });
    };
    let shown = sending.read().clone();
    rsx! {
        div { class: "field",
            label { r#for: FIELD, "Upload files: choose them, or drop them here" }
            input {
                id: FIELD,
                class: "input drop",
                r#type: "file",
                multiple: true,
                disabled: act.is_busy(),
                onchange: chosen,
            }
            p { class: "hint", role: "status",
                if let Some(Sending { name, percent }) = shown {
                    "Uploading {name}: {percent} %"
                } else {
                    "A file of the same name becomes another version."
                }
            }
        }
        {act.refusal()}
    }
}

/// Sends the chosen files, one after the other; gives how many. What has been sent stays when another one fails.
async fn send_all(mut sending: Signal<Option<Sending>>, list: List<UploadView>) -> Result<u32, ApiError> {
    let mut count = 0;
    for file in send::chosen(FIELD) {
        let file_name = file.name();
        let Some(name) = UploadName::of_file(&file_name) else {
            return Err(ApiError::Strange(format!(
                "{file_name} gives no name for an upload: give it another one"
            )));
        };
        sending.set(Some(Sending { name: name.clone(), percent: 0 }));
        let progress = move |percent| {
            if let Some(sending) = sending.write().as_mut() {
                sending.percent = percent;
            }
        };
        send::send(name, &file, progress).await?;
        count += 1;
        list.reload();
    }
    Ok(count)
}

#[component]
fn Table(list: List<UploadView>, may_upload: bool) -> Element {
    let asks = use_signal(|| None::<UploadName>);
    let act = use_act();
    rsx! {
        div { class: "table-wrap",
            table {
                thead {
                    tr {
                        th { scope: "col", "Upload" }
                        th { scope: "col", class: "right", "Size" }
                        th { scope: "col", "Uploaded" }
                        th { scope: "col", class: "hide-s", "By" }
                        if may_upload {
                            th { scope: "col", span { class: "visually-hidden", "Remove it" } }
                        }
                    }
                }
                tbody {
                    for upload in list.rows.read().iter() {
                        Row { key: "{upload.name}", upload: upload.clone(), may_upload, asks }
                    }
                }
            }
        }
        if let Some(name) = asks() {
            Removal { name, asks, act, list }
        }
    }
}

#[component]
fn Row(upload: UploadView, may_upload: bool, asks: Signal<Option<UploadName>>) -> Element {
    let mut asks = asks;
    let name = upload.name.clone();
    let asked = name.clone();
    rsx! {
        tr { "data-upload": "{name}",
            td { class: "mono", "{name}" }
            td { class: "right num", {format::bytes(upload.size_bytes)} }
            td { Ago { at: upload.uploaded_at } }
            td { class: "mono hide-s", "{upload.uploaded_by}" }
            if may_upload {
                td { class: "right",
                    button { class: "button small", r#type: "button", "aria-label": "Remove {name}",
                        onclick: move |_| asks.set(Some(asked.clone())),
                        "Remove"
                    }
                }
            }
        }
    }
}

#[component]
fn Removal(name: UploadName, asks: Signal<Option<UploadName>>, act: Act, list: List<UploadView>) -> Element {
    let mut asks = asks;
    let address = api::in_project(&format!("uploads/{}", encode(name.as_str())));
    rsx! {
        Confirm {
            title: "Remove the upload {name}?",
            text: "All its versions go. Runs that have not read it yet fail.",
            verb: "Remove it",
            act,
            onclose: move |()| asks.set(None),
            onconfirm: move |()| {
                let address = address.clone();
                act.start(async move { api::delete(&address).await }, move |()| {
                    asks.set(None);
                    toast::done("The upload is removed.");
                    list.reload();
                });
            },
        }
    }
}
