//! Command files: what was read is written back byte for byte; what can be written reads back as the same.
#![no_main]
use gpuyard_core::{
    formats::command::{edit, parse},
    model::Mode,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for mode in [Mode::Single, Mode::Multi] {
        let file = parse(text, mode);
        let drafts = file.drafts();
        // Writing what is there may be refused (two queues of one id, say), and never changes what it says.
        if let Ok(written) = edit(&file, &drafts) {
            if file.findings().is_empty() {
                assert_eq!(written, text);
            }
            assert_eq!(parse(&written, mode).drafts(), drafts);
        }
    }
});
