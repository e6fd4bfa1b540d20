//! What all lists have in common.

use emboflow_model::{LogEntry, Timestamp};
use emboflow_records::WorkflowVersion;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{History, World, answer};

#[tokio::test]
async fn a_project_that_is_full_of_workflows_takes_no_more_but_changes_those_it_has() {
    let world = World::start().await;
    let file = |name: &str, image: &str| json!({ "source": format!("version: 1\nname: {name}\ntasks: {{ a: {{ image: {image} }} }}\n") });
    let put = async |name: &str, image: &str| {
        let path = format!("/api/v1/projects/default/workflows/{name}");
        let (status, answered) = answer(world.request(Method::PUT, &path).json(&file(name, image))).await;
        (status.as_u16(), answered["code"].as_str().map(str::to_owned))
    };
    let fill = (0..1_000).map(|n| {
        let name = emboflow_model::WorkflowName::new(format!("w-{n}")).unwrap();
        let (project, digest) = ("default".parse().unwrap(), format!("sha256:{n}"));
        let kept = WorkflowVersion::to_put(project, name, digest, "text".into(), None, Timestamp(1));
        world.records.put_workflow(kept)
    });
    assert!(futures::future::join_all(fill).await.iter().all(Result::is_ok));
    assert_eq!(put("one-more", "a").await, (409, Some("workflow.too_many".to_owned())));
    assert_eq!(put("w-7", "a").await, (200, None));
    world.end().await;
}

#[tokio::test]
async fn a_page_links_to_the_next_one_with_every_other_parameter_until_the_last() {
    let world = World::start().await;
    let mut history = History::new();
    let mut entries = Vec::new();
    for number in 0..5 {
        entries.push(history.accept("default", &format!("k{number}"), b"{}", &[("train", Some(3))]));
    }
    let run = entries[0].run;
    entries.push(history.dispatch(&entries[0], "train[0]"));
    world.decide(entries.into_iter().map(LogEntry::Transition).collect()).await;
    world.project().await;
    let lists = [
        ("/api/v1/projects/default/runs".to_owned(), "label=team%3Dvision&limit=2", vec![2, 2, 1]),
        (format!("/api/v1/projects/default/runs/{run}/tasks"), "limit=2&name=train", vec![2, 1]),
        (format!("/api/v1/projects/default/runs/{run}/history"), "limit=1", vec![1, 1]),
    ];
    for (path, query, expected) in lists {
        let first = format!("{}{path}?{query}", world.api.url());
        let (mut next, mut sizes) = (Some(reqwest::Url::parse(&first).unwrap()), Vec::new());
        while let Some(url) = next.take() {
            let address = format!("{}?{}", url.path(), url.query().unwrap());
            let response = world.request(Method::GET, &address).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{address}");
            let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
            let page: serde_json::Value = response.json().await.unwrap();
            sizes.push(page["items"].as_array().unwrap().len());
            assert_eq!(link.is_some(), page["next"].is_string(), "{address}");
            next = link.map(|link| {
                let target = link.strip_suffix(">; rel=\"next\"").unwrap().strip_prefix('<').unwrap();
                url.join(target).unwrap()
            });
        }
        assert_eq!(sizes, expected, "{path}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_list_by_name_is_read_page_by_page_in_the_order_of_the_names() {
    let world = World::start().await;
    for name in ["c", "a", "e", "b", "d"] {
        let body = serde_json::json!({"name": name, "powers": {}});
        let (status, made) = answer(world.request(Method::POST, "/api/v1/services").json(&body)).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
    }
    let (mut cursor, mut pages) = (String::new(), Vec::new());
    loop {
        let (status, page) = world.get(&format!("/api/v1/services?limit=2{cursor}")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let names = page["items"].as_array().unwrap().iter();
        pages.push(names.map(|one| one["name"].as_str().unwrap().to_owned()).collect::<String>());
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(pages, ["ab", "cd", "e"]);
    world.end().await;
}

#[tokio::test]
async fn a_history_of_ten_thousand_decisions_is_read_page_by_page() {
    let world = World::start().await;
    let mut history = History::new();
    let accepted = history.accept("default", "k", b"{}", &[("train", None)]);
    let mut all = vec![accepted.clone()];
    for _ in 1..10_000 {
        let next = history.next(all.last().unwrap(), Vec::new());
        all.push(next);
    }
    world.decide(all.into_iter().map(LogEntry::Transition).collect()).await;
    world.project().await;
    let path = format!("/api/v1/projects/default/runs/{}/history?limit=500", accepted.run);
    let (mut cursor, mut numbers) = (String::new(), Vec::new());
    loop {
        let (status, page) = world.get(&format!("{path}{cursor}")).await;
        assert_eq!(status, StatusCode::OK);
        numbers.extend(page["items"].as_array().unwrap().iter().map(|one| one["number"].as_u64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(numbers, (1..=10_000).collect::<Vec<_>>());
    world.end().await;
}

#[tokio::test]
async fn what_a_list_does_not_understand_is_refused_with_what_was_probably_meant() {
    let world = World::start().await;
    let accepted = History::new().accept("default", "k", b"{}", &[("train", None)]);
    let run = format!("/api/v1/projects/default/runs/{}", accepted.run);
    world.decide(vec![LogEntry::Transition(accepted)]).await;
    let runs = "/api/v1/projects/default/runs".to_owned();
    let paged = [
        runs.clone(),
        format!("{run}/tasks"),
        format!("{run}/history"),
        format!("{run}/artifacts"),
        "/api/v1/projects/default/workflows".to_owned(),
        "/api/v1/projects/default/secrets".to_owned(),
        "/api/v1/projects/default/triggers".to_owned(),
        "/api/v1/projects/default/notifications".to_owned(),
    ];
    for path in &paged {
        assert_eq!(
            world.get(&format!("{path}?cursor=&limit=1")).await.0,
            StatusCode::OK,
            "empty is none: {path}"
        );
        for bad in [
            "limit=0",
            "limit=-1",
            "limit=1001",
            "limit=4294967296",
            "limit=",
            "limit=x",
            "cursor=%00",
            "cursor=No%20Cursor",
            "cursor=%ff",
            "limit=1&limit=2",
            "limti=3",
        ] {
            let (status, problem) = world.get(&format!("{path}?{bad}")).await;
            assert_eq!(
                (status, problem["code"].as_str()),
                (StatusCode::BAD_REQUEST, Some("request.invalid")),
                "{path}?{bad}: {problem}"
            );
        }
    }
    let hints = [
        (format!("{runs}?stat=failed"), "did you mean `state`?"),
        (format!("{runs}?state=faild"), "did you mean `failed`?"),
        (format!("{runs}?sort=-creatd"), "did you mean `created`?"),
        (format!("{run}/tasks?state=runing,activ"), ""),
        (format!("{run}/tasks?state=activ"), "did you mean `active`?"),
        (format!("{run}?verbose=1"), ""),
        ("/api/v1/executors?limit=3".to_owned(), ""),
        ("/api/v1/events?projcet=default".to_owned(), "did you mean `project`?"),
    ];
    for (address, hint) in hints {
        let (status, problem) = world.get(&address).await;
        assert_eq!(
            (status, problem["code"].as_str()),
            (StatusCode::BAD_REQUEST, Some("request.invalid")),
            "{address}"
        );
        assert_eq!(problem["hint"].as_str().unwrap_or_default(), hint, "{address}: {problem}");
    }
    let submit =
        world.request(Method::POST, &format!("{runs}?dry_run=true")).body("{}").send().await.unwrap();
    assert_eq!(submit.status(), StatusCode::BAD_REQUEST, "not passed over: it would be a real run");
    world.end().await;
}
