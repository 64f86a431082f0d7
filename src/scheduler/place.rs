//! From a decision to running attempts: lease, intent, launch, in this order.
use std::collections::{BTreeMap, BTreeSet, HashMap};

use gpuyard_core::{
    model::{AttemptSpec, Claim, Gpu, Lease, Outcome, Reason, Snapshot, TaskId, UniId, Vendor},
    policy::{LeaseView, Placement, Plan, Request, decide},
    queue::{ClassReason, Demand, Event},
};
use gpuyard_exec::{clock, executor::Executor, identity, lease::TakeError};

use crate::{conda, environment, observe, rows, work::Scheduler};

/// Heads of one kind that a decision is asked about at once, besides as many as there are GPUs.
const MORE_HEADS: usize = 4;

/// What became of one placement.
enum Placed {
    /// It runs, or failed to start; the plan goes on.
    Done(LeaseView),
    /// Somebody else was faster: the plan is void.
    Void,
    /// Nothing can be started just now.
    Blocked,
}

impl Scheduler {
    /// One decision after another until nothing more can be placed.
    pub(crate) fn decide(&mut self) {
        // With all heads placed there is nothing to look at the GPUs for.
        while self.journal.machine().has_heads() {
            let now = clock::now();
            self.looked = now.mono;
            let snapshot = match self.observer.look(&self.rules, now) {
                Ok(snapshot) => snapshot,
                Err(error) => return self.blind(&error.to_string()),
            };
            let leases = match observe::leases(&self.host) {
                Ok(leases) => leases,
                Err(error) => return self.blind(&error.to_string()),
            };
            self.trouble("gpus", None);
            let most = snapshot.gpus.len() + MORE_HEADS;
            let order = self.journal.machine().order();
            let heads = self.journal.machine_mut().heads(now, most);
            if heads.is_empty() {
                return;
            }
            let owner_uid = identity::owner().uid;
            let plan = decide(&Request {
                snapshot: &snapshot,
                rules: &self.rules,
                leases: &leases,
                heads: &heads,
                order,
                owner_uid,
                now: now.mono,
            });
            if !self.apply(&plan, &snapshot) {
                let kinds = heads.iter().map(|head| (&head.task, Demand::of_head(head))).collect();
                return self.explain(&plan, &kinds);
            }
        }
    }

    /// Starts what the plan says; answers whether another decision may place more.
    fn apply(&mut self, plan: &Plan, snapshot: &Snapshot) -> bool {
        let mut taken: Vec<LeaseView> = Vec::new();
        for placement in &plan.place {
            match self.place(placement, snapshot, &taken) {
                Placed::Done(lease) => taken.push(lease),
                Placed::Void => return true,
                Placed::Blocked => return false,
            }
        }
        !plan.place.is_empty()
    }

    fn place(&mut self, placement: &Placement, snapshot: &Snapshot, taken: &[LeaseView]) -> Placed {
        let Some(task) = self.journal.machine().task(&placement.task).cloned() else {
            return Placed::Void;
        };
        let Some(queue) = self.journal.machine().queue_of(&placement.task) else {
            return Placed::Void;
        };
        let run = self.journal.machine().run();
        let (run_id, node, owner) = (run.run_id.clone(), run.node.clone(), run.owner.clone());
        let uni_id = UniId(uuid::Uuid::now_v7().simple().to_string());
        let claim = |gpu: &gpuyard_core::model::GpuRef| Claim {
            gpu: gpu.uuid.clone(),
            index: gpu.index,
            amount: placement.amount,
        };
        let lease = Lease {
            version: 1,
            uni_id: uni_id.clone(),
            run_id: run_id.clone(),
            task_id: task.task_id.clone(),
            config: self.config,
            root: self.root.path().display().to_string(),
            node: node.clone(),
            owner: owner.clone(),
            space: identity::pid_space().clone(),
            claims: placement.gpus.iter().map(claim).collect(),
            taken_at: clock::now().wall,
        };
        let held = match self.host.take(&lease, &expected(placement, &lease, taken)) {
            Ok(held) => held,
            Err(TakeError::Changed { .. }) => return Placed::Void,
            Err(error) => {
                self.trouble("leases", Some(format!("no GPU can be claimed: {error}")));
                return Placed::Blocked;
            }
        };
        self.trouble("leases", None);
        let attempt = task.attempt + 1;
        let folder = self.root.task_folder(&run_id, &task.task_id, attempt);
        let log_path = folder.join("output.log");
        // The intent is on disk before anything is started: after a crash it is known what to look for.
        let intent = Event::Placed {
            task_id: task.task_id.clone(),
            uni_id: uni_id.clone(),
            folder: self.root.relative(&folder),
            log_path: self.root.relative(&log_path),
            gpus: placement.gpus.clone(),
        };
        if let Err(error) = self.record_synced(intent) {
            if self.journal.rows_mut().is_some_and(|rows| !rows.touched.is_empty()) {
                // Somebody changed or cancelled it: the lease is given back, and the next decision knows.
                tracing::info!(task_id = %task.task_id, "{error}");
                drop(held);
                self.take_in();
                return Placed::Void;
            }
            self.trouble(
                "journal",
                Some(format!("nothing is started while the state cannot be written: {error}")),
            );
            return Placed::Blocked;
        }
        self.trouble("journal", None);
        gpuyard_fault::point("intent-recorded");
        let cards: Vec<_> = placement
            .gpus
            .iter()
            .map(|gpu| {
                let found = snapshot.gpus.iter().find(|seen| seen.uuid == gpu.uuid);
                environment::Card {
                    gpu: gpu.clone(),
                    vendor: found.map_or(Vendor::Nvidia, |seen| seen.vendor),
                    visible_as: found.map_or_else(|| gpu.index.to_string(), Gpu::visible_as),
                }
            })
            .collect();
        let asked =
            rows::number(&task.task_id).and_then(|id| Some(self.journal.rows_mut()?.taken.get(&id)?.spec.clone()));
        let mut environment_of_task = self.rules.environment.clone();
        environment_of_task.extend(asked.iter().flat_map(|asked| asked.environment.clone()));
        let work_dir = asked
            .as_ref()
            .and_then(|asked| asked.work_dir.as_ref())
            .map_or_else(|| self.work_dir.clone(), Into::into);
        let wants_conda = task.commands.iter().any(|command| conda::is_wanted(command));
        let shown_dir = work_dir.display().to_string();
        let spec = AttemptSpec {
            version: 1,
            uni_id: uni_id.clone(),
            run_id,
            task_id: task.task_id.clone(),
            config: self.config,
            queue: self.config.map(|_| queue),
            process_index: task.index,
            attempt,
            node,
            owner,
            gpus: placement.gpus.clone(),
            memory: placement.amount.memory(),
            commands: task
                .commands
                .iter()
                .map(|command| gpuyard_core::formats::command::substitute(command, &shown_dir, uni_id.as_str()))
                .collect(),
            work_dir,
            conda_sh: if wants_conda { self.conda_sh.clone() } else { None },
            environment: environment::variables(
                &environment::Place {
                    config: self.config.map(|config| (config, queue)),
                    adhoc: asked.as_ref().and_then(|_| rows::number(&task.task_id)),
                    process_index: task.index,
                    attempt,
                    uni_id: &uni_id,
                    gpus: &cards,
                    log_path: &log_path,
                },
                &environment_of_task,
            ),
            unset: environment::unset(&cards),
            hide_from_path: environment::hidden_from_path(self.root.path()),
            log_path,
            task_timeout: asked
                .as_ref()
                .and_then(|asked| asked.timeout)
                .or(self.rules.task_timeout),
            stop_grace: self.rules.stop_grace,
            terminal: asked.is_some(),
            first_command: 0,
        };
        let indices: Vec<u32> = placement.gpus.iter().map(|gpu| gpu.index).collect();
        let task_id = task.task_id.clone();
        match self.executor.launch(&spec, &folder, held) {
            Ok(runner) => {
                tracing::info!(%task_id, attempt, gpus = ?indices, pid = runner.pid, "attempt started");
                self.record(Event::Launched { task_id, runner });
            }
            Err(error) => {
                let outcome = Outcome::NotStarted {
                    message: error.to_string(),
                    disk_full: error.is_disk_trouble(),
                };
                tracing::error!(%task_id, attempt, error = %error, "attempt could not be started");
                self.record(Event::Ended {
                    task_id,
                    outcome,
                    started_at: None,
                    finished_at: None,
                    peak_memory: None,
                });
            }
        }
        Placed::Done(LeaseView::from(&lease))
    }

    /// Writes down why those who wait do, if it is not what was said before.
    fn explain(&mut self, plan: &Plan, kinds: &HashMap<&TaskId, Demand>) {
        let mut classes: Vec<ClassReason> = Vec::new();
        let mut heads: Vec<(TaskId, Reason)> = Vec::new();
        let mut told: BTreeMap<&Demand, &Reason> = BTreeMap::new();
        // The last of a kind stands for those of it that the decision was not asked about.
        for (task, reason) in plan.wait.iter().rev() {
            let Some(demand) = kinds.get(task) else {
                continue;
            };
            match told.get(demand) {
                None => {
                    told.insert(demand, reason);
                    classes.push(demand.clone().because(reason.clone()));
                }
                Some(said) if *said != reason => heads.push((task.clone(), reason.clone())),
                Some(_) => {}
            }
        }
        let warnings = plan
            .figures
            .warnings
            .iter()
            .map(|w| w.text(gpuyard_core::model::Lang::En))
            .collect();
        self.warn("gpus", warnings);
        self.say(classes, heads, plan.figures.competed.clone());
    }

    /// Nothing can be decided on what cannot be read.
    fn blind(&mut self, error: &str) {
        self.trouble("gpus", Some(format!("the GPUs cannot be read: {error}")));
        let now = clock::now();
        let heads = self.journal.machine_mut().heads(now, 1);
        let kinds: BTreeSet<_> = heads.iter().map(Demand::of_head).collect();
        let classes = kinds
            .into_iter()
            .map(|demand| demand.because(Reason::GpusUnreadable))
            .collect();
        self.say(classes, Vec::new(), Vec::new());
    }

    fn say(&mut self, classes: Vec<ClassReason>, heads: Vec<(TaskId, Reason)>, gpus_available: Vec<u32>) {
        let run = self.journal.machine().run();
        let same = run.class_reasons == classes && run.head_reasons == heads && run.gpus_available == gpus_available;
        if !same {
            self.record(Event::Decided {
                classes,
                heads,
                gpus_available,
            });
        }
    }

    /// Shows what is odd and does not stop the run.
    pub(crate) fn warn(&mut self, about: &str, warnings: Vec<String>) {
        let said = self
            .journal
            .machine()
            .run()
            .warnings
            .get(about)
            .map_or(&[][..], Vec::as_slice);
        if said != warnings.as_slice() {
            for warning in &warnings {
                tracing::warn!("{warning}");
            }
            self.record(Event::Warned {
                about: about.to_owned(),
                warnings,
            });
        }
    }

    /// Looks at what running attempts use, for their peak.
    pub(crate) fn measure(&mut self) {
        let now = clock::now();
        self.looked = now.mono;
        match self.observer.look(&self.rules, now) {
            Ok(_) => self.trouble("gpus", None),
            Err(error) => self.trouble("gpus", Some(format!("the GPUs cannot be read: {error}"))),
        }
    }
}

/// The leases that must be on the GPUs for this placement to stand: those that the decision saw, and those that were
/// taken for placements before it in the same plan.
fn expected(placement: &Placement, lease: &Lease, taken: &[LeaseView]) -> Vec<UniId> {
    let gpus: BTreeSet<_> = lease.claims.iter().map(|claim| &claim.gpu).collect();
    let own = taken
        .iter()
        .filter(|view| view.claims.iter().any(|claim| gpus.contains(&claim.gpu)));
    let mut ids = placement.expected.clone();
    ids.extend(own.map(|view| view.uni_id.clone()));
    ids
}
