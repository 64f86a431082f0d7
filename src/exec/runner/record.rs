//! The exit record, as runner and scheduler both write it.
use gpuyard_core::model::{Bytes, ExitRecord, Mono, Now, Outcome, Seconds, UniId};
use jiff::Timestamp;

use crate::sys::Usage;

/// When an attempt started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    pub(crate) at: Timestamp,
    /// On this boot's clock, if it was on this boot.
    pub(crate) mono: Option<Mono>,
}

/// All that makes an exit record.
#[derive(Debug)]
pub(crate) struct End<'a> {
    pub(crate) uni_id: &'a UniId,
    pub(crate) outcome: Outcome,
    pub(crate) command_index: u32,
    /// `None`: it never did.
    pub(crate) started: Option<Started>,
    pub(crate) now: Now,
    pub(crate) usage: Usage,
    pub(crate) left_over: u32,
    pub(crate) recorded_by: &'static str,
}

pub(crate) fn exit_record(end: End<'_>) -> ExitRecord {
    let started = end.started.unwrap_or(Started {
        at: end.now.wall,
        mono: Some(end.now.mono),
    });
    let seconds = match started.mono {
        Some(mono) => end.now.mono.since(mono) as f64 / 1000.0,
        // From another boot: the wall clock is all there is. It may have been set back.
        None => (end.now.wall.as_millisecond() - started.at.as_millisecond()).max(0) as f64 / 1000.0,
    };
    let known = end.usage.known.then_some(end.usage);
    ExitRecord {
        version: 1,
        uni_id: end.uni_id.clone(),
        outcome: end.outcome,
        command_index: end.command_index,
        started_at: started.at,
        finished_at: end.now.wall,
        duration: Seconds(seconds),
        user_cpu: known.map(|u| Seconds(u.user.as_secs_f64())),
        system_cpu: known.map(|u| Seconds(u.system.as_secs_f64())),
        peak_rss: known.map(|u| Bytes(u.peak_rss)),
        left_over: end.left_over,
        recorded_by: end.recorded_by.into(),
    }
}
