//! Which task a process on a GPU belongs to: by the key in its environment, by its cgroup, or by a runner among its
//! parents.
use std::{collections::HashMap, path::Path};

use gpuyard_core::{
    model::{GpuProcess, Lease, UniId},
    wire::{Role, TaskRef},
};
use gpuyard_exec::{ExecError, host::HostFolder, identity};
use gpuyard_gpu::Origin;

use crate::runs::Book;

/// The attempts of this machine, of every gpuyard on it.
pub(crate) struct Tasks {
    attempts: HashMap<UniId, Known>,
    runners: HashMap<(i32, u64), UniId>,
}

struct Known {
    task: TaskRef,
    /// Whose.
    uid: u32,
}

impl Tasks {
    /// Looks at the leases of the host, and at what the runs of this root say of their tasks.
    pub(crate) fn look(host: &HostFolder, root: &Path, runs: &Book) -> Result<Tasks, ExecError> {
        let mut tasks = Tasks::none();
        let own = identity::owner().uid;
        for attempt in host.known_attempts()? {
            let lease = attempt.lease;
            let ours = lease.owner.uid == own && Path::new(&lease.root) == root;
            let followed = ours.then(|| runs.task_of_attempt(&lease.uni_id)).flatten();
            let uid = lease.owner.uid;
            let task = followed.unwrap_or_else(|| of_lease(&lease, root, own));
            let uni_id = lease.uni_id;
            tasks
                .runners
                .extend(attempt.runners.into_iter().map(|runner| (runner, uni_id.clone())));
            tasks.attempts.insert(uni_id, Known { task, uid });
        }
        Ok(tasks)
    }

    /// Where nothing on a GPU can belong to one.
    pub(crate) fn none() -> Tasks {
        Tasks {
            attempts: HashMap::new(),
            runners: HashMap::new(),
        }
    }

    /// One task of a user's, whose attempt has no runner.
    #[cfg(test)]
    pub(crate) fn of_one(task: TaskRef, uid: u32) -> Tasks {
        Tasks {
            attempts: HashMap::from([(task.uni_id.clone(), Known { task, uid })]),
            runners: HashMap::new(),
        }
    }

    /// The task of a process. A key and the name of a cgroup can be set by anyone: they count only where the process is
    /// of the user whose attempt they name, so that nobody's task is stopped in another's place.
    pub(crate) fn of(&self, process: &GpuProcess, origin: Option<&Origin>) -> Option<&TaskRef> {
        let said = process
            .uni_id
            .iter()
            .chain(origin.and_then(|origin| origin.attempt.as_ref()));
        let named = said
            .filter_map(|uni_id| self.attempts.get(uni_id))
            .find(|known| process.uid == Some(known.uid));
        let born = || {
            let runner = origin?.ancestors.iter().find(|parent| parent.role == Role::Runner)?;
            self.attempts.get(self.runners.get(&(runner.pid, runner.start_ticks))?)
        };
        named.or_else(born).map(|known| &known.task)
    }
}

/// As far as its lease tells.
fn of_lease(lease: &Lease, root: &Path, own: u32) -> TaskRef {
    TaskRef {
        mode: lease.config.map(|key| key.mode),
        config_index: lease.config.map(|key| key.index),
        run_id: lease.run_id.clone(),
        queue_id: None,
        task_id: lease.task_id.clone(),
        process_index: None,
        uni_id: lease.uni_id.clone(),
        root: (Path::new(&lease.root) != root).then(|| lease.root.clone()),
        owner: (lease.owner.uid != own).then(|| lease.owner.name.clone()),
    }
}
