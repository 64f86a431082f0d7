//! Why a task waits: always one of a closed list, always shown.
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AdhocId, Bytes, Lang};

/// Why a task waits. In JSON: `{"code": "NotEnoughMemory", "best_free": …}`; [`Reason::text`] adds the words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "code")]
pub enum Reason {
    /// No GPU that the rules compete for could ever run it.
    NoGpuMatches,
    /// GPUs are there, none has so much memory to spare.
    NotEnoughMemory {
        /// The most that is to be had on one GPU now, promised memory and headroom taken off.
        best_free: Bytes,
    },
    /// The GPUs that would do are held by this user's own tasks.
    GpuHeldByOwnTask,
    /// The GPUs that would do have other processes of this user on them.
    GpuHasOwnProcess,
    /// The allowance is used up: the rest is left for others.
    ReservedForOthers {
        /// GPUs that the user may hold.
        allowed: u32,
        /// GPUs that the user holds.
        held: u32,
    },
    /// It needs more GPUs than are free for it.
    NotEnoughGpus {
        /// That would do now.
        free: u32,
        /// That it asks for.
        needed: u32,
    },
    /// Free GPUs are being kept for a task of several GPUs that has waited long.
    HeldForLargerTask,
    /// It failed several times in a row.
    BackingOff {
        /// When it is tried again, as far as the wall clock tells.
        until: Timestamp,
    },
    /// It failed and is tried again in a moment.
    RetryDelay {
        /// When it is tried again, as far as the wall clock tells.
        until: Timestamp,
    },
    /// A task before it in its queue is not done.
    QueueBusy,
    /// No GPU that it could use can be read now.
    GpusUnreadable,
    /// The GPUs that would do are busier than `max_gpu_utilization`.
    TooBusy,
    /// The GPUs that would do have not been free for `idle_seconds` yet.
    NotIdleLongEnough,
    /// A task before it in the line needs the same GPUs, and is not overtaken.
    BehindEarlierTask,
    /// It is not to start before this.
    NotBefore {
        /// As it was asked for.
        until: Timestamp,
    },
    /// Tasks that it depends on have not completed yet.
    WaitsForTasks {
        /// Their numbers.
        tasks: Vec<AdhocId>,
    },
    /// No scheduler is at work on it.
    NoScheduler,
}

impl Reason {
    /// The code, as in JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Reason::NoGpuMatches => "NoGpuMatches",
            Reason::NotEnoughMemory { .. } => "NotEnoughMemory",
            Reason::GpuHeldByOwnTask => "GpuHeldByOwnTask",
            Reason::GpuHasOwnProcess => "GpuHasOwnProcess",
            Reason::ReservedForOthers { .. } => "ReservedForOthers",
            Reason::NotEnoughGpus { .. } => "NotEnoughGpus",
            Reason::HeldForLargerTask => "HeldForLargerTask",
            Reason::BackingOff { .. } => "BackingOff",
            Reason::RetryDelay { .. } => "RetryDelay",
            Reason::QueueBusy => "QueueBusy",
            Reason::GpusUnreadable => "GpusUnreadable",
            Reason::TooBusy => "TooBusy",
            Reason::NotIdleLongEnough => "NotIdleLongEnough",
            Reason::BehindEarlierTask => "BehindEarlierTask",
            Reason::NotBefore { .. } => "NotBefore",
            Reason::WaitsForTasks { .. } => "WaitsForTasks",
            Reason::NoScheduler => "NoScheduler",
        }
    }

    /// The reason in words.
    pub fn text(&self, lang: Lang) -> String {
        let fixed = |en: &str, zh: &str| lang.pick(en, zh).to_owned();
        match self {
            Reason::NoGpuMatches => fixed(
                "no GPU that the rules compete for could ever run this task: it asks for more memory, or more GPUs, than there are",
                "规则所竞争的显卡都无法运行此任务：所需显存或卡数超过了现有显卡",
            ),
            Reason::NotEnoughMemory { best_free } => match lang {
                Lang::En => format!("not enough free memory: the best GPU has {best_free} to spare"),
                Lang::Zh => format!("显存不足：目前单卡最多可用 {best_free}"),
            },
            Reason::GpuHeldByOwnTask => fixed("its GPUs are held by your other tasks", "显卡正被您的其他任务占用"),
            Reason::GpuHasOwnProcess => fixed(
                "other processes of yours are on the free GPUs",
                "空闲显卡上有您自己的其他进程",
            ),
            Reason::ReservedForOthers { allowed, held } => match lang {
                Lang::En => format!("the rules leave the rest for others: {allowed} allowed, {held} held"),
                Lang::Zh => format!("按规则其余显卡留给他人：最多可用 {allowed} 张，已占用 {held} 张"),
            },
            Reason::NotEnoughGpus { free, needed } => match lang {
                Lang::En if *needed == 1 => "needs a GPU, and none would do now".into(),
                Lang::En => format!("needs {needed} GPUs at once, and {free} would do now"),
                Lang::Zh => format!("需要同时使用 {needed} 张显卡，目前可用 {free} 张"),
            },
            Reason::HeldForLargerTask => fixed(
                "free GPUs are kept for a larger task that has waited long",
                "空闲显卡正为等待已久的多卡任务保留",
            ),
            Reason::BackingOff { .. } => fixed("failed several times in a row; backing off", "连续失败多次，正在退避"),
            Reason::RetryDelay { .. } => fixed("failed; tried again in a moment", "上次失败，稍后重试"),
            Reason::QueueBusy => fixed("waits for the task before it in its queue", "等待队列中前面的任务"),
            Reason::GpusUnreadable => fixed("the GPUs cannot be read right now", "目前无法读取显卡状态"),
            Reason::TooBusy => fixed(
                "the GPUs that would do are busier than max_gpu_utilization",
                "符合条件的显卡利用率高于 max_gpu_utilization",
            ),
            Reason::NotIdleLongEnough => fixed(
                "the GPUs that would do have not been free for idle_seconds yet",
                "符合条件的显卡空闲时间尚未达到 idle_seconds",
            ),
            Reason::BehindEarlierTask => fixed(
                "a task before it in the line needs the same GPUs and comes first",
                "队列中靠前的任务需要相同的显卡，按顺序等待",
            ),
            Reason::NotBefore { .. } => fixed("not to start yet", "尚未到指定的开始时间"),
            Reason::WaitsForTasks { tasks } => {
                let ids: Vec<String> = tasks.iter().map(|id| format!("#{id}")).collect();
                match lang {
                    Lang::En => format!("waits for {} to complete", ids.join(", ")),
                    Lang::Zh => format!("等待任务 {} 完成", ids.join("、")),
                }
            }
            Reason::NoScheduler => fixed(
                "the scheduler of ad-hoc tasks is not at work",
                "临时任务的调度器没有在运行",
            ),
        }
    }
}
