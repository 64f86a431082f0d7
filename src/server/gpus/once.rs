//! What the API would say about GPUs, and do about their processes, for a program that is no daemon (`gpuyard gpus`, `ps`
//! and `kill` where none runs).
use std::{path::Path, time::Duration};

use gpuyard_core::{
    model::{Lang, Seconds},
    wire::{GpuProcesses, GpuReport, KillAnswer, KillRequest, ProcessName},
};
use gpuyard_exec::{ExecError, clock, host::HostFolder, identity};
use gpuyard_gpu::{DetailReader, GpuReader, GpuSource, HostSampler, SamplerState};
use gpuyard_store::Root;
use serde_json::Value;

use super::{
    Tasks, boot, end, listing, named,
    report::{Facts, whole},
};
use crate::runs::Book;

/// A driver that takes longer is taken for hung.
const PATIENCE: Duration = Duration::from_secs(10);

/// The GPUs of this host, read when they are asked after.
pub struct LocalGpus {
    reader: GpuReader,
    details: DetailReader,
    state: SamplerState,
    host: HostFolder,
    root: Root,
    boot: String,
}

impl LocalGpus {
    /// Reads the GPUs. `root` says which tasks are ours, and which disk is shown.
    pub fn read(source: Box<dyn GpuSource>, host: HostFolder, root: Root) -> LocalGpus {
        let state = SamplerState {
            source: source.name().to_owned(),
            interval: Seconds(0.0),
            ..SamplerState::default()
        };
        let mut gpus = LocalGpus {
            reader: GpuReader::spawn(source),
            details: DetailReader::new(Path::new("/proc")),
            state,
            host,
            root,
            boot: boot(),
        };
        gpus.again();
        gpus
    }

    /// Reads them again.
    pub fn again(&mut self) {
        let now = clock::now();
        let state = &mut self.state;
        state.readings += 1;
        match self.reader.read(now, PATIENCE) {
            Ok(snapshot) => (state.latest, state.last_error, state.failing_since) = (Some(snapshot), None, None),
            Err(error) => {
                state.last_error = Some(error);
                state.failing_since = state.failing_since.or(Some(now.wall));
            }
        }
    }

    /// As `/api/gpu` has it.
    pub fn report(&mut self, lang: Lang) -> Result<GpuReport, ExecError> {
        let (tasks, now) = (self.tasks()?, clock::now());
        let details = named(&self.state, &mut self.details, now);
        let facts = Facts {
            details: &details,
            tasks: &tasks,
            boot: &self.boot,
            now,
        };
        Ok(whole(
            &self.state,
            &HostSampler::new().sample(self.root.path()),
            &facts,
            lang,
        ))
    }

    /// As `/api/gpu/processes` has it.
    pub fn processes(&mut self, lang: Lang) -> Result<GpuProcesses, ExecError> {
        let tasks = self.tasks()?;
        let details = named(&self.state, &mut self.details, clock::now());
        let reader = &mut self.details;
        Ok(listing(&self.state, &details, reader, &tasks, &self.boot, lang))
    }

    /// As the API does it, with a line of each process for the audit log.
    pub fn end(&mut self, request: &KillRequest, lang: Lang, note: impl FnMut(Value)) -> Result<KillAnswer, ExecError> {
        let (tasks, now) = (self.tasks()?, clock::now());
        let details = named(&self.state, &mut self.details, now);
        let facts = Facts {
            details: &details,
            tasks: &tasks,
            boot: &self.boot,
            now,
        };
        Ok(end(
            request,
            &self.state,
            &facts,
            (&self.host, self.root.path()),
            lang,
            note,
        ))
    }

    /// The process that has this pid now, as the API names it; of one that is gone, as none is named.
    pub fn name(pid: i32) -> ProcessName {
        ProcessName {
            pid,
            start_time: format!("{}-{}", boot(), identity::start_ticks(pid).unwrap_or(0)),
        }
    }

    fn tasks(&self) -> Result<Tasks, ExecError> {
        let runs = Book::new(self.root.state_dir());
        // What cannot be read of the runs is told by `status`; a lease says less, and enough.
        let _ = runs.refresh();
        Tasks::look(&self.host, self.root.path(), &runs)
    }
}
