//! Finding an attempt again after its scheduler died, also if it died between deciding and launching.
use std::{path::Path, thread, time::Duration};

use gpuyard_core::model::{Outcome, UniId};

use super::{
    AttemptEvent, Recovered,
    crew::Runner,
    local::{LocalExecutor, Phase},
    orphans::Orphans,
};
use crate::{ExecError, attempt, clock, identity, kill::Target, lease::LeaseFile};

/// A runner says who it is within its first millisecond. One that is stopped just there is given up on for now.
const PATIENCE: u32 = 2000;

impl LocalExecutor {
    pub(super) fn recover_attempt(&mut self, uni_id: &UniId, folder: &Path) -> Result<Recovered, ExecError> {
        if let Some(known) = self.attempts.get(uni_id) {
            return Ok(match &known.phase {
                Phase::Running { runner, .. } => Recovered::Running {
                    runner: runner.identity.clone(),
                },
                Phase::Orphaned(orphans) => Recovered::Orphaned { pids: orphans.pids() },
            });
        }
        if let Some(record) = attempt::read_exit(folder)? {
            self.host.clear(uni_id);
            return Ok(Recovered::Ended(record));
        }
        if let Some(spec) = attempt::read_spec(folder).ok().flatten()
            && spec.node.machine_id != identity::node().machine_id
        {
            return Err(ExecError::OtherMachine {
                uni_id: uni_id.to_string(),
                hostname: spec.node.hostname,
            });
        }
        if let Some(running) = self.recover_runner(uni_id, folder)? {
            return Ok(running);
        }
        // No runner. It may have written its record just before it ended.
        if let Some(record) = attempt::claim_exit(folder)? {
            self.host.clear(uni_id);
            return Ok(Recovered::Ended(record));
        }
        let orphans = Orphans::recovered(uni_id.clone(), folder.to_owned());
        self.insert(uni_id.clone(), folder, Phase::Orphaned(Box::new(orphans)));
        let mut events = Vec::new();
        self.look_after(uni_id, clock::now(), &mut events);
        if let Some(AttemptEvent::Ended { record, .. }) = events
            .into_iter()
            .find(|event| matches!(event, AttemptEvent::Ended { .. }))
        {
            return Ok(if record.outcome == Outcome::Lost {
                Recovered::Lost
            } else {
                Recovered::Ended(record)
            });
        }
        Ok(match self.attempts.get_mut(uni_id).map(|attempt| &mut attempt.phase) {
            Some(Phase::Orphaned(orphans)) => {
                orphans.told();
                Recovered::Orphaned { pids: orphans.pids() }
            }
            Some(Phase::Running { runner, .. }) => Recovered::Running {
                runner: runner.identity.clone(),
            },
            None => Recovered::NeverStarted,
        })
    }

    /// The attempt's runner, if one lives.
    #[expect(
        clippy::disallowed_methods,
        reason = "nothing tells when another process has written its line"
    )]
    fn recover_runner(&mut self, uni_id: &UniId, folder: &Path) -> Result<Option<Recovered>, ExecError> {
        let path = self.host.lease_path(uni_id)?;
        for _ in 0..PATIENCE {
            let Some(file) = LeaseFile::open(&path)? else {
                return Ok(None);
            };
            if !file.has_runner()? {
                return Ok(None);
            }
            if let Some(mark) = file.marks.last()
                && let Some(target) = Target::open(mark.pid, mark.start_ticks)
                    .map_err(ExecError::system("open a runner"))?
                // Of two runners in turn, the lock may be the second's and the line still the first's.
                && !target.has_exited()
            {
                let (identity, fd) = target.into_parts();
                let runner = Runner::found(identity.clone(), fd);
                self.insert(uni_id.clone(), folder, Phase::Running { runner, watched: false });
                return Ok(Some(Recovered::Running { runner: identity }));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Err(ExecError::RunnerSilent {
            uni_id: uni_id.to_string(),
        })
    }
}
