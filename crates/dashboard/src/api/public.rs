//! What a public link does not show of an event: whatever points at a person, and whatever a page's author may have put
//! somewhere without thinking of strangers.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::access::{Caller, Scope};

/// Fields that are left out: address and visitor, the whole User-Agent, addresses with their query strings, and props.
const HIDDEN: [&str; 6] = ["ip", "visitor", "user_agent", "page_url", "referrer_url", "props"];

/// Takes out of events what the caller may not see.
pub(super) fn redact<'a>(caller: &Caller, events: impl Iterator<Item = &'a mut Box<RawValue>>) {
    if let Scope::Public(_) = &caller.scope {
        events.for_each(|event| *event = redacted(event.get()));
    }
}

/// The event without what is hidden; null when it is no object.
pub(super) fn redacted(line: &str) -> Box<RawValue> {
    let event = match serde_json::from_str(line) {
        Ok(Value::Object(mut fields)) => {
            fields.retain(|name, _| !HIDDEN.contains(&name.as_str()));
            Value::Object(fields)
        }
        _ => Value::Null,
    };
    serde_json::value::to_raw_value(&event).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_points_at_a_person_is_left() {
        let line = r#"{"id":"1","event":"pageview","site":"blog","page_url":"https://x/?mail=a@b","page_path":"/","ip":"1.2.3.0","visitor":"v","user_agent":"UA","props":{"user":"7"}}"#;
        assert_eq!(redacted(line).get(), r#"{"event":"pageview","id":"1","page_path":"/","site":"blog"}"#);
        assert_eq!(redacted("[1]").get(), "null");
        assert_eq!(redacted("{").get(), "null");
    }
}
