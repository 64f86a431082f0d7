//! The hub with a source that is played, and the topics of a daemon in a folder.
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::{
    guard::{Principal, Via},
    yard::{Yard, sent, yard},
};

/// Longer than anything here takes; a test that fails says so instead of hanging.
const LONG: Duration = Duration::from_secs(30);

/// Says what it is told to say.
struct Played {
    now: Value,
    next: mpsc::UnboundedReceiver<Result<Value, ApiError>>,
    reads: Arc<AtomicUsize>,
    trouble: Option<ApiError>,
}

impl Source for Played {
    fn read(&mut self, draft: &mut Draft) -> Result<(), ApiError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if let Some(trouble) = self.trouble.take() {
            return Err(trouble);
        }
        for (key, value) in self.now.as_object().unwrap() {
            draft.put(key, value)?;
        }
        Ok(())
    }

    fn changed(&mut self) -> Wait<'_> {
        Box::pin(async {
            match self.next.recv().await {
                Some(Ok(next)) => self.now = next,
                Some(Err(trouble)) => self.trouble = Some(trouble),
                None => std::future::pending().await,
            }
        })
    }
}

struct Play {
    yard: Yard,
    say: mpsc::UnboundedSender<Result<Value, ApiError>>,
    reads: Arc<AtomicUsize>,
    topic: Arc<Topic>,
}

/// A topic `played`, in English.
fn play(first: Value) -> Play {
    let yard = yard();
    let (say, next) = mpsc::unbounded_channel();
    let reads = Arc::<AtomicUsize>::default();
    let topic = Topic::begin(Box::new(Played {
        now: first,
        next,
        reads: Arc::clone(&reads),
        trouble: None,
    }));
    let mut topics = yard.app.live.topics.lock().unwrap();
    topics.insert(("played".into(), Lang::En), Arc::downgrade(&topic));
    drop(topics);
    Play {
        yard,
        say,
        reads,
        topic,
    }
}

fn feed(yard: &Yard) -> Feed {
    Feed::new(&yard.app, Principal::owner(Via::Secret, 0), Lang::En)
}

async fn next(feed: &mut Feed) -> Value {
    loop {
        let message = tokio::time::timeout(LONG, feed.next()).await.unwrap().unwrap();
        if message.op != "ping" {
            let said: Value = serde_json::from_str(&message.text).unwrap();
            assert_eq!(said["op"], message.op);
            return said;
        }
    }
}

#[tokio::test]
async fn a_snapshot_comes_first_then_changes_with_numbers() {
    let play = play(json!({"a": 1, "b": 2}));
    let (mut one, mut two) = (feed(&play.yard), feed(&play.yard));
    one.subscribe("played", None).unwrap();
    let snapshot = json!({"op": "snapshot", "topic": "played", "seq": 1, "part": 1, "of": 1, "set": {"a": 1, "b": 2}});
    assert_eq!(next(&mut one).await, snapshot);
    play.say.send(Ok(json!({"a": 3}))).unwrap();
    let change = json!({"op": "change", "topic": "played", "seq": 2, "set": {"a": 3}, "removed": ["b"]});
    assert_eq!(next(&mut one).await, change);
    // Who comes later is told how it stands, with numbers of its own.
    two.subscribe("played", None).unwrap();
    assert_eq!(next(&mut two).await["set"], json!({"a": 3}));
    play.say.send(Ok(json!({"a": 4}))).unwrap();
    assert_eq!(next(&mut one).await["seq"], 3);
    assert_eq!(next(&mut two).await["seq"], 2);
    assert_eq!(
        play.reads.load(Ordering::Relaxed),
        3,
        "one reading a change, however many listen"
    );
    // Begun anew, the numbers go on.
    one.subscribe("played", None).unwrap();
    let again = next(&mut one).await;
    assert_eq!((&again["op"], &again["seq"]), (&json!("snapshot"), &json!(4)));
}

#[tokio::test(start_paused = true)]
async fn a_rate_brings_the_newest_of_what_was_missed() {
    let play = play(json!({"a": 0}));
    let mut feed = feed(&play.yard);
    feed.subscribe("played", Some(3.0)).unwrap();
    next(&mut feed).await;
    let began = tokio::time::Instant::now();
    for count in 1..=5 {
        play.say.send(Ok(json!({"a": count, "b": count % 2}))).unwrap();
    }
    let mut said = next(&mut feed).await;
    assert!(began.elapsed() >= Duration::from_secs(3));
    while said["set"]["a"] != 5 {
        said = next(&mut feed).await;
    }
    assert!(said["seq"].as_u64().unwrap() < 6, "messages were put together: {said}");
    let refused = [0.1, 0.0, -1.0, f64::NAN, 61.0].map(|rate| feed.subscribe("played", Some(rate)).unwrap_err().code);
    assert_eq!(refused, ["invalid"; 5]);
}

#[tokio::test]
async fn a_topic_ends_with_its_last_listener() {
    let Play { yard, say, topic, .. } = play(json!({}));
    let mut feed = feed(&yard);
    feed.subscribe("played", None).unwrap();
    assert_eq!(
        next(&mut feed).await["set"],
        json!({}),
        "an empty topic has a snapshot too"
    );
    drop(topic);
    assert!(!say.is_closed());
    feed.unsubscribe("played");
    tokio::time::timeout(LONG, say.closed()).await.unwrap();
    assert_eq!(feed.subscribe("played", None).unwrap_err().code, "no_such_topic");
}

#[tokio::test]
async fn trouble_is_told_once_and_leaves_what_there_was() {
    let play = play(json!({"a": 1}));
    let mut feed = feed(&play.yard);
    feed.subscribe("played", None).unwrap();
    next(&mut feed).await;
    let full = || ApiError::conflict("full", "the disk is full", "磁盘已满");
    play.say.send(Err(full())).unwrap();
    let told = json!({"op": "error", "topic": "played", "code": "full", "message": "the disk is full"});
    assert_eq!(next(&mut feed).await, told);
    play.say.send(Err(full())).unwrap();
    play.say.send(Ok(json!({"a": 2}))).unwrap();
    assert_eq!(next(&mut feed).await["set"], json!({"a": 2}), "not told twice");
    let gone = ApiError::not_found("no_such_run", "gone", "没有");
    play.say.send(Err(gone)).unwrap();
    assert_eq!(next(&mut feed).await["code"], "no_such_run");
    assert!(feed.heard_names().is_empty(), "there is nothing more to hear of it");
}

#[tokio::test]
async fn who_is_no_longer_let_in_hears_nothing_more() {
    let play = play(json!({}));
    let peer = crate::guard::peer::Peer::known("127.0.0.1:1".parse().unwrap(), None);
    let (_, fresh) = play.yard.app.guard.login(crate::yard::SECRET, &peer).await.unwrap();
    let principal = play
        .yard
        .app
        .guard
        .enter(Some(&fresh.unwrap().token), &peer)
        .await
        .unwrap();
    let mut feed = Feed::new(&play.yard.app, principal.clone(), Lang::En);
    feed.subscribe("played", None).unwrap();
    next(&mut feed).await;
    play.yard.app.guard.logout(&principal);
    let end = tokio::time::timeout(LONG, feed.next()).await.unwrap();
    assert_eq!(end.unwrap_err(), Stop::Out);
    let mut other = self::feed(&play.yard);
    play.yard.end.send_replace(true);
    let end = tokio::time::timeout(LONG, other.next()).await.unwrap();
    assert_eq!(end.unwrap_err(), Stop::End);
}

#[tokio::test(start_paused = true)]
async fn a_sign_of_life_comes_in_time() {
    let yard = yard();
    let mut feed = feed(&yard);
    let began = tokio::time::Instant::now();
    let message = feed.next().await.unwrap();
    assert_eq!((message.op, began.elapsed()), ("ping", limits::HEARTBEAT));
}

#[tokio::test]
async fn one_connection_listens_to_so_many_topics_and_no_more() {
    let yard = yard();
    let mut feed = feed(&yard);
    for count in 0..limits::TOPICS_EACH {
        feed.subscribe(&format!("run:{count}"), None).unwrap();
    }
    assert_eq!(feed.subscribe("gpu", None).unwrap_err().code, "too_many_topics");
}

#[tokio::test]
async fn gpus_come_apart() {
    let yard = yard();
    let mut feed = feed(&yard);
    feed.subscribe("gpu", None).unwrap();
    let mut set = next(&mut feed).await["set"].as_object().unwrap().clone();
    // The first reading, or the first look at the host, may still be under way.
    while set["report"]["gpu_count"] == 0 || set["host"]["cpu"]["count"].is_null() {
        set.extend(next(&mut feed).await["set"].as_object().unwrap().clone());
    }
    assert_eq!(set["report"]["gpu_count"], 2);
    assert!(set["report"].get("gpus").is_none() && set["report"].get("host").is_none());
    assert!(set["host"]["cpu"]["count"].is_u64());
    let gpus: Vec<&String> = set
        .keys()
        .filter(|key| !["report", "host"].contains(&key.as_str()))
        .collect();
    assert_eq!(gpus.len(), 2);
    assert!(gpus.iter().all(|uuid| set[*uuid]["uuid"] == **uuid));
}

#[tokio::test]
async fn files_are_told_when_they_change_and_when_they_come() {
    let yard = yard();
    let command = |name: &str| yard.app.root.command_dir().join(name);
    std::fs::create_dir_all(yard.app.root.command_dir()).unwrap();
    std::fs::write(command("command_gpu.txt"), "1\ntrue\n2\n").unwrap();
    let mut feed = feed(&yard);
    feed.subscribe("files", None).unwrap();
    let first = next(&mut feed).await;
    let one = &first["set"]["single_0"];
    assert_eq!(
        (&one["exists"], &one["file_name"], &one["error"]),
        (&json!(true), &json!("command_gpu.txt"), &json!(null))
    );
    assert_eq!(first["set"]["multi_0"]["exists"], false);
    assert_eq!(first["set"]["bindings"], json!({"etag": null, "error": null}));
    std::fs::write(command("command_gpu.txt"), "1\nfalse\n2\n").unwrap();
    let changed = next(&mut feed).await;
    assert_ne!(changed["set"]["single_0"]["etag"], one["etag"]);
    assert!(changed["set"].get("rules").is_none());
    std::fs::write(command("command_gpu_7.txt"), "1\ntrue\n2\n").unwrap();
    assert_eq!(next(&mut feed).await["set"]["single_7"]["exists"], true);
    std::fs::write(yard.app.root.rules_path(&yard.app.settings()), "check_time: [").unwrap();
    let broken = next(&mut feed).await;
    assert!(
        broken["set"]["rules"]["error"].is_string() && broken["set"]["rules"]["etag"].is_string(),
        "{broken}"
    );
}

/// What a source says now.
fn said(source: &mut Box<dyn Source>) -> Value {
    let mut draft = Draft::default();
    source.read(&mut draft).unwrap();
    let entries = draft.said().unwrap().into_iter().map(|(key, text)| {
        let key: String = serde_json::from_str(&key).unwrap();
        (
            key,
            text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap()),
        )
    });
    Value::Object(entries.collect())
}

async fn asked(yard: &Yard, method: &str, path: &str, body: Value) -> Value {
    let (status, answer) = yard.ask(sent(method, path, &body)).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// A page may have asked for its list in between, and met it as one that waits.
#[tokio::test]
async fn an_ad_hoc_task_that_was_made_and_ended_between_two_looks_is_told() {
    let yard = yard();
    let mut source = topics::open(&yard.app, "tasks", Lang::En).unwrap();
    said(&mut source);
    let id = asked(&yard, "POST", "/api/tasks", json!({"command": "x"})).await["id"].to_string();
    asked(&yard, "POST", &format!("/api/tasks/{id}/cancel"), json!({})).await;
    let told = said(&mut source);
    assert_eq!(
        (&told[&id]["status"], &told["counts"]["cancelled"]),
        (&json!("cancelled"), &json!(1))
    );
    let kept = said(&mut source);
    assert_eq!(kept.get(&id), Some(&Value::Null), "it is what it was");
}

#[tokio::test]
async fn of_ad_hoc_tasks_that_are_over_the_newest_are_told_and_none_that_was_pruned() {
    let yard = yard();
    let mut source = topics::open(&yard.app, "tasks", Lang::En).unwrap();
    said(&mut source);
    let values: Vec<usize> = (0..limits::ENDED_TASKS + 3).collect();
    let sweep = json!({"command": "x {n}", "matrix": {"n": values}});
    let ids = asked(&yard, "POST", "/api/tasks", sweep).await["ids"].clone();
    assert_eq!(
        said(&mut source).as_object().unwrap().len(),
        values.len() + 1,
        "who waits is told"
    );
    let ids: Vec<i64> = serde_json::from_value(ids).unwrap();
    // The first are cancelled last: what ended last stays, whenever it was made.
    asked(&yard, "POST", "/api/tasks/cancel", json!({"ids": ids[2..]})).await;
    said(&mut source);
    asked(&yard, "POST", "/api/tasks/cancel", json!({"ids": ids[..2]})).await;
    let told = said(&mut source);
    assert_eq!(told.as_object().unwrap().len(), limits::ENDED_TASKS + 1);
    assert_eq!(told[&ids[0].to_string()]["status"], "cancelled");
    let waits = asked(&yard, "POST", "/api/tasks", json!({"command": "y"})).await["id"].to_string();
    said(&mut source);
    let all = "/api/tasks?finished_before=2100-01-01T00:00:00Z";
    asked(&yard, "DELETE", all, Value::Null).await;
    let told = said(&mut source);
    assert_eq!(told.as_object().unwrap().keys().collect::<Vec<_>>(), [&waits, "counts"]);
    assert_eq!(told[&waits]["status"], "queued");
}
