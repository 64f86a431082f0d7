//! Fields, sweeps and GPU models of ad-hoc tasks.
use serde_json::json;

use super::*;
use crate::model::{Memory, Vendor};

fn new(value: serde_json::Value) -> NewAdhocTask {
    serde_json::from_value(value).unwrap()
}

fn gpu(index: u32, name: &str, gib: u64) -> Gpu {
    let memory = Memory {
        used: Bytes(0),
        free: Bytes(gib << 30),
        total: Bytes(gib << 30),
    };
    Gpu {
        name: Some(name.into()),
        memory: Some(memory),
        ..Gpu::new(index, format!("u{index}"), Vendor::Nvidia)
    }
}

#[test]
fn a_command_is_enough_and_names_itself_by_its_last_line() {
    let spec = check(&new(
        json!({"command": "source x/conda.sh\nconda activate pt\n\npython test.py --num 10\n# end\n"}),
    ))
    .unwrap();
    assert_eq!(spec.name, "python test.py --num 10");
    assert_eq!((spec.gpu_type.as_str(), spec.gpu_count, spec.memory), ("any", 1, None));
    assert_eq!((spec.priority, spec.retries, spec.timeout), (0, 0, None));
    assert_eq!(check(&asked(&spec)).unwrap(), spec, "a clone asks for the same");
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let wrong = new(json!({
        "command": " \n", "name": "a\u{7}b", "gpu_count": 0, "memory": -1.0, "priority": 2_000_000, "work_dir": "here",
        "environment": {"1A": "x", "CUDA_VISIBLE_DEVICES": "0", "GPUYARD_QUEUE": "1", "OK": "a\u{0}"},
        "timeout": 0.0, "retries": 100_000, "tags": ["", "x"],
    }));
    let fields: Vec<String> = check(&wrong).unwrap_err().into_iter().map(|e| e.field).collect();
    assert_eq!(
        fields,
        [
            "command",
            "name",
            "gpu_count",
            "memory",
            "priority",
            "work_dir",
            "environment.1A",
            "environment.CUDA_VISIBLE_DEVICES",
            "environment.GPUYARD_QUEUE",
            "environment.OK",
            "timeout",
            "retries",
            "tags[0]",
        ]
    );
    let large = new(json!({"command": "x".repeat(MOST_COMMAND + 1)}));
    assert_eq!(check(&large).unwrap_err()[0].code, "too_long");
}

#[test]
fn a_sweep_makes_every_combination_once() {
    let sweep = new(json!({
        "command": "python t.py --lr {lr} --seed {seed} ${HOME} {other}", "name": "exp",
        "environment": {"RUN": "{lr}-{seed}"}, "matrix": {"lr": [0.1, "{seed}"], "seed": [1, true]},
    }));
    let tasks = expand(sweep).unwrap();
    let commands: Vec<&str> = tasks.iter().map(|task| task.command.as_str()).collect();
    assert_eq!(
        commands,
        [
            "python t.py --lr 0.1 --seed 1 ${HOME} {other}",
            "python t.py --lr 0.1 --seed true ${HOME} {other}",
            "python t.py --lr {seed} --seed 1 ${HOME} {other}",
            "python t.py --lr {seed} --seed true ${HOME} {other}",
        ],
        "what a value brings in stays as it is"
    );
    assert_eq!(tasks[0].name.as_deref(), Some("exp lr=0.1 seed=1"));
    assert_eq!(tasks[1].environment.as_ref().unwrap()["RUN"], "0.1-true");
    assert!(tasks.iter().all(|task| task.matrix.is_none()));
}

#[test]
fn a_sweep_that_makes_no_sense_is_refused_by_key() {
    let codes = |value| -> Vec<(String, String)> {
        expand(new(value))
            .unwrap_err()
            .into_iter()
            .map(|e| (e.field, e.code))
            .collect()
    };
    let pair = |field: &str, code: &str| (field.to_owned(), code.to_owned());
    assert_eq!(
        codes(json!({"command": "a {x}", "matrix": {"x": [], "y": [1], "work_dir": [[1]]}})),
        [
            pair("matrix.work_dir", "name"),
            pair("matrix.work_dir", "unused"),
            pair("matrix.work_dir[0]", "type"),
            pair("matrix.x", "missing"),
            pair("matrix.y", "unused"),
        ]
    );
    let many: Vec<u32> = (0..101).collect();
    assert_eq!(
        codes(json!({"command": "{a}{b}", "matrix": {"a": many, "b": many}})),
        [pair("matrix", "too_many")]
    );
}

#[test]
fn a_model_is_found_by_a_part_of_its_name_and_what_cannot_be_met_is_refused_with_a_list() {
    let gpus = [
        gpu(0, "NVIDIA A100-SXM4-80GB", 80),
        gpu(1, "NVIDIA A100-SXM4-80GB", 80),
        gpu(2, "NVIDIA RTX A6000", 48),
    ];
    let fitted = |value: serde_json::Value| {
        let mut spec = check(&new(value)).unwrap();
        fit(&mut spec, &gpus).map(|()| spec.gpu_type)
    };
    let asked = |kind: &str, count: u32, memory: Option<f64>| json!({"command": "x", "gpu_type": kind, "gpu_count": count, "memory": memory});
    assert_eq!(fitted(asked("a100", 2, Some(80.0))).unwrap(), "NVIDIA A100-SXM4-80GB");
    assert_eq!(fitted(asked("nvidia rtx a6000", 1, None)).unwrap(), "NVIDIA RTX A6000");
    assert_eq!(fitted(asked("ANY", 3, Some(48.0))).unwrap(), "any");
    for (kind, count, memory, field) in [
        ("h100", 1, None, "gpu_type"),
        ("nvidia", 1, None, "gpu_type"),
        ("a100", 3, None, "gpu_count"),
        ("any", 4, None, "gpu_count"),
        ("a6000", 1, Some(49.0), "memory"),
        ("any", 3, Some(49.0), "memory"),
    ] {
        let refused = fitted(asked(kind, count, memory)).unwrap_err();
        assert_eq!(refused.field, field, "{kind}");
        let said = refused.message.en;
        assert!(
            said.contains("NVIDIA A100-SXM4-80GB (2 × 80 GiB), NVIDIA RTX A6000 (1 × 48 GiB)"),
            "{said}"
        );
    }
    let mut spec = check(&new(json!({"command": "x"}))).unwrap();
    assert!(fit(&mut spec, &[]).unwrap_err().message.en.contains("no GPU"));
}
