//! What the end of an attempt means for its task: done, stopped, tried again, or failed.
use jiff::{SignedDuration, Timestamp};

use super::{Gate, LiveAttempt, Machine, RunState, TaskState};
use crate::model::{Bytes, Now, Outcome, QueueId, Seconds};

/// Between two tries to start what a full disk keeps from starting, at least: each is written to the journal.
const ROOM_PAUSE: Seconds = Seconds(1.0);

/// Start, end and peak memory of an attempt, as far as they were recorded.
type Figures = (Option<Timestamp>, Option<Timestamp>, Option<Bytes>);

impl Machine {
    pub(super) fn ended(
        &mut self,
        queue_id: QueueId,
        place: usize,
        live: &LiveAttempt,
        outcome: &Outcome,
        (started_at, finished_at, peak_memory): Figures,
        now: Now,
    ) {
        let retry = self.run.retry.clone();
        let ending = matches!(self.run.state, RunState::Stopping);
        let Some(task) = self.task_at(queue_id, place) else {
            return;
        };
        task.started_at = started_at.or(task.started_at);
        task.finished_at = Some(finished_at.unwrap_or(now.wall));
        task.peak_memory = peak_memory.or(task.peak_memory);
        task.current_gpu = None;
        (task.exit_code, task.signal) = match outcome {
            Outcome::Exited { code } => (Some(*code), None),
            Outcome::Signaled { signal, .. } => (None, Some(*signal)),
            _ => (None, None),
        };
        let error = failure(outcome);
        let max_retries = task.extra.as_ref().map_or(retry.max_retries, |extra| extra.max_retries);
        // One that came to its end before the stop reached it is done: its runner would else say that it was stopped.
        let state = if *outcome == Outcome::Stopped || live.stop_requested && error.is_some() {
            TaskState::Stopped
        } else if error.is_none() {
            task.failures_in_row = 0;
            TaskState::Completed
        } else if !task.removed && !ending && matches!(outcome, Outcome::NotStarted { disk_full: true, .. }) {
            // New work waits for room on the disk, however long that takes.
            let gate = gate(false, Seconds(retry.retry_delay.0.max(ROOM_PAUSE.0)), now);
            task.waiting_since = Some(gate.until_mono);
            task.gate = Some(gate);
            TaskState::Retrying
        } else if task.removed || ending || task.retry_count >= max_retries {
            TaskState::Failed
        } else {
            task.retry_count += 1;
            task.failures_in_row += 1;
            let backing_off = task.failures_in_row >= retry.max_retry_before_backoff;
            if backing_off {
                task.failures_in_row = 0;
            }
            let wait = if backing_off {
                retry.backoff_duration
            } else {
                retry.retry_delay
            };
            let gate = gate(backing_off, wait, now);
            task.waiting_since = Some(gate.until_mono);
            task.gate = Some(gate);
            TaskState::Retrying
        };
        task.last_error.clone_from(&error);
        self.set_state(queue_id, place, state);
        if let (Some(error), Some(queue)) = (error, self.run.queues.get_mut(&queue_id)) {
            queue.last_error = Some(error);
        }
    }
}

fn gate(backing_off: bool, wait: Seconds, now: Now) -> Gate {
    let length_ms = wait.millis();
    let length = SignedDuration::from_millis(i64::try_from(length_ms).unwrap_or(i64::MAX));
    Gate {
        backing_off,
        until_mono: now.mono.plus_millis(length_ms),
        until: now.wall.checked_add(length).unwrap_or(Timestamp::MAX),
        length_ms,
    }
}

/// The failure in words; `None` for what is none.
fn failure(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Exited { code: 0 } => None,
        Outcome::Stopped => Some("stopped".into()),
        Outcome::Exited { code: 127 } => Some("exit code 127 (command not found)".into()),
        Outcome::Exited { code: 126 } => Some("exit code 126 (not executable)".into()),
        Outcome::Exited { code } => Some(format!("exit code {code}")),
        Outcome::Signaled {
            signal,
            out_of_memory: true,
        } => Some(format!("killed by signal {signal}: the host ran out of memory")),
        Outcome::Signaled { signal, .. } => Some(format!("killed by signal {signal}")),
        Outcome::TimedOut => Some("ran longer than task_timeout".into()),
        Outcome::NotStarted { message, .. } => Some(format!("could not be started: {message}")),
        Outcome::Lost => Some("lost: it ended without leaving a record (power cut, or the host went down)".into()),
    }
}
