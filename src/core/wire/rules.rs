//! `/api/config`: the rules, changes of them, and what they would do.
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{AdditionalProperties, Object, Schema},
    },
};

use crate::{
    model::{GpuRef, Mode, QueueId, Rules, TaskId},
    queue::ShownReason,
};

/// Answer of `GET /api/config`: every rule as it is in force, optional ones with what they mean when they are absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RulesAnswer(pub Rules);

/// Body of `PUT /api/config` and of its preview: the keys to change, the others stay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RulesChange(pub Map<String, Value>);

/// The shape of [`Rules`], changed a little.
fn rules_with(change: impl FnOnce(&mut Object)) -> RefOr<Schema> {
    let mut schema = Rules::schema();
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        change(object);
    }
    schema
}

impl PartialSchema for RulesAnswer {
    fn schema() -> RefOr<Schema> {
        rules_with(|object| object.required = object.properties.keys().cloned().collect())
    }
}

impl PartialSchema for RulesChange {
    fn schema() -> RefOr<Schema> {
        rules_with(|object| {
            object.description = Some("The keys to change, the others stay.".into());
            object.required = Vec::new();
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        })
    }
}

impl ToSchema for RulesAnswer {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Rules::schemas(schemas);
    }
}

impl ToSchema for RulesChange {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Rules::schemas(schemas);
    }
}

/// Answer of `PUT /api/config`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RulesSaved {
    /// `success`; a refused change is an error answer.
    pub status: String,
    /// The rules as they are now.
    pub data: RulesAnswer,
    /// Changed keys that running schedulers do not follow: they take effect at a scheduler's next start.
    pub requires_restart: Vec<String>,
    /// What is odd about the changed keys, and no error.
    pub warnings: Vec<String>,
}

/// Answer of `POST /api/config/preview`: what the scheduler's own policy would decide now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RulesPreview {
    /// The rules as they would be.
    pub data: RulesAnswer,
    /// Why nothing can be told: no GPU is there, or they cannot be read. `None` when all is well.
    pub message: Option<String>,
    /// What is odd about the rules, and no error.
    pub warnings: Vec<String>,
    /// Indices of the GPUs that the rules compete for and that are there.
    pub competed: Vec<u32>,
    /// Competed GPUs with at least 1 GiB free, or held already.
    pub available: u32,
    /// GPUs that this user may hold.
    pub allowed: u32,
    /// GPUs that this user holds now.
    pub held: u32,
    /// GPUs on which a task of any size would find room now, best first: what the next task of one GPU would take.
    pub would_take: Vec<GpuRef>,
    /// One entry a command file that runs, or that has something to run; running ones first.
    pub configs: Vec<ConfigPreview>,
}

/// What would become of one command file's heads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConfigPreview {
    /// Single or multi.
    pub mode: Mode,
    /// From 0.
    pub config_index: u32,
    /// Whether its scheduler runs. One that does not is looked at as if it were started now, beside those that run.
    pub running: bool,
    /// Heads that would start now, in the order in which they are decided.
    pub start: Vec<HeadStart>,
    /// Heads that would wait, and why.
    pub wait: Vec<HeadWait>,
    /// Heads that would wait and are not listed: such an answer names 200.
    pub more_waiting: u32,
}

/// A head that would start now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeadStart {
    /// Its queue.
    pub queue_id: QueueId,
    /// Its place in the queue, from 0.
    pub process_index: u32,
    /// Its id; `None` where nothing runs it yet.
    pub task_id: Option<TaskId>,
    /// GiB that it asks for on each GPU.
    pub memory_gb: f64,
    /// The GPUs that it would take, best first.
    pub gpus: Vec<GpuRef>,
}

/// A head that would wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeadWait {
    /// Its queue.
    pub queue_id: QueueId,
    /// Its place in the queue, from 0.
    pub process_index: u32,
    /// Its id; `None` where nothing runs it yet.
    pub task_id: Option<TaskId>,
    /// GiB that it asks for on each GPU.
    pub memory_gb: f64,
    /// GPUs that it asks for.
    pub gpu_count: u32,
    /// Why.
    pub reason: ShownReason,
}
