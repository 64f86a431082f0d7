//! YAML: an edit changes its key and nothing else, or is refused.
#![no_main]
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

fuzz_target!(|input: (&str, &str, i32)| {
    let (text, value, number) = input;
    let Ok(before) = gpuyard_store::fuzz::yaml_parse(text) else { return };
    for change in [Value::from(value), Value::from(number), Value::Bool(number > 0)] {
        let changes = Map::from_iter([("work_dir".to_owned(), change.clone())]);
        let Ok(edited) = gpuyard_store::fuzz::yaml_edit(text, &changes) else { continue };
        let after = gpuyard_store::fuzz::yaml_parse(&edited).expect("what was edited can be read");
        assert_eq!(after["work_dir"], change);
        let mut rest = after.as_object().cloned().unwrap_or_default();
        rest.remove("work_dir");
        let mut old = before.as_object().cloned().unwrap_or_default();
        old.remove("work_dir");
        assert_eq!(rest, old);
    }
});
