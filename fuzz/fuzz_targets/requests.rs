//! The fuzzer's way into [`onepixel_fuzz::requests`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| onepixel_fuzz::requests::check(data));
