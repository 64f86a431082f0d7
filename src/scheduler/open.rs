//! How a scheduler comes up: its place, its files, its run, and what earlier ones left running.
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use gpuyard_core::{
    model::{AdhocStatus, Charge, ConfigKey, Mode, ProcessIdentity, Rules, RunId, Settings, UniId},
    queue::{Beginning, Event, Machine, Run, adhoc_queue, adhoc_task},
};
use gpuyard_exec::{
    clock,
    executor::{Executor, LocalExecutor, Recovered},
    identity,
    place::{Place, PlaceError},
};
use gpuyard_store::{Root, adhoc::Tasks, commands::Loaded, watch::FileWatch};
use tokio::sync::mpsc;

use crate::{
    conda, control,
    feed::Feed,
    journal::{self, Journal},
    observe::Observer,
    options::{Options, Start, exit},
    reload,
    rows::{Rows, Taken},
    work::{Scheduler, Senses},
};

/// Why a scheduler does not come up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{0}; a scheduler runs at most once for each root and command file, and once for its ad-hoc tasks")]
    Held(PlaceError),
    #[error("{0}")]
    Unusable(String),
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
}

impl Refusal {
    pub(crate) fn exit(&self) -> i32 {
        match self {
            Refusal::Held(_) => exit::HELD,
            Refusal::Unusable(_) | Refusal::Failed(_) => exit::UNUSABLE,
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        match self {
            Refusal::Held(_) => "already_running",
            Refusal::Unusable(_) => "unusable",
            Refusal::Failed(_) => "failed",
        }
    }
}

/// What came of it.
pub(crate) enum Opened {
    Working(Box<Scheduler>, Senses),
    /// There is no run to go on with, or it is over.
    NothingToDo(i32),
}

/// Files that are read once a scheduler comes up, and watched from then on.
struct Files {
    settings: Settings,
    rules: Rules,
    rules_path: PathBuf,
    /// Of a command file's scheduler.
    command: Option<(PathBuf, Loaded)>,
    work_dir: PathBuf,
    watch: FileWatch,
    changes: mpsc::UnboundedReceiver<PathBuf>,
}

/// Brings a scheduler up. Its first state is on disk when this returns.
pub(crate) fn open(options: Options) -> Result<Opened, Refusal> {
    let Options {
        root,
        host,
        charge,
        start,
        source,
        exe,
        conda_exe,
        home,
        announce: _,
    } = options;
    gpuyard_exec::become_subreaper().map_err(anyhow::Error::from)?;
    let place = Place::take(&host, root.path(), &charge.to_string()).map_err(|error| match error {
        held @ PlaceError::Held { .. } => Refusal::Held(held),
        PlaceError::Failed(error) => Refusal::Failed(error.into()),
    })?;
    let files = read_files(&root, charge)?;
    let mut executor = LocalExecutor::new(host.clone(), exe).map_err(anyhow::Error::from)?;
    let me = identity::identity(nix::unistd::getpid().as_raw())
        .ok_or_else(|| Refusal::Unusable("/proc does not show this process".into()))?;
    // Before anything of the run can be seen: whoever sees it may call at once, and is answered when all is in place.
    let socket = host
        .socket_path(root.path(), &charge.to_string())
        .map_err(anyhow::Error::from)?;
    let calls = control::listen(&socket)
        .map_err(|error| Refusal::Unusable(format!("the control socket cannot be made: {error}")))?;
    let begun = match (charge, &files.command) {
        (Charge::File(config), Some((path, loaded))) => {
            begin_file(&root, config, start, me, &files.rules, path, loaded)?.map(|journal| (journal, None))
        }
        _ => Some(begin_tasks(&root, me, &files)?),
    };
    let Some((mut journal, feed)) = begun else {
        return Ok(Opened::NothingToDo(exit::COMPLETED));
    };
    let run_id = journal.machine().run().run_id.clone();
    recover(&mut journal, &mut executor, &root)?;
    journal.save().map_err(unusable)?;
    host.clear_fallen().map_err(anyhow::Error::from)?;

    let conda_sh = conda::script(files.rules.conda_base.as_deref(), conda_exe.as_deref(), home.as_deref());
    let findings = files
        .command
        .as_ref()
        .map(|(path, loaded)| reload::findings(path, &loaded.file));
    let config = match charge {
        Charge::File(config) => Some(config),
        Charge::Tasks => None,
    };
    let (command_path, command_seen) = match files.command {
        Some((path, loaded)) => (path, Some(loaded.version)),
        None => (PathBuf::new(), None),
    };
    let mut scheduler = Scheduler {
        root,
        host,
        config,
        feed,
        rules: files.rules,
        rules_path: files.rules_path,
        command_path,
        work_dir: files.work_dir,
        conda_sh,
        conda_exe,
        home,
        journal,
        executor,
        observer: Observer::new(source),
        stirred: true,
        looked: clock::now().mono,
        troubles: Default::default(),
        detached: false,
        command_seen,
        lingers: None,
        _watch: files.watch,
        place,
    };
    if let Some(findings) = findings {
        scheduler.warn("command_file", findings);
    }
    // Read once more, now that whoever makes one is heard: none falls between.
    if let Some(feed) = &mut scheduler.feed {
        feed.poked = true;
    }
    scheduler.stop_again();
    let senses = Senses::new(&scheduler, files.changes, calls)?;
    tracing::info!(run_id = %run_id, start = ?start, tasks = scheduler.journal.machine().run().total_tasks, "scheduler at work");
    Ok(Opened::Working(Box::new(scheduler), senses))
}

/// Reads settings, rules and command file, and watches what may change.
fn read_files(root: &Root, charge: Charge) -> Result<Files, Refusal> {
    let settings = match gpuyard_store::settings::load(&root.settings_path()) {
        Err(_) if !root.settings_path().exists() => Default::default(),
        loaded => loaded.map_err(unusable)?,
    };
    let rules_path = root.rules_path(&settings);
    let rules = match gpuyard_store::rules::load(&rules_path) {
        // A root without a command file needs no rules of its own.
        Err(error) if charge == Charge::Tasks && error.is_not_found() => Rules::default(),
        loaded => loaded.map_err(unusable)?,
    };
    let mut watched = vec![rules_path.clone()];
    let command = match charge {
        Charge::File(config) => {
            let path = root.command_path(&rules, config);
            let loaded = gpuyard_store::commands::load(&path, config.mode).map_err(unusable)?;
            watched.push(path.clone());
            Some((path, loaded))
        }
        Charge::Tasks => None,
    };
    let work_dir = root.work_dir(&rules);
    // An ad-hoc task may name its own; one that does not fails with the same words.
    if command.is_some() && !work_dir.is_dir() {
        let path = rules_path.display();
        return Err(Refusal::Unusable(format!(
            "{path}: work_dir: {} is not a folder; make it, or name another one",
            work_dir.display()
        )));
    }
    // Files are watched before they are acted on, so that no edit falls between.
    let (sender, changes) = mpsc::unbounded_channel();
    let watch = FileWatch::new(watched, move |path| {
        // The loop has ended: nobody wants to know.
        let _ = sender.send(path.to_owned());
    })
    .map_err(unusable)?;
    Ok(Files {
        settings,
        rules,
        rules_path,
        command,
        work_dir,
        watch,
        changes,
    })
}

/// Begins or takes up the run of a command file; `None` where there is nothing to do.
fn begin_file(
    root: &Root,
    config: ConfigKey,
    start: Start,
    me: ProcessIdentity,
    rules: &Rules,
    command_path: &Path,
    loaded: &Loaded,
) -> Result<Option<Journal>, Refusal> {
    let mut older = journal::runs(root, config).map_err(unusable)?.into_iter();
    let queues = reload::plans(&loaded.file);
    let journal = match start {
        Start::Fresh => {
            let last = older.as_slice().first().map(|machine| machine.run().clone());
            let beginning = Beginning {
                run_id: run_id(config),
                task_seed: uuid::Uuid::new_v4().simple().to_string()[..8].to_owned(),
                node: identity::node().clone(),
                owner: identity::owner().clone(),
                scheduler: me,
                config,
                config_file: command_path.display().to_string(),
                retry: rules.retry_config.clone(),
                on_failure: rules.on_failure,
                queues,
            };
            let machine = Machine::begin(beginning, last.as_ref(), clock::now());
            Journal::create(root, machine).map_err(unusable)?
        }
        Start::Resume | Start::Recover => {
            let Some(machine) = older.next() else {
                return match start {
                    Start::Recover => Ok(None),
                    _ => Err(Refusal::Unusable(format!("{config} has no earlier run to go on with"))),
                };
            };
            if start == Start::Recover && machine.run().state.is_over() {
                return Ok(None);
            }
            let mut journal = Journal::resume(root, &machine.run().run_id).map_err(unusable)?;
            let by_person = start == Start::Resume;
            journal
                .record_synced(Event::Opened {
                    scheduler: me,
                    by_person,
                })
                .map_err(Refusal::Failed)?;
            journal.record(Event::RulesRead {
                retry: rules.retry_config.clone(),
                on_failure: rules.on_failure,
            });
            journal.record(Event::FileRead { queues });
            journal
        }
    };
    let by = journal.machine().run().run_id.clone();
    for machine in older {
        hand_over(root, &machine, &by).map_err(unusable)?;
    }
    Ok(Some(journal))
}

/// Takes up the ad-hoc tasks as the database has them.
fn begin_tasks(root: &Root, me: ProcessIdentity, files: &Files) -> Result<(Journal, Option<Feed>), Refusal> {
    let tasks = Arc::new(Tasks::open(root, &files.settings).map_err(unusable)?);
    let boot = tasks.fact("boot").map_err(unusable)?;
    let boot = boot.unwrap_or_else(|| me.space.boot_id.clone());
    let (fed, seen) = tasks.open_tasks().map_err(unusable)?;
    let now = clock::now();
    let mut machine = Machine::for_adhoc(
        gpuyard_store::adhoc::run_id(),
        identity::node().clone(),
        identity::owner().clone(),
        me.clone(),
        files.rules.retry_config.clone(),
        boot,
        now,
    );
    let mut rows = Rows::new(Arc::clone(&tasks));
    let feed = Feed {
        seen,
        ..Feed::default()
    };
    for one in fed {
        let id = one.record.row.id;
        // Those that may not run yet are looked at once more, and put where they belong, before anything is decided.
        if one.waits || one.record.row.not_before.is_some() || one.record.row.stop {
            rows.touched.push(id);
        }
        if one.record.row.status == AdhocStatus::Queued && one.waits {
            continue;
        }
        let wish = one.record.row.wish;
        let task = adhoc_task(gpuyard_store::adhoc::task_id(id), &one.record.spec, one.record.state);
        let spec = one.record.spec;
        rows.taken.insert(id, Taken { wish, spec });
        machine.take_up(adhoc_queue(id), task, now);
    }
    let space = me.space.boot_id.clone();
    let mut journal = Journal::of_rows(machine, rows);
    journal.record(Event::Opened {
        scheduler: me,
        by_person: false,
    });
    tasks.set_fact("boot", Some(&space)).map_err(unusable)?;
    for name in ["ended", "trouble"] {
        tasks.set_fact(name, None).map_err(unusable)?;
    }
    Ok((journal, Some(feed)))
}

fn unusable(error: impl std::fmt::Display) -> Refusal {
    Refusal::Unusable(error.to_string())
}

/// `single_0-20261123T091500042-3f9a2c`: sorts by time within a command file, to the millisecond, for two runs may begin in
/// one second; and never comes twice.
fn run_id(config: ConfigKey) -> RunId {
    let time = clock::now().wall.strftime("%Y%m%dT%H%M%S%3f").to_string();
    let random = uuid::Uuid::new_v4().simple().to_string();
    let mode = match config.mode {
        Mode::Single => "single",
        Mode::Multi => "multi",
    };
    RunId(format!("{mode}_{}-{time}-{}", config.index, &random[..6]))
}

/// Closes an older run of the same command file: what it left running is this run's now.
fn hand_over(root: &gpuyard_store::Root, machine: &Machine, by: &RunId) -> Result<(), gpuyard_store::StoreError> {
    let live: Vec<_> = machine.running().map(|task| task.task_id.clone()).collect();
    if machine.run().state.is_over() && live.is_empty() {
        return Ok(());
    }
    let mut journal = Journal::resume(root, &machine.run().run_id)?;
    for task_id in live {
        journal.record(Event::TakenOver {
            task_id,
            by: by.clone(),
        });
    }
    if !journal.machine().run().state.is_over() {
        journal.record(Event::Closed {
            state: gpuyard_core::queue::RunState::Interrupted,
        });
    }
    journal.save()
}

/// Finds out what became of the attempts that the run believes to be at work.
fn recover(journal: &mut Journal, executor: &mut LocalExecutor, root: &gpuyard_store::Root) -> Result<(), Refusal> {
    let live: Vec<_> = live_attempts(journal.machine().run());
    for (task_id, uni_id, folder, known) in live {
        let found = executor
            .recover(&uni_id, &root.path().join(&folder))
            .map_err(anyhow::Error::from)?;
        tracing::info!(%task_id, %uni_id, ?found, "an attempt of before");
        let ended = |outcome, started_at, finished_at| Event::Ended {
            task_id: task_id.clone(),
            outcome,
            started_at,
            finished_at,
            peak_memory: None,
        };
        let event = match found {
            Recovered::Running { runner } if known.as_ref() == Some(&runner) => continue,
            Recovered::Running { runner } => Event::Launched { task_id, runner },
            Recovered::Orphaned { .. } => Event::RunnerLost { task_id },
            Recovered::Ended(record) => ended(record.outcome, Some(record.started_at), Some(record.finished_at)),
            Recovered::Lost => ended(gpuyard_core::model::Outcome::Lost, None, None),
            Recovered::NeverStarted => Event::NotLaunched { task_id },
        };
        journal.record(event);
    }
    Ok(())
}

type Live = (
    gpuyard_core::model::TaskId,
    UniId,
    String,
    Option<gpuyard_core::model::ProcessIdentity>,
);

fn live_attempts(run: &Run) -> Vec<Live> {
    run.queues
        .values()
        .flat_map(|queue| &queue.processes)
        .filter_map(|task| {
            let live = task.live.as_ref()?;
            Some((
                task.task_id.clone(),
                live.uni_id.clone(),
                live.folder.clone(),
                live.runner.clone(),
            ))
        })
        .collect()
}

impl Scheduler {
    /// Stops that were asked for before a crash are asked for again.
    fn stop_again(&mut self) {
        let asked: Vec<UniId> = self
            .journal
            .machine()
            .running()
            .filter_map(|task| task.live.as_ref())
            .filter(|live| live.stop_requested)
            .map(|live| live.uni_id.clone())
            .collect();
        for uni_id in asked {
            if let Err(error) = self.executor.stop(&uni_id) {
                tracing::error!(%uni_id, %error, "cannot stop an attempt");
            }
        }
    }
}
