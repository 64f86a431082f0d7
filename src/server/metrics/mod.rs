//! The daemon's figures for Prometheus: GPUs, runs, and the daemon itself, from what is held in memory.
mod daemon;
mod dcgm;
mod gpus;
mod runs;
#[cfg(test)]
mod tests;
mod text;

use gpuyard_core::{model::Lang, wire::ProcessEntry};
use gpuyard_gpu::SamplerState;
pub(crate) use text::Text;

use crate::{app::App, error::ApiError, runs::Head};

/// What is wanted beside the usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extras {
    /// A series for each process on a GPU.
    pub(crate) processes: bool,
    /// GPUs under the names of NVIDIA's DCGM exporter as well.
    pub(crate) dcgm: bool,
}

/// What the figures are made of.
struct Known {
    state: SamplerState,
    hostname: String,
    /// `None` where they are not wanted.
    processes: Option<Vec<ProcessEntry>>,
    runs: Vec<Head>,
    feeds: usize,
}

/// All figures, as a text.
pub(crate) fn metrics(app: &App, extras: Extras) -> Result<String, ApiError> {
    let processes = if extras.processes {
        let report = app.gpus.report(&app.tasks_on_gpus()?, Lang::En);
        let entries = report
            .gpus
            .into_iter()
            .flat_map(|gpu| gpu.processes.unwrap_or_default());
        Some(entries.collect())
    } else {
        None
    };
    let known = Known {
        state: app.gpus.state(),
        hostname: gpuyard_exec::identity::node().hostname,
        processes,
        runs: app.runs.heads(Lang::En),
        feeds: app.live.clients(),
    };
    Ok(write(&known, extras))
}

fn write(known: &Known, extras: Extras) -> String {
    let mut text = Text::default();
    gpus::write(&mut text, known);
    if extras.dcgm {
        dcgm::write(&mut text, known);
    }
    runs::write(&mut text, &known.runs);
    daemon::write(&mut text, known.feeds);
    text.done()
}
