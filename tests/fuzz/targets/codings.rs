//! Bodies of responses in content codings: any list, any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throng_fuzz_checks::codings(data));
