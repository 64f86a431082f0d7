//! Schedulers and their runs through the API. This test's own process stands in for a scheduler: it lives, holds the
//! place, writes the state, and answers on the control socket.
mod deleting;
mod starting;

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::Path,
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use axum::http::StatusCode;
use gpuyard_core::{
    model::{
        Amount, Bytes, Claim, ConfigKey, GpuRef, GpuUuid, Lang, Lease, Mode, OnFailure, Outcome, ProcessIdentity,
        QueueId, RetryConfig, RunId, Settings, TaskId, UniId,
    },
    queue::{Beginning, Entry, Event, Machine, QueuePlan, Run, RunState, TaskPlan},
    wire::{ControlRequest, ControlResponse, StopKind},
};
use gpuyard_exec::{clock, identity, place::Place};
use gpuyard_store::state::StateStore;
use serde_json::json;

use crate::{
    guard::{Principal, Via},
    live::Feed,
    supervise::News,
    yard::{SECRET, Yard, known, yard},
};

const KEY: ConfigKey = ConfigKey {
    mode: Mode::Single,
    index: 0,
};
const LONG: Duration = Duration::from_secs(30);

/// A run of two queues with two tasks each; the first task of queue 1 is at work.
struct Scheduler {
    machine: Machine,
    store: StateStore<Run, Entry>,
}

fn me() -> ProcessIdentity {
    identity::identity(std::process::id() as i32).unwrap()
}

/// One that was, and is no more.
fn dead() -> ProcessIdentity {
    ProcessIdentity { start_ticks: 1, ..me() }
}

impl Scheduler {
    fn begin(yard: &Yard, run_id: &str, scheduler: ProcessIdentity) -> Scheduler {
        Scheduler::with(yard, run_id, scheduler, |_| {})
    }

    fn with(yard: &Yard, run_id: &str, scheduler: ProcessIdentity, change: impl FnOnce(&mut Beginning)) -> Scheduler {
        let task = |name: &str| TaskPlan {
            commands: vec![format!("echo {name}")],
            gpu_count: 1,
            memory_gb: 1.0,
        };
        let queue = |id, names: [&str; 2]| QueuePlan {
            id: QueueId(id),
            tasks: names.map(task).into(),
        };
        let mut beginning = Beginning {
            run_id: RunId(run_id.into()),
            task_seed: format!("{run_id}-t"),
            node: identity::node(),
            owner: identity::owner(),
            scheduler,
            config: KEY,
            config_file: "/r/command/command_gpu.txt".into(),
            retry: RetryConfig::default(),
            on_failure: OnFailure::Stop,
            queues: vec![queue(1, ["a", "b"]), queue(2, ["c", "d"])],
        };
        change(&mut beginning);
        let machine = Machine::begin(beginning, None, clock::now());
        let mut run = machine.run().clone();
        let store = StateStore::create(&yard.app.root.state_dir(), &mut run).unwrap();
        Scheduler { machine, store }
    }

    fn happens(&mut self, event: Event) {
        let entry = Entry {
            seq: self.machine.run().seq + 1,
            at: clock::now(),
            event,
        };
        self.machine.apply(&entry);
        self.store.append(&entry, false).unwrap();
    }

    fn task(&self, queue: u64, place: usize) -> TaskId {
        self.machine.run().queues[&QueueId(queue)].processes[place]
            .task_id
            .clone()
    }

    fn place(&mut self, yard: &Yard, queue: u64, place: usize) -> UniId {
        let task_id = self.task(queue, place);
        let run_id = self.machine.run().run_id.clone();
        let folder = yard.app.root.task_folder(&run_id, &task_id, 1);
        let uni_id = UniId(format!("u-{task_id}"));
        std::fs::create_dir_all(&folder).unwrap();
        self.happens(Event::Placed {
            task_id,
            uni_id: uni_id.clone(),
            folder: yard.app.root.relative(&folder),
            log_path: yard.app.root.relative(&folder.join("output.log")),
            gpus: vec![GpuRef {
                index: 1,
                uuid: GpuUuid("x".into()),
            }],
        });
        std::fs::write(folder.join("output.log"), "one\ntwo\nthree\n").unwrap();
        uni_id
    }
}

/// Answers on the control socket, one answer a call, and tells what was asked.
fn control(yard: &Yard, answers: Vec<ControlResponse>) -> Receiver<ControlRequest> {
    let path = yard
        .app
        .host
        .socket_path(yard.app.root.path(), &KEY.to_string())
        .unwrap();
    let listener = UnixListener::bind(path).unwrap();
    let (asked, requests) = channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(stream.try_clone().unwrap())
                .read_line(&mut line)
                .unwrap();
            asked.send(serde_json::from_str(&line).unwrap()).unwrap();
            writeln!(stream, "{}", serde_json::to_string(&answer).unwrap()).unwrap();
        }
    });
    requests
}

fn hold(yard: &Yard) -> Place {
    Place::take(&yard.app.host, yard.app.root.path(), &KEY.to_string()).unwrap()
}

#[tokio::test]
async fn a_living_scheduler_is_shown_in_detail() {
    let yard = yard();
    let _place = hold(&yard);
    let mut scheduler = Scheduler::begin(&yard, "single_0-1", me());
    scheduler.place(&yard, 1, 0);
    let pid = std::process::id();
    let (_, body) = yard.ask(known("GET", "/api/scheduler/single/state", "")).await;
    assert_eq!(body, json!({"running": true, "pid": pid}));
    let (_, body) = yard.ask(known("GET", "/api/scheduler/state", "")).await;
    assert_eq!(body["single"]["0"], json!({"running": true, "pid": pid}));
    let (_, body) = yard.ask(known("GET", "/api/scheduler/running", "")).await;
    for (pointer, value) in [
        ("/schedulers/0/pid", json!(pid)),
        ("/schedulers/0/mode", json!("single")),
        ("/schedulers/0/state", json!("running")),
        ("/schedulers/0/total_tasks", json!(4)),
        ("/schedulers/0/running_tasks", json!(1)),
        ("/schedulers/0/gpus_used", json!([1])),
        ("/schedulers/0/gpu_assignments", json!({"1": 1})),
        ("/schedulers/0/queues/1/state", json!("running")),
        ("/schedulers/0/queues/1/current_task", json!("1/2: echo a")),
        ("/schedulers/0/queues/1/processes/1/reason/code", json!("QueueBusy")),
    ] {
        assert_eq!(body.pointer(pointer), Some(&value), "{pointer}");
    }
    // What happens is seen at the next look.
    let task_id = scheduler.task(1, 0);
    scheduler.happens(Event::Ended {
        task_id,
        outcome: Outcome::Exited { code: 0 },
        started_at: None,
        finished_at: None,
        peak_memory: None,
    });
    let (_, body) = yard.ask(known("GET", "/api/scheduler/running", "")).await;
    assert_eq!(body["schedulers"][0]["completed_tasks"], json!(1));
}

/// The next message of a topic.
async fn heard(feed: &mut Feed) -> serde_json::Value {
    let message = tokio::time::timeout(LONG, feed.next()).await.unwrap().unwrap();
    serde_json::from_str(&message.text).unwrap()
}

#[tokio::test]
async fn what_happens_in_a_run_is_told_task_by_task() {
    let yard = yard();
    let _place = hold(&yard);
    let mut scheduler = Scheduler::begin(&yard, "single_0-1", me());
    scheduler.place(&yard, 1, 0);
    yard.app.runs.refresh().unwrap();
    let who = Principal::owner(Via::Secret, 0);
    let mut all = Feed::new(&yard.app, who.clone(), Lang::En);
    let mut one = Feed::new(&yard.app, who, Lang::En);
    all.subscribe("schedulers", None).unwrap();
    one.subscribe("run:single_0-1", None).unwrap();
    let first = heard(&mut all).await;
    let head = &first["set"]["single_0"];
    assert_eq!(
        (&head["running"], &head["run"]["running_tasks"]),
        (&json!(true), &json!(1))
    );
    assert!(head["run"].get("queues").is_none(), "{head}");
    let whole = heard(&mut one).await;
    let (ended, next) = (scheduler.task(1, 0), scheduler.task(1, 1));
    let set = whole["set"].as_object().unwrap();
    assert_eq!(set.len(), 1 + 2 + 4, "the run, its queues, its tasks");
    assert_eq!(set["run"]["run_id"], "single_0-1");
    assert_eq!(
        (&set["queue:1"]["state"], set["queue:1"].get("processes")),
        (&json!("running"), None)
    );
    let task = &set[&format!("task:{ended}")];
    assert_eq!((&task["queue_id"], &task["state"]), (&json!(1), &json!("running")));
    assert_eq!(set[&format!("task:{next}")]["reason"]["code"], "QueueBusy");

    scheduler.happens(Event::Ended {
        task_id: ended.clone(),
        outcome: Outcome::Exited { code: 0 },
        started_at: None,
        finished_at: None,
        peak_memory: None,
    });
    yard.app.runs.refresh().unwrap();
    assert_eq!(heard(&mut all).await["set"]["single_0"]["run"]["completed_tasks"], 1);
    let change = heard(&mut one).await;
    let keys: Vec<&String> = change["set"].as_object().unwrap().keys().collect();
    assert!(
        keys.contains(&&format!("task:{ended}")) && keys.contains(&&"queue:1".to_owned()),
        "{keys:?}"
    );
    assert!(
        !keys
            .iter()
            .any(|key| *key == "queue:2" || key.ends_with(&*scheduler.task(2, 1).0)),
        "{keys:?}"
    );

    // Its files go: who listens is told that there is no more to hear.
    std::fs::remove_dir_all(yard.app.root.state_dir()).unwrap();
    std::fs::create_dir(yard.app.root.state_dir()).unwrap();
    yard.app.runs.refresh().unwrap();
    assert_eq!(heard(&mut all).await["removed"], json!(["single_0"]));
    assert_eq!(heard(&mut one).await["code"], "no_such_run");
}

#[tokio::test]
async fn reasons_are_told_in_the_callers_language() {
    let yard = yard();
    let mut scheduler = Scheduler::begin(&yard, "single_0-1", me());
    scheduler.place(&yard, 1, 0);
    let mut request = known("GET", "/api/scheduler/running", "");
    request.headers_mut().insert("accept-language", "zh".parse().unwrap());
    let (_, body) = yard.ask(request).await;
    let reason = &body["schedulers"][0]["queues"]["1"]["processes"][1]["reason"]["text"];
    assert_eq!(reason, "等待队列中前面的任务");
}

#[tokio::test]
async fn what_its_scheduler_left_is_interrupted_and_what_is_anothers_is_as_it_says() {
    let yard = yard();
    Scheduler::begin(&yard, "single_0-1", dead());
    Scheduler::with(&yard, "single_0-2", dead(), |beginning| {
        beginning.node.machine_id = "another machine".into();
        beginning.config.index = 7;
    });
    let (_, body) = yard.ask(known("GET", "/api/scheduler/running", "")).await;
    assert_eq!(body, json!({"schedulers": []}));
    let (_, body) = yard.ask(known("GET", "/api/scheduler/runs", "")).await;
    let shown: Vec<_> = body["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| (&run["run_id"], &run["state"]))
        .collect();
    assert_eq!(
        shown,
        [
            (&json!("single_0-2"), &json!("running")),
            (&json!("single_0-1"), &json!("interrupted"))
        ]
    );
    let (_, body) = yard
        .ask(known("GET", "/api/scheduler/runs?mode=single&config_index=0", ""))
        .await;
    assert_eq!(body["runs"].as_array().unwrap().len(), 1);
    let (status, _) = yard.ask(known("GET", "/api/scheduler/runs?mode=both", "")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn an_ended_run_keeps_its_tasks_for_whoever_asks() {
    let yard = yard();
    let mut scheduler = Scheduler::begin(&yard, "single_0-1", me());
    scheduler.happens(Event::Closed {
        state: RunState::Stopped,
    });
    let (_, body) = yard.ask(known("GET", "/api/scheduler/runs", "")).await;
    assert_eq!(
        (&body["runs"][0]["state"], &body["runs"][0]["queues"]),
        (&json!("stopped"), &json!({}))
    );
    let (_, body) = yard.ask(known("GET", "/api/scheduler/runs/single_0-1", "")).await;
    assert_eq!(body["queues"]["2"]["processes"][1]["commands"], json!(["echo d"]));
    for id in ["single_0-9", "..%2f..%2fpid", "%00"] {
        let (status, _) = yard.ask(known("GET", &format!("/api/scheduler/runs/{id}"), "")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{id}");
    }
}

#[tokio::test]
async fn a_stop_reaches_the_scheduler_by_config_and_by_pid() {
    let yard = yard();
    let _place = hold(&yard);
    let _scheduler = Scheduler::begin(&yard, "single_0-1", me());
    let asked = control(&yard, vec![ControlResponse::Done; 3]);
    let by_pid = format!("/api/scheduler/stop/{}", std::process::id());
    for (path, body, kind) in [
        ("/api/scheduler/single/stop", "", StopKind::Stop),
        (
            "/api/scheduler/single/stop?config_index=0",
            r#"{"drain":true}"#,
            StopKind::Drain,
        ),
        (&by_pid, r#"{"detach":true}"#, StopKind::Detach),
    ] {
        let (status, answer) = yard.ask(known("POST", path, body)).await;
        assert_eq!((status, &answer["success"]), (StatusCode::OK, &json!(true)), "{answer}");
        assert_eq!(asked.recv_timeout(LONG).unwrap(), ControlRequest::Stop { kind });
    }
    let (status, answer) = yard
        .ask(known(
            "POST",
            "/api/scheduler/single/stop",
            r#"{"drain":true,"detach":true}"#,
        ))
        .await;
    assert_eq!(
        (status, &answer["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("drain"))
    );
}

#[tokio::test]
async fn an_action_on_a_task_is_answered_as_its_scheduler_answers() {
    let yard = yard();
    let place = hold(&yard);
    let scheduler = Scheduler::begin(&yard, "single_0-1", me());
    let task_id = scheduler.task(2, 0);
    let no = ControlResponse::Conflict {
        message: "it is over".into(),
    };
    let asked = control(&yard, vec![ControlResponse::Done, no, ControlResponse::NotFound]);
    for (action, status, request) in [
        (
            "skip",
            200,
            ControlRequest::Skip {
                task_id: task_id.clone(),
            },
        ),
        (
            "retry",
            409,
            ControlRequest::Retry {
                task_id: task_id.clone(),
            },
        ),
        (
            "stop",
            404,
            ControlRequest::StopTask {
                task_id: task_id.clone(),
            },
        ),
    ] {
        let (got, body) = yard
            .ask(known("POST", &format!("/api/scheduler/tasks/{task_id}/{action}"), ""))
            .await;
        assert_eq!(got, status, "{action}: {body}");
        assert_eq!(asked.recv_timeout(LONG).unwrap(), request);
    }
    let (status, _) = yard
        .ask(known("POST", &format!("/api/scheduler/tasks/{task_id}/paint"), ""))
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = yard.ask(known("POST", "/api/scheduler/tasks/nobody/skip", "")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    drop(place);
    let (status, body) = yard
        .ask(known("POST", &format!("/api/scheduler/tasks/{task_id}/skip"), ""))
        .await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("not_running")));
}

#[tokio::test]
async fn a_scheduler_that_is_there_and_silent_is_said() {
    let yard = yard();
    let _place = hold(&yard);
    let (status, body) = yard.ask(known("POST", "/api/scheduler/single/stop", "")).await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("silent"))
    );
}

#[tokio::test]
async fn a_tasks_own_log_is_read_and_nothing_else() {
    let yard = yard();
    let mut scheduler = Scheduler::begin(&yard, "single_0-1", me());
    scheduler.place(&yard, 1, 0);
    let content = async |query: &str| {
        let (status, body) = yard
            .ask(known("GET", &format!("/api/log/content?mode=single&{query}"), ""))
            .await;
        (status.as_u16(), body["content"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(
        content("queue_id=1&process_index=0").await,
        (200, "one\ntwo\nthree\n".into())
    );
    assert_eq!(content("queue_id=1&tail_lines=1").await, (200, "three\n".into()));
    assert_eq!(content("queue_id=1&line=2&count=1").await, (200, "two\n".into()));
    assert_eq!(content("queue_id=1&offset=4&limit=3").await, (200, "two".into()));
    assert_eq!(content("queue_id=1&attempt=1&run_id=single_0-1").await.0, 200);
    assert_eq!(content("queue_id=1&attempt=2").await.0, 404);
    assert_eq!(content("queue_id=2").await.0, 404, "it has not run");
    assert_eq!(content("queue_id=9").await.0, 404);
    assert_eq!(content("queue_id=1&process_index=-1").await.0, 422);
    assert_eq!(content("").await.0, 404, "the scheduler's own, which is not there");
    // A link in the place of the log leads nowhere.
    let log = yard
        .app
        .root
        .task_folder(&RunId("single_0-1".into()), &scheduler.task(1, 0), 1)
        .join("output.log");
    std::fs::remove_file(&log).unwrap();
    std::os::unix::fs::symlink(yard.app.root.settings_path(), &log).unwrap();
    std::fs::write(yard.app.root.settings_path(), SECRET).unwrap();
    let (status, body) = yard
        .ask(known("GET", "/api/log/content?mode=single&queue_id=1", ""))
        .await;
    assert!(status != StatusCode::OK && !body.to_string().contains(SECRET), "{body}");
}
