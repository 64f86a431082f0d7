//! A process's fdinfo, as a kernel of any age writes it.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    gpuyard_gpu::fuzz::fdinfo(text);
});
