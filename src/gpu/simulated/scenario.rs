//! The file named by `GPUYARD_SIMULATION`: everything about a simulated host that its processes do not say themselves.
//!
//! It is JSON, looked at before each snapshot and read again when it changed (modification time, size or inode). Every
//! key may be left out; a key that is none is refused, by name. Memory is written as `"3GiB"`, `"512MiB"` or a number
//! of bytes.
//!
//! ```json
//! {
//!   "gpus": {
//!     "0": { "name": "Tesla P100", "used": "1GiB", "utilization": 50, "memory_utilization": 10,
//!            "temperature": 61.5, "power_draw": 120, "power_limit": 250, "fan_speed": null },
//!     "1": { "lost": "fell off the bus" },
//!     "2": { "unreadable": "memory cannot be read" },
//!     "3": { "processes_unknown": true },
//!     "4": { "gone": true }
//!   },
//!   "processes": [
//!     { "pid": 4242, "gpu": 0, "uid": 1001, "memory": "3GiB", "utilization": 30, "work": "graphics", "start_ticks": 77
//!     }
//!   ],
//!   "error": "the driver went away",
//!   "hang_ms": 500
//! }
//! ```
//!
//! - `gpus`: by index. `used` is in use by nobody that is listed (a driver's reserve); figures that are `null` are
//!   those which this GPU does not report; `lost` and `unreadable` are messages, or `true`; `gone` takes the GPU out of
//!   the list; `processes_unknown` hides the list of processes.
//! - `processes`: other people's. `pid` and `gpu` must be there; `gpu` is one index or a list. The pid need not live;
//!   where it does, its own start time is shown unless `start_ticks` says another. `memory: null` (or none): the driver
//!   does not say.
//! - `error`: every snapshot fails with this message.
//! - `hang_ms`: from the moment that this file is seen, the source does not answer for so long; once for each change of
//!   the file.
use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt, path::PathBuf};

use gpuyard_core::model::{Bytes, Mono, Work};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::SourceError;

/// A scenario is a page of text; what is larger is some other file.
const LARGEST: u64 = 16 << 20;

/// What is scripted of one GPU.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct GpuScript {
    pub(super) name: Option<String>,
    #[serde(deserialize_with = "bytes")]
    pub(super) used: Bytes,
    #[serde(deserialize_with = "reported")]
    pub(super) utilization: Reported,
    #[serde(deserialize_with = "reported")]
    pub(super) memory_utilization: Reported,
    #[serde(deserialize_with = "reported")]
    pub(super) temperature: Reported,
    #[serde(deserialize_with = "reported")]
    pub(super) power_draw: Reported,
    #[serde(deserialize_with = "reported")]
    pub(super) power_limit: Reported,
    #[serde(deserialize_with = "reported")]
    pub(super) fan_speed: Reported,
    #[serde(deserialize_with = "message")]
    pub(super) lost: Option<String>,
    #[serde(deserialize_with = "message")]
    pub(super) unreadable: Option<String>,
    pub(super) gone: bool,
    pub(super) processes_unknown: bool,
}

/// A figure: not scripted, scripted as not reported, or scripted.
pub(super) type Reported = Option<Option<f32>>;

/// Somebody else's process.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProcessScript {
    pub(super) pid: i32,
    gpu: OneOrMore,
    #[serde(default)]
    pub(super) uid: Option<u32>,
    #[serde(default, deserialize_with = "some_bytes")]
    pub(super) memory: Option<Bytes>,
    #[serde(default)]
    pub(super) utilization: Option<f32>,
    #[serde(default = "compute")]
    pub(super) work: Work,
    #[serde(default)]
    pub(super) start_ticks: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "an index, or a list of indices")]
enum OneOrMore {
    One(u32),
    More(Vec<u32>),
}

impl OneOrMore {
    fn as_slice(&self) -> &[u32] {
        match self {
            OneOrMore::One(index) => std::slice::from_ref(index),
            OneOrMore::More(list) => list,
        }
    }
}

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Scenario {
    gpus: BTreeMap<u32, GpuScript>,
    processes: Vec<ProcessScript>,
    error: Option<String>,
    hang_ms: u64,
}

impl Scenario {
    pub(super) fn gpu(&self, index: u32) -> &GpuScript {
        static NOTHING: GpuScript = GpuScript {
            name: None,
            used: Bytes(0),
            utilization: None,
            memory_utilization: None,
            temperature: None,
            power_draw: None,
            power_limit: None,
            fan_speed: None,
            lost: None,
            unreadable: None,
            gone: false,
            processes_unknown: false,
        };
        self.gpus.get(&index).unwrap_or(&NOTHING)
    }

    pub(super) fn processes_on(&self, gpu: u32) -> impl Iterator<Item = &ProcessScript> {
        self.processes
            .iter()
            .filter(move |process| process.gpu.as_slice().contains(&gpu))
    }
}

/// Modification time (s, ns), size, inode: what tells that a file is another.
type Stamp = (i64, i64, u64, u64);

/// The file, read again when it changed.
pub(super) struct ScenarioFile {
    path: PathBuf,
    gpu_count: u32,
    stamp: Option<Stamp>,
    scenario: Scenario,
    /// Why the file as it is now cannot be used; `scenario` is the last that could.
    broken: Option<SourceError>,
    /// A hang that has not begun yet, ms; and one under way, from and until.
    hang_due: u64,
    hanging: Option<(Mono, Mono)>,
}

impl ScenarioFile {
    pub(super) fn open(path: PathBuf, gpu_count: u32) -> Result<ScenarioFile, SourceError> {
        let mut file = ScenarioFile {
            path,
            gpu_count,
            stamp: None,
            scenario: Scenario::default(),
            broken: None,
            hang_due: 0,
            hanging: None,
        };
        file.follow();
        match file.broken {
            Some(error) => Err(error),
            None => Ok(file),
        }
    }

    /// The scenario as the file says now, or the failure that it scripts, or why it cannot be used.
    pub(super) fn current(&mut self, now: Mono) -> Result<&Scenario, SourceError> {
        self.follow();
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        if std::mem::take(&mut self.hang_due) > 0 {
            self.hanging = Some((now, now.plus_millis(self.scenario.hang_ms)));
        }
        if let Some((since, until)) = self.hanging {
            if now < until {
                return Err(SourceError::Hung { since });
            }
            self.hanging = None;
        }
        match &self.scenario.error {
            Some(message) => Err(SourceError::Simulated {
                message: message.clone(),
            }),
            None => Ok(&self.scenario),
        }
    }

    fn follow(&mut self) {
        let refuse = |message: String| SourceError::Scenario {
            path: self.path.clone(),
            message,
        };
        let meta = match fs::metadata(&self.path) {
            Ok(meta) => meta,
            Err(error) => {
                self.stamp = None;
                self.broken = Some(refuse(error.to_string()));
                return;
            }
        };
        let stamp = (meta.mtime(), meta.mtime_nsec(), meta.size(), meta.ino());
        if self.stamp == Some(stamp) {
            return;
        }
        self.stamp = Some(stamp);
        let read = if !meta.is_file() || meta.size() > LARGEST {
            Err("it is not a file of at most 16 MiB".to_owned())
        } else {
            fs::read_to_string(&self.path).map_err(|error| error.to_string())
        };
        match read.and_then(|text| parse(&text, self.gpu_count)) {
            Ok(scenario) => {
                self.hang_due = scenario.hang_ms;
                self.hanging = None;
                self.scenario = scenario;
                self.broken = None;
            }
            Err(message) => self.broken = Some(refuse(message)),
        }
    }
}

/// Reads a scenario. What is wrong is said with its field: `gpus.0.temperature: invalid type: …`.
fn parse(text: &str, gpu_count: u32) -> Result<Scenario, String> {
    let whole: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| format!("it is not a JSON object: {error}"))?;
    let mut scenario = Scenario::default();
    for (key, value) in whole {
        match key.as_str() {
            "gpus" => scenario.gpus = gpus(value, gpu_count)?,
            "processes" => scenario.processes = processes(value, gpu_count)?,
            "error" => scenario.error = field("error", value)?,
            "hang_ms" => scenario.hang_ms = field("hang_ms", value)?,
            other => {
                return Err(format!(
                    "{other}: there is no such field; there are gpus, processes, error, hang_ms"
                ));
            }
        }
    }
    Ok(scenario)
}

fn gpus(value: Value, gpu_count: u32) -> Result<BTreeMap<u32, GpuScript>, String> {
    let by_index: Map<String, Value> = field("gpus", value)?;
    let mut gpus = BTreeMap::new();
    for (key, value) in by_index {
        let place = format!("gpus.{key}");
        let index = key
            .parse()
            .map_err(|_| format!("{place}: an index is a whole number"))?;
        gpus.insert(existing(&place, index, gpu_count)?, object(&place, value)?);
    }
    Ok(gpus)
}

fn processes(value: Value, gpu_count: u32) -> Result<Vec<ProcessScript>, String> {
    let list: Vec<Value> = field("processes", value)?;
    let mut processes = Vec::with_capacity(list.len());
    for (at, value) in list.into_iter().enumerate() {
        let place = format!("processes.{at}");
        let process: ProcessScript = object(&place, value)?;
        if process.pid <= 1 {
            return Err(format!("{place}.pid: a process id is above 1"));
        }
        for index in process.gpu.as_slice() {
            existing(&format!("{place}.gpu"), *index, gpu_count)?;
        }
        processes.push(process);
    }
    Ok(processes)
}

fn existing(place: &str, index: u32, gpu_count: u32) -> Result<u32, String> {
    if index < gpu_count {
        Ok(index)
    } else {
        Err(format!("{place}: there are only {gpu_count} GPUs, from 0"))
    }
}

fn field<T: DeserializeOwned>(place: &str, value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| format!("{place}: {error}"))
}

/// Reads an object, and names the key that is wrong: the one that fails when it stands alone, as the whole does.
fn object<T: DeserializeOwned>(place: &str, value: Value) -> Result<T, String> {
    let error = match serde_json::from_value::<T>(value.clone()) {
        Ok(value) => return Ok(value),
        Err(error) => error.to_string(),
    };
    let alone = |key: &String, value: &Value| {
        let only = Value::Object(Map::from_iter([(key.clone(), value.clone())]));
        serde_json::from_value::<T>(only).is_err_and(|failure| failure.to_string() == error)
    };
    let unknown = error.starts_with("unknown field") || error.starts_with("missing field");
    let culprit = value
        .as_object()
        .filter(|_| !unknown)
        .and_then(|keys| keys.iter().find(|(key, value)| alone(key, value)));
    Err(match culprit {
        Some((key, _)) => format!("{place}.{key}: {error}"),
        None => format!("{place}: {error}"),
    })
}

fn compute() -> Work {
    Work::Compute
}

fn reported<'de, D: Deserializer<'de>>(from: D) -> Result<Reported, D::Error> {
    Option::<f32>::deserialize(from).map(Some)
}

fn message<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a message, true or false")]
    enum Told {
        Flag(bool),
        Message(String),
    }
    Ok(match Told::deserialize(from)? {
        Told::Flag(false) => None,
        Told::Flag(true) => Some("scripted so by the simulation".to_owned()),
        Told::Message(message) => Some(message),
    })
}

fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "an amount of memory such as \"3GiB\"")]
    enum Amount {
        Number(u64),
        Text(String),
    }
    match Amount::deserialize(from)? {
        Amount::Number(bytes) => Ok(Bytes(bytes)),
        Amount::Text(text) => Bytes::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not an amount of memory such as \"3GiB\""))),
    }
}

fn some_bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Bytes>, D::Error> {
    #[derive(Deserialize)]
    struct Amount(#[serde(deserialize_with = "bytes")] Bytes);
    Ok(Option::<Amount>::deserialize(from)?.map(|amount| amount.0))
}
