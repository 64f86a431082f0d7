//! Whose a run is, and whether its scheduler lives.
use gpuyard_core::queue::{Run, RunState};
use gpuyard_exec::identity;

/// How a run stands towards this daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// It is this machine's, this user's, and not another container's: its processes can be asked after, and it may be
    /// taken up again.
    pub(crate) ours: bool,
    /// Its very scheduler lives.
    pub(crate) alive: bool,
}

impl Standing {
    /// Looks at a run's scheduler.
    pub(crate) fn of(run: &Run) -> Standing {
        let here = identity::pid_space();
        let space = run.scheduler.as_ref().map(|scheduler| &scheduler.space);
        // Before a reboot, pids were others', in whatever namespace.
        let other_container = space.is_some_and(|space| space.boot_id == here.boot_id && space.pid_ns != here.pid_ns);
        let ours = run.node.machine_id == here.machine_id && run.owner.uid == identity::owner().uid && !other_container;
        let alive = ours && !run.state.is_over() && run.scheduler.as_ref().is_some_and(identity::is_alive);
        Standing { ours, alive }
    }

    /// A run as it is shown.
    pub(crate) fn judge(self, mut run: Run) -> Run {
        run.state = self.state(&run);
        run
    }

    /// Where a run stands: what is not over and has nobody to go on with it is interrupted.
    pub(crate) fn state(self, run: &Run) -> RunState {
        if self.ours && !self.alive && !run.state.is_over() {
            return RunState::Interrupted;
        }
        run.state
    }
}
