//! The server: whether one runs, whether it answers, what it says of its parts, whether the clocks agree.

use emboflow_model::executor::ExecutorState;
use emboflow_protocol::http::{CheckView, ExecutorView};
use reqwest::{Method, StatusCode, header};
use serde::Deserialize;

use super::{Finding, Verdict, tree};
use crate::cli::Shared;
use crate::client::Client;
use crate::process::Identity;
use crate::text;
use crate::up_json::UpJson;

/// Clocks that are further apart make durations and sign-in go wrong.
const APART_AT_MOST_S: i64 = 30;

#[derive(Deserialize)]
struct Ready {
    checks: Vec<CheckView>,
}

pub(super) async fn look(shared: &Shared) -> Vec<Finding> {
    if shared.is_local() {
        match UpJson::read(shared.data_dir()) {
            Err(error) => return vec![Finding::new("up.json", Verdict::Failed, format!("{error:#}"))],
            Ok(None) => {
                let detail = format!("no emboflow up runs on {}", shared.data_dir().display());
                return vec![
                    Finding::new("server", Verdict::Skipped, detail).with_hint("start it with `emboflow up`"),
                ];
            }
            Ok(Some(up)) if Identity::of(up.pid).is_none() => {
                let detail = format!("up.json names process {}, which has ended without removing it", up.pid);
                return vec![
                    Finding::new("up.json", Verdict::Failed, detail).with_hint("start `emboflow up` again"),
                ];
            }
            Ok(Some(_)) => {}
        }
    }
    match shared.client() {
        Err(failure) => vec![Finding::new("server", Verdict::Failed, failure.reason())],
        Ok(client) => ask(&client).await,
    }
}

async fn ask(client: &Client) -> Vec<Finding> {
    // Not through `send`: a server that is not ready answers 503 with what is wrong.
    let url = format!("{}/ready", client.server());
    let Ok(url) = url.parse() else { return Vec::new() };
    let response = match client.request(Method::GET, url).send().await {
        Err(error) => {
            let detail = client.unreachable(&error).reason();
            let hint = "is it up, and is the address right?";
            return vec![Finding::new("server", Verdict::Failed, detail).with_hint(hint)];
        }
        Ok(response) => response,
    };
    let clock = clock(response.headers().get(header::DATE).and_then(|date| date.to_str().ok()));
    let is_ready = response.status() == StatusCode::OK;
    let verdict = if is_ready { Verdict::Ok } else { Verdict::Failed };
    let said = if is_ready { "answers and is ready" } else { "answers, but is not ready" };
    let mut findings = vec![Finding::new("server", verdict, format!("{} {said}", client.server()))];
    let ready = response.json::<Ready>().await;
    findings.extend(clock);
    match tree::look(client).await {
        Some(parts) => findings.extend(parts),
        None => {
            findings.extend(ready.into_iter().flat_map(|ready| ready.checks).map(part));
            findings.push(executors(client).await);
        }
    }
    findings
}

fn part(check: CheckView) -> Finding {
    let verdict = if check.ok { Verdict::Ok } else { Verdict::Failed };
    Finding::new(&format!("· {}", check.name), verdict, check.detail)
}

async fn executors(client: &Client) -> Finding {
    let executors: Vec<ExecutorView> = match client.list(client.global(&["executors"]), usize::MAX).await {
        Ok(executors) => executors,
        Err(failure) => return Finding::new("executors", Verdict::Failed, failure.reason()),
    };
    let takes_work =
        |executor: &&ExecutorView| executor.online && executor.heartbeat.state == ExecutorState::Online;
    let online = executors.iter().filter(takes_work).count();
    let detail = format!("{online} of {} take work", executors.len());
    if online == 0 {
        let hint = "tasks wait; the container engine above may be why";
        return Finding::new("executors", Verdict::Failed, detail).with_hint(hint);
    }
    Finding::new("executors", Verdict::Ok, detail)
}

/// Compares the server's clock with ours; none when it does not tell.
fn clock(date: Option<&str>) -> Option<Finding> {
    let theirs = http_date_s(date?)?;
    let apart = (text::now().0 / 1_000 - theirs).abs();
    let detail = format!("this machine and the server are {apart} s apart");
    Some(if apart <= APART_AT_MOST_S {
        Finding::new("clock", Verdict::Ok, detail)
    } else {
        Finding::new("clock", Verdict::Failed, detail).with_hint("let NTP set both clocks")
    })
}

/// Unix seconds of an HTTP date in its only current form: `Sat, 21 Nov 2026 14:00:00 GMT`.
fn http_date_s(date: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = date.split(' ').skip(1);
    let day: u32 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|known| *known == month)? + 1;
    let year: u32 = words.next()?.parse().ok()?;
    let time = words.next()?;
    let moment: emboflow_model::Timestamp = format!("{year:04}-{month:02}-{day:02}T{time}Z").parse().ok()?;
    Some(moment.0 / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_are_compared_by_the_date_of_an_answer() {
        assert_eq!(http_date_s("Sat, 21 Nov 2026 13:00:00 GMT"), Some(1_795_266_000));
        assert_eq!(http_date_s("yesterday"), None);
        assert_eq!(clock(Some("Thu, 01 Jan 2004 00:00:00 GMT")).unwrap().verdict, Verdict::Failed);
        assert!(clock(None).is_none());
    }
}
