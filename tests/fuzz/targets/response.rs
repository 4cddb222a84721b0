//! Responses of servers: any bytes, in any pieces.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| throng_fuzz_checks::response(data));
