//! URLs of scripts and locations of redirects: any text.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throng_fuzz_checks::urls(data));
