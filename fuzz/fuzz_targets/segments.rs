//! The fuzzer's way into [`onepixel_fuzz::segments`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| onepixel_fuzz::segments::check(data));
