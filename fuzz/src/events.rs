//! Event decoding: what is read is written so that it is read as the same, in the same bytes.

use onepixel_event::Event;

/// Reads the bytes as an event's line.
pub fn check(line: &[u8]) {
    let Ok(event) = Event::decode(line) else { return };
    let mut first = Vec::new();
    event.encode(&mut first);
    let again = match Event::decode(&first) {
        Ok(again) => again,
        Err(error) => panic!("written and not readable: {error}\n{}", String::from_utf8_lossy(&first)),
    };
    assert_eq!(again, event, "another event came back");
    let mut second = Vec::new();
    again.encode(&mut second);
    assert!(first == second, "written twice, not the same");
}
