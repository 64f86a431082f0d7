//! The text against the rules of its form and of naming.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use gpuyard_core::model::{Bytes, Gpu, Health, Memory, Mono, Percent, Seconds, Snapshot, Vendor, XidErrors};
use gpuyard_gpu::SourceError;
use jiff::Timestamp;

use super::*;
use crate::yard::{SECRET, call, yard};

fn known() -> Known {
    let mut good = Gpu::new(0, "GPU-a", Vendor::Nvidia);
    good.name = Some("A \"quoted\\\" name\nof two lines".into());
    good.memory = Some(Memory {
        used: Bytes(3 << 30),
        free: Bytes(5 << 30),
        total: Bytes(8 << 30),
    });
    good.utilization = Some(Percent(97.0));
    good.temperature = Some(61.4);
    good.clock_graphics = Some(1410);
    good.processes = Some(Vec::new());
    good.xids = Some(XidErrors {
        count: 2,
        last_code: Some(79),
        last_at: Some(Timestamp::from_second(1_700_000_000).unwrap()),
    });
    let mut lost = Gpu::new(1, "GPU-b", Vendor::Nvidia);
    lost.health = Health::Lost { message: "gone".into() };
    let snapshot = Snapshot {
        taken_at: Timestamp::from_second(1_700_000_001).unwrap(),
        mono: Mono(1),
        source: "nvml".into(),
        gpus: vec![good, lost],
    };
    Known {
        state: SamplerState {
            source: "nvml".into(),
            interval: Seconds(1.0),
            latest: Some(Arc::new(snapshot)),
            readings: 7,
            ..SamplerState::default()
        },
        hostname: "gpu01".into(),
        processes: None,
        runs: Vec::new(),
        feeds: 3,
    }
}

/// Reads a text back: series by name and labels. Panics where it is not in form.
fn lint(text: &str) -> BTreeMap<String, f64> {
    let (mut kinds, mut series, mut closed) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    let mut current = String::new();
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(help.ends_with('.'), "{line}");
            assert!(closed.insert(current.clone()) || current.is_empty());
            assert!(!closed.contains(name), "{name} comes twice");
            current = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, current);
            kinds.insert(name.to_owned(), kind.to_owned());
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
        } else {
            let at = line.find(['{', ' ']).unwrap();
            let (name, value) = (&line[..at], line.rsplit(' ').next().unwrap());
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{name}");
            assert_eq!(name, current, "a family is in one place");
            let ours = ["gpuyard_", "process_", "DCGM_FI_DEV_"];
            assert!(ours.iter().any(|prefix| name.starts_with(prefix)), "{name}");
            for unit in ["_percent", "_mib", "_gib", "_mhz", "_ms", "_milli"] {
                assert!(!name.contains(unit), "{name}: base units");
            }
            let labelled = line[..line.len() - value.len() - 1].to_owned();
            assert!(
                series.insert(labelled, value.parse().unwrap()).is_none(),
                "twice: {line}"
            );
        }
    }
    assert!(kinds.len() > 5);
    series
}

#[test]
fn figures_are_in_form_in_base_units_and_what_is_unknown_is_left_out() {
    let text = write(&known(), Extras::default());
    let series = lint(&text);
    for (name, value) in [
        ("gpuyard_gpu_read_success", 1.0),
        ("gpuyard_gpu_readings_total", 7.0),
        ("gpuyard_gpu_last_read_timestamp_seconds", 1_700_000_001.0),
        ("gpuyard_gpu_utilization_ratio{gpu=\"0\",uuid=\"GPU-a\"}", 0.97),
        (
            "gpuyard_gpu_memory_used_bytes{gpu=\"0\",uuid=\"GPU-a\"}",
            3_221_225_472.0,
        ),
        ("gpuyard_gpu_temperature_celsius{gpu=\"0\",uuid=\"GPU-a\"}", 61.4),
        ("gpuyard_gpu_clock_graphics_hertz{gpu=\"0\",uuid=\"GPU-a\"}", 1.41e9),
        ("gpuyard_gpu_up{gpu=\"1\",uuid=\"GPU-b\"}", 0.0),
        ("gpuyard_gpu_xid_errors_total{gpu=\"0\",uuid=\"GPU-a\"}", 2.0),
        ("gpuyard_gpu_xid_last_code{gpu=\"0\",uuid=\"GPU-a\"}", 79.0),
        (
            "gpuyard_gpu_xid_last_seen_timestamp_seconds{gpu=\"0\",uuid=\"GPU-a\"}",
            1_700_000_000.0,
        ),
        ("gpuyard_live_connections", 3.0),
    ] {
        assert_eq!(series.get(name), Some(&value), "{name}");
    }
    assert!(
        !series.contains_key("gpuyard_gpu_temperature_celsius{gpu=\"1\",uuid=\"GPU-b\"}"),
        "unknown is not 0"
    );
    assert!(text.contains(r#"name="A \"quoted\\\" name\nof two lines""#), "{text}");
    assert!(
        !text.contains("DCGM_") && !text.contains("pid="),
        "only where asked for"
    );
    assert!(series["process_resident_memory_bytes"] > 1e5 && series["process_start_time_seconds"] > 1.6e9);
    let mut failing = known();
    failing.state.last_error = Some(SourceError::ReaderGone);
    assert_eq!(
        lint(&write(&failing, Extras::default()))["gpuyard_gpu_read_success"],
        0.0
    );
}

#[test]
fn dcgms_names_have_its_units_and_labels() {
    let extras = Extras {
        dcgm: true,
        ..Extras::default()
    };
    let series = lint(&write(&known(), extras));
    let find = |name: &str| {
        let found = series
            .iter()
            .find(|(key, _)| key.starts_with(&format!("{name}{{gpu=\"0\",UUID=\"GPU-a\"")));
        *found.unwrap_or_else(|| panic!("{name}")).1
    };
    assert_eq!(find("DCGM_FI_DEV_GPU_UTIL"), 97.0);
    assert_eq!(find("DCGM_FI_DEV_FB_USED"), 3072.0);
    assert_eq!(find("DCGM_FI_DEV_SM_CLOCK"), 1410.0);
    assert_eq!(find("DCGM_FI_DEV_XID_ERRORS"), 79.0);
    assert!(series.keys().any(|key| key.contains("Hostname=\"gpu01\"")));
}

#[tokio::test]
async fn figures_are_behind_the_secret_and_extras_are_asked_for() {
    let yard = yard();
    assert_eq!(yard.ask(call("GET", "/metrics", None, "")).await.0, 401);
    let (status, headers, body) = yard.ask_whole(call("GET", "/metrics", Some(SECRET), "")).await;
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let plain = lint(&String::from_utf8(body).unwrap());
    let extras = call("GET", "/metrics?dcgm=true&processes=true", Some(SECRET), "");
    let (_, _, body) = yard.ask_whole(extras).await;
    assert!(lint(&String::from_utf8(body).unwrap()).len() > plain.len());
    assert_eq!(
        yard.ask(call("GET", "/metrics?proceses=true", Some(SECRET), ""))
            .await
            .0,
        422
    );
}

#[test]
fn the_dashboard_asks_for_figures_that_there_are() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/grafana.json");
    let dashboard: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(folder).unwrap()).unwrap();
    let told = std::fs::read_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("metrics")).unwrap();
    let code: String = told
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let mut asked = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let words = target["expr"].as_str().unwrap();
            let words = words.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            asked.extend(words.filter(|word| word.starts_with("gpuyard_") || word.starts_with("process_")));
        }
    }
    assert!(asked.len() > 10);
    for name in asked {
        assert!(code.contains(&format!("\"{name}\"")), "{name}");
    }
}
