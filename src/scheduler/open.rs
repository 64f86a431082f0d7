//! How a scheduler comes up: its place, its files, its run, and what earlier ones left running.
use gpuyard_core::{
    model::{ConfigKey, Mode, RunId, UniId},
    queue::{Beginning, Event, Machine, Run},
};
use gpuyard_exec::{
    clock,
    executor::{Executor, LocalExecutor, Recovered},
    identity,
    place::{Place, PlaceError},
};
use tokio::sync::mpsc;

use crate::{
    conda, control,
    journal::{self, Journal},
    observe::Observer,
    options::{Options, Start, exit},
    reload,
    work::{Scheduler, Senses},
};

/// Why a scheduler does not come up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{0}; a scheduler runs at most once for each root and command file")]
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

/// Brings a scheduler up. Its first state is on disk when this returns.
pub(crate) fn open(options: Options) -> Result<Opened, Refusal> {
    let Options {
        root,
        host,
        config,
        start,
        source,
        exe,
        conda_exe,
        home,
        announce: _,
    } = options;
    gpuyard_exec::become_subreaper().map_err(anyhow::Error::from)?;
    let place = Place::take(&host, root.path(), &config.to_string()).map_err(|error| match error {
        held @ PlaceError::Held { .. } => Refusal::Held(held),
        PlaceError::Failed(error) => Refusal::Failed(error.into()),
    })?;
    let settings = match gpuyard_store::settings::load(&root.settings_path()) {
        Err(_) if !root.settings_path().exists() => Default::default(),
        loaded => loaded.map_err(unusable)?,
    };
    let rules_path = root.rules_path(&settings);
    let rules = gpuyard_store::rules::load(&rules_path).map_err(unusable)?;
    let command_path = root.command_path(&rules, config);
    let loaded = gpuyard_store::commands::load(&command_path, config.mode).map_err(unusable)?;
    let work_dir = root.work_dir(&rules);
    if !work_dir.is_dir() {
        let path = rules_path.display();
        return Err(Refusal::Unusable(format!(
            "{path}: work_dir: {} is not a folder; make it, or name another one",
            work_dir.display()
        )));
    }
    // Files are watched before they are acted on, so that no edit falls between.
    let (sender, files) = mpsc::unbounded_channel();
    let watch = gpuyard_store::watch::FileWatch::new([rules_path.clone(), command_path.clone()], move |path| {
        // The loop has ended: nobody wants to know.
        let _ = sender.send(path.to_owned());
    })
    .map_err(unusable)?;

    let earlier = journal::runs(&root, config).map_err(unusable)?;
    let mut executor = LocalExecutor::new(host.clone(), exe).map_err(anyhow::Error::from)?;
    let me = identity::identity(nix::unistd::getpid().as_raw())
        .ok_or_else(|| Refusal::Unusable("/proc does not show this process".into()))?;
    let queues = reload::plans(&loaded.file);
    let mut older = earlier.into_iter();
    let mut journal = match start {
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
            Journal::create(&root, machine).map_err(unusable)?
        }
        Start::Resume | Start::Recover => {
            let Some(machine) = older.next() else {
                return match start {
                    Start::Recover => Ok(Opened::NothingToDo(exit::COMPLETED)),
                    _ => Err(Refusal::Unusable(format!("{config} has no earlier run to go on with"))),
                };
            };
            if start == Start::Recover && machine.run().state.is_over() {
                return Ok(Opened::NothingToDo(exit::COMPLETED));
            }
            let mut journal = Journal::resume(&root, &machine.run().run_id).map_err(unusable)?;
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
    let run_id = journal.machine().run().run_id.clone();
    for machine in older {
        hand_over(&root, &machine, &run_id).map_err(unusable)?;
    }
    recover(&mut journal, &mut executor, &root)?;
    journal.save().map_err(unusable)?;
    host.clear_fallen().map_err(anyhow::Error::from)?;

    let socket = host
        .socket_path(root.path(), &config.to_string())
        .map_err(anyhow::Error::from)?;
    let calls = control::listen(&socket)
        .map_err(|error| Refusal::Unusable(format!("the control socket cannot be made: {error}")))?;
    let conda_sh = conda::script(rules.conda_base.as_deref(), conda_exe.as_deref(), home.as_deref());
    let mut scheduler = Scheduler {
        root,
        host,
        config,
        rules,
        rules_path,
        command_path,
        work_dir,
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
        command_seen: Some(loaded.version.clone()),
        lingers: None,
        _watch: watch,
        _place: place,
    };
    let findings = reload::findings(&scheduler.command_path, &loaded.file);
    scheduler.warn("command_file", findings);
    scheduler.stop_again();
    let senses = Senses::new(&scheduler, files, calls)?;
    tracing::info!(run_id = %run_id, start = ?start, tasks = scheduler.journal.machine().run().total_tasks, "scheduler at work");
    Ok(Opened::Working(Box::new(scheduler), senses))
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
