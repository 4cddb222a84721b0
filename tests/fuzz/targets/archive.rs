//! Archives that somebody sent, and data files.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throng_fuzz_checks::archive(data));
