//! What another part of a group sends as a window of metrics.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throng_fuzz_checks::window(data));
