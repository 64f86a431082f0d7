//! What a lab does in a busy hour, once through.
use std::{collections::BTreeMap, fs};

use fake_nvml::State;
use serde_json::{Value, json};

use super::people::{Leave, Page, Stream};
use crate::{
    nvml::change,
    processes::{Somebody, codes, listed, name},
    yard::{Block, Config, Daemon, MULTI, SINGLE, Vitals, Yard, alive, free_port, task, wait_for, wait_until},
};

/// At their pages at once.
const PEOPLE: usize = 15;

/// What a page reads, all pages taken together.
const READS: [&str; 25] = [
    "/",
    "/metrics",
    "/api/health",
    "/api/openapi.json",
    "/api/auth/check",
    "/api/gpu",
    "/api/gpus",
    "/api/gpu/state",
    "/api/gpu/history?minutes=60",
    "/api/gpu/leases",
    "/api/gpu/processes",
    "/api/scheduler/state",
    "/api/scheduler/running",
    "/api/scheduler/runs",
    "/api/scheduler/single/state?config_index=0",
    "/api/commands/single?config_index=0",
    "/api/commands/single/all",
    "/api/commands/single/list",
    "/api/commands/single/text?config_index=0",
    "/api/commands/single/versions?config_index=0",
    "/api/config",
    "/api/settings",
    "/api/log/bindings",
    "/api/tasks",
    "/api/tasks?status=completed&q=run&limit=5",
];

/// What a page listens to from the start.
const TOPICS: [&str; 5] = ["gpu", "schedulers", "files", "seats", "tasks"];

/// The task that keeps the scheduler of the other command file alive through all rounds.
pub(super) const KEEPER: &str = "keeper";

/// A lab, its daemon, and what was done so far.
pub(super) struct Lab {
    pub(super) yard: Yard,
    pub(super) daemon: Daemon,
    gpus: State,
    /// How often each thing was done.
    pub(super) done: BTreeMap<&'static str, u64>,
    round: u64,
}

impl Lab {
    pub(super) fn new(yard: Yard, gpus: State) -> Lab {
        // What people look at beside the tasks' own output.
        fs::write(
            yard.work.join("other.log"),
            "nothing to see in this line\n".repeat(40_000),
        )
        .unwrap();
        yard.rules(&[("retry_config.max_retries", "2")]);
        // So that memory tells of what is held, not of what the allocator keeps for later.
        yard.set("MALLOC_ARENA_MAX", "1");
        yard.set("MALLOC_TRIM_THRESHOLD_", "65536");
        // What is let go after so many readings is let go soon.
        yard.settings(free_port());
        let settings = yard.root.join("config/control_setting.yaml");
        let text = fs::read_to_string(&settings).unwrap() + "gpu-interval: 0.2\n";
        fs::write(settings, text).unwrap();
        yard.commands(SINGLE, &[]);
        yard.commands(MULTI, &[task(1, &format!("hold {KEEPER}"))]);
        let daemon = yard.serve();
        Lab {
            yard,
            daemon,
            gpus,
            done: BTreeMap::new(),
            round: 0,
        }
    }

    fn did(&mut self, what: &'static str, times: u64) {
        *self.done.entry(what).or_default() += times;
    }

    #[track_caller]
    fn reads(&mut self, path: &str) -> Value {
        self.did("read", 1);
        let answer = self.daemon.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    #[track_caller]
    fn posts(&mut self, path: &str, body: &Value) -> Value {
        self.did("acted", 1);
        let answer = self.daemon.post(path, body);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    /// The pid of the scheduler of the other command file, which lives through all rounds.
    pub(super) fn begin(&mut self) -> i32 {
        let pid = self.daemon.begin(MULTI);
        self.yard.started(KEEPER);
        pid
    }

    /// Waits until nobody is connected, and the daemon has let go of the threads that served them.
    pub(super) fn rests(&mut self) {
        self.daemon.hang_up();
        let pid = self.daemon.program.pid();
        wait_until("the daemon rests", || {
            let now = Vitals::of(pid);
            // What is kept of GPU processes for whoever asks next.
            let looks = now.held.keys().any(|kind| kind.starts_with("/proc/"));
            now.count("thread tokio-rt-worker") == 0 && !looks && self.daemon.connections() == 0
        });
    }

    /// Everything once. Afterwards it is as quiet as before.
    pub(super) fn round(&mut self) {
        self.round += 1;
        let mut pages = self.pages();
        self.command_files(&mut pages);
        self.adhoc_tasks(&mut pages);
        self.leave(pages);
        // Nobody is at work, but the keeper, who is told by no mark any more.
        fs::write(self.yard.work.join("marks"), "").unwrap();
        for path in fs::read_dir(self.yard.work.join("go")).unwrap().flatten() {
            fs::remove_file(path.path()).unwrap();
        }
        self.daemon.hang_up();
    }

    fn pages(&mut self) -> Vec<Page> {
        let wrong = self
            .daemon
            .post_as(None, "/api/auth/login", &json!({"password": "wrong"}));
        assert!([401, 429].contains(&wrong.status), "{wrong:?}");
        self.did("refused", 2);
        assert_eq!(self.daemon.get("/api/nothing").status, 404);
        let mut pages = Vec::new();
        for _ in 0..PEOPLE {
            let mut page = Page::open(&self.daemon);
            for topic in TOPICS {
                page.follow(topic);
            }
            for path in READS {
                let answer = self.daemon.get_as(Some(&page.token), path);
                assert_eq!(answer.status, 200, "{path}: {answer:?}");
            }
            self.did("logged in", 1);
            self.did("followed", TOPICS.len() as u64);
            self.did("read", READS.len() as u64);
            pages.push(page);
        }
        pages
    }

    /// Whoever leaves does so in a way of their own; nobody stays logged in.
    fn leave(&mut self, pages: Vec<Page>) {
        for (number, page) in pages.into_iter().enumerate() {
            self.did("heard", page.heard);
            let token = page.token.clone();
            let logout = |daemon: &Daemon| {
                let answer = daemon.post_as(Some(&token), "/api/auth/logout", &json!({}));
                assert_eq!(answer.status, 200, "{answer:?}");
            };
            match number % 3 {
                0 => page.leave(Leave::Politely),
                1 => page.leave(Leave::CutOff),
                _ => {
                    // The daemon ends the conversation.
                    logout(&self.daemon);
                    page.leave(Leave::CutOff);
                    continue;
                }
            }
            logout(&self.daemon);
        }
    }

    fn tasks(&self, verb: &str, numbers: std::ops::Range<u64>) -> Vec<Block> {
        let block = |number| task(number % 4 + 2, &format!("{verb} {}-{number}", self.round));
        numbers.map(block).collect()
    }

    /// Saves a command file as an editor does.
    fn edits(&mut self, config: Config, blocks: &[Block]) {
        let path = self.yard.command_file(config);
        let beside = path.with_extension("edited");
        fs::write(&beside, Yard::text(config, blocks)).unwrap();
        fs::rename(beside, path).unwrap();
        self.did("edited", 1);
    }

    /// Runs are started, edited, looked at, stopped, gone on with, and deleted.
    fn command_files(&mut self, pages: &mut [Page]) {
        let held = format!("held-{}", self.round);
        let blocks = |lab: &Lab, more: u64| {
            let mut blocks = vec![task(1, &format!("hold {held}"))];
            blocks.extend(lab.tasks("run", 0..12 + more));
            blocks.push(task(6, &format!("fail bad-{} 1", lab.round)));
            blocks
        };
        let text = blocks(self, 0);
        self.edits(SINGLE, &text);
        // The other one, too: what was done is taken out, and there is new work.
        let other: Vec<Block> = [task(1, &format!("hold {KEEPER}"))]
            .into_iter()
            .chain(self.tasks("run", 100..106))
            .collect();
        self.edits(MULTI, &other);
        let first = self.daemon.begin(SINGLE);
        let shell = self.yard.started(&held).pid;
        let run = self.yard.run(SINGLE);
        let (run_id, task_id) = (
            run["run_id"].as_str().unwrap().to_owned(),
            run["queues"]["1"]["processes"][0]["task_id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
        for page in pages.iter_mut().step_by(2) {
            for topic in [
                format!("run:{run_id}"),
                format!("task:{task_id}"),
                format!("log:task={task_id}"),
            ] {
                page.follow(&topic);
                self.did("followed", 1);
            }
        }
        self.save_over_the_api(&Yard::text(SINGLE, &blocks(self, 4)));
        self.change_rules();
        self.look_at_logs(&task_id);
        self.end_processes(shell);
        for number in (0..16).chain(100..106) {
            let name = format!("{}-{number}", self.round);
            wait_until("the tasks have run", || self.yard.ended(&name));
        }
        // What was ended on its GPU is stopped, and with it the run; gone on with, it runs again, until all is stopped.
        wait_until("that run is over", || !alive(first));
        let second = self.posts("/api/scheduler/single/start?config_index=0", &json!({"resume": true}));
        let second = second["pid"].as_i64().unwrap() as i32;
        wait_until("it holds again", || self.yard.starts(&held) == 2);
        self.posts("/api/scheduler/single/stop?config_index=0", &json!({}));
        wait_until("it is stopped", || !alive(second));
        // And all of it once more, to a good end.
        self.yard.go(&held);
        let third = self.daemon.begin(SINGLE);
        wait_until("that run is over", || !alive(third));
        assert_eq!(self.yard.run(SINGLE)["state"], "completed");
        self.did("task run", 6 + 19 + 1 + 18);
        self.did("acted", 2);
        self.reads(&format!("/api/scheduler/runs/{run_id}"));
        for page in pages.iter_mut().step_by(4) {
            page.turn_from(&format!("run:{run_id}"));
        }
        let runs = self.reads("/api/scheduler/runs?mode=single&config_index=0")["runs"].clone();
        for run in runs.as_array().unwrap() {
            let path = format!("/api/scheduler/runs/{}", run["run_id"].as_str().unwrap());
            let answer = self.daemon.delete(&path);
            assert_eq!(answer.status, 200, "{answer:?}");
            self.did("acted", 1);
        }
    }

    fn save_over_the_api(&mut self, text: &str) {
        let path = "/api/commands/single/text?config_index=0";
        let etag = self.reads(path)["etag"].as_str().unwrap().to_owned();
        for (body, over, status) in [
            (json!({"text": text, "dry_run": true}), &*etag, 200),
            (json!({ "text": text }), "another", 409),
            (json!({ "text": text }), &*etag, 200),
        ] {
            let answer = self.daemon.put(path, &body, Some(over));
            assert_eq!(answer.status, status, "{answer:?}");
        }
        self.did("edited", 1);
        self.did("refused", 1);
    }

    fn change_rules(&mut self) {
        self.posts("/api/config/preview", &json!({"check_time": 0.5}));
        for check_time in [0.3, 0.2] {
            let answer = self.daemon.put("/api/config", &json!({"check_time": check_time}), None);
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        for changes in [&[("check_time", "0.25")][..], &[]] {
            let kept = [("retry_config.max_retries", "2")];
            self.yard.rules(&[&kept, changes].concat());
        }
        for level in ["warning", "info"] {
            let answer = self.daemon.put("/api/settings", &json!({"log-level": level}), None);
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        self.did("edited", 6);
    }

    /// Streams that are left in the middle, searches that nobody waits for, downloads, a log of somebody's own.
    fn look_at_logs(&mut self, task_id: &str) {
        let other = self.yard.work.join("other.log").display().to_string();
        let place = "mode=single&config_index=0&queue_id=1&process_index=0";
        self.posts(&format!("/api/log/bind?{place}&log_path={other}"), &json!({}));
        let paths = [
            format!(
                "/api/events?topics=gpu,schedulers,tasks,run%3A{}",
                self.yard.run(SINGLE)["run_id"].as_str().unwrap()
            ),
            format!("/api/log/stream?task={task_id}&tail_lines=10"),
            format!("/api/log/stream?{place}&tail_lines=10"),
        ];
        let mut streams: Vec<Stream> = (0..4)
            .flat_map(|_| paths.iter().map(|path| Stream::open(&self.daemon, path)))
            .collect();
        for stream in &mut streams {
            stream.shows("event:");
        }
        self.did("streamed", streams.len() as u64);
        for _ in 0..4 {
            self.reads(&format!("/api/log/content?{place}&tail_lines=100"));
            self.reads(&format!("/api/log/content?task={task_id}&own=true&line=0&count=50"));
            self.reads(&format!("/api/log/download?{place}"));
            let ticket = self.posts(&format!("/api/log/download?{place}"), &json!({}));
            assert!(ticket["ticket"].is_string(), "{ticket}");
            Stream::open(&self.daemon, &format!("/api/log/search?{place}&q=no+such+word")).shows("\"end\"");
            // Gone before the first hit.
            drop(Stream::open(
                &self.daemon,
                &format!("/api/log/search?{place}&q=line+$&regex=true"),
            ));
            self.did("searched", 2);
        }
        drop(streams);
        let answer = self.daemon.delete(&format!("/api/log/bind?{place}"));
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Processes come to a GPU and go; one is ended, one turns out to be a task's.
    fn end_processes(&mut self, shell: i32) {
        let somebody: Vec<Somebody> = (0..4).map(|_| Somebody::sleeps()).collect();
        let on_gpu = |one: &Somebody| one.on_gpu(1 << 30);
        self.gpus.gpus[0].processes = somebody.iter().map(on_gpu).collect();
        self.gpus.gpus[1].processes = vec![fake_nvml::Process::compute(shell as u32, 1 << 30)];
        change(&self.yard, &self.gpus);
        let pids: Vec<i32> = somebody.iter().map(|one| one.pid).chain([shell]).collect();
        let list = wait_for("the daemon sees them", || {
            let list = listed(&self.daemon, pids.len());
            let sees = |pid: &i32| list.iter().any(|process| process["pid"] == *pid);
            pids.iter().all(sees).then_some(list)
        });
        let names: Vec<Value> = pids.iter().map(|pid| name(&list, *pid)).collect();
        let body = json!({"processes": names, "signal": "KILL", "wait": 20});
        let answer = self.posts("/api/gpu/processes/kill", &body);
        assert_eq!(codes(&answer["killed"]).len(), names.len(), "{answer}");
        self.did("process ended", names.len() as u64);
        for gpu in &mut self.gpus.gpus {
            gpu.processes.clear();
        }
        change(&self.yard, &self.gpus);
    }

    /// Ad-hoc tasks: run, looked at, changed, copied, cancelled, pruned.
    fn adhoc_tasks(&mut self, pages: &mut [Page]) {
        let work = self.yard.work.clone();
        let round = self.round;
        let make = |lab: &mut Lab, what: &str, gpus: u64| {
            let body =
                json!({"command": format!("bash task.sh {what}"), "work_dir": work, "gpu_count": gpus, "priority": 1});
            lab.posts("/api/tasks", &body)["id"].as_i64().unwrap()
        };
        let held = make(self, &format!("hold adhoc-{round}"), 3);
        self.yard.started(&format!("adhoc-{round}"));
        let waiting = make(self, &format!("hold never-{round}"), 1);
        for page in pages.iter_mut().skip(1).step_by(2) {
            for topic in [format!("log:task={held}"), format!("log:task={waiting}")] {
                if topic.ends_with(&held.to_string()) {
                    page.follow(&topic);
                    self.did("followed", 1);
                }
            }
        }
        let short: Vec<i64> = (0..10)
            .map(|n| make(self, &format!("run short-{round}-{n}"), 1))
            .collect();
        let mut streams: Vec<Stream> = (0..3)
            .map(|_| Stream::open(&self.daemon, &format!("/api/tasks/{held}/logs/stream?tail=5")))
            .collect();
        for stream in &mut streams {
            stream.shows("event:");
        }
        self.did("streamed", streams.len() as u64);
        drop(streams);
        let answer = self.daemon.patch(
            &format!("/api/tasks/{waiting}"),
            &json!({"priority": 0, "name": "later"}),
        );
        assert_eq!(answer.status, 200, "{answer:?}");
        self.posts(&format!("/api/tasks/{waiting}/cancel"), &json!({}));
        self.posts("/api/tasks/cancel", &json!({"ids": [held]}));
        let open = |lab: &mut Lab| {
            let counts = lab.reads("/api/tasks?limit=1")["counts"].clone();
            counts["queued"].as_u64().unwrap() + counts["running"].as_u64().unwrap()
        };
        wait_until("the ad-hoc tasks are over", || open(self) == 0);
        for id in short {
            self.reads(&format!("/api/tasks/{id}"));
            self.reads(&format!("/api/tasks/{id}/logs?tail=20"));
        }
        let same = self.posts(&format!("/api/tasks/{waiting}/clone"), &json!({}));
        let copy = self.posts("/api/tasks", &same)["id"].clone();
        self.posts("/api/tasks/cancel", &json!({"ids": [copy]}));
        self.posts(&format!("/api/tasks/{waiting}/retry"), &json!({}));
        self.yard.go(&format!("never-{round}"));
        wait_until("the ad-hoc tasks are over", || open(self) == 0);
        self.did("task run", 12);
        let pruned = self.daemon.delete("/api/tasks?finished_before=2999-01-01T00:00:00Z");
        assert_eq!(
            (pruned.status, &pruned.body["removed"]),
            (200, &json!(13)),
            "{pruned:?}"
        );
    }
}
