//! The fuzzer's way into [`onepixel_fuzz::events`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| onepixel_fuzz::events::check(data));
