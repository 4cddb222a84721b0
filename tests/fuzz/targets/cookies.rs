//! What servers do to a jar: any header, from any host, at any time.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throng_fuzz_checks::cookies(data));
