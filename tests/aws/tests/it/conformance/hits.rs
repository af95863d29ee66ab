//! Hits of the cases, around one midnight.

use onepixel_event::{Class, Event, EventId, Props, Source, Time};

pub(super) const MINUTE: i64 = 60_000;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// A midnight, UTC, that is a day or two ago: nothing of the cases lies in the future of a real clock, nor is it over.
pub(super) fn midnight() -> i64 {
    crate::batches::now().ms().div_euclid(DAY) * DAY - DAY
}

/// When the cases ask: half past two in the night, and a bit.
pub(super) fn now() -> i64 {
    midnight() + 2 * HOUR + 30 * MINUTE + 30_123
}

/// One hit.
#[derive(Debug, Clone)]
pub(super) struct Hit {
    /// The client's own number: a retry has the same.
    own: Option<u8>,
    event: Event<'static>,
}

/// A page view of `/` on `blog`, so many milliseconds after midnight.
pub(super) fn hit(at: i64) -> Hit {
    let time = Time::from_ms(midnight() + at);
    let mut event = Event::new(EventId::fresh(time), time, Source::Pixel, "pageview", "blog");
    event.page_path = Some("/".into());
    Hit { own: None, event }
}

/// What is often said of a hit.
impl Hit {
    pub(super) fn site(mut self, site: &str) -> Self {
        self.event.site = site.to_owned().into();
        self
    }

    pub(super) fn page(mut self, page: &str) -> Self {
        self.event.page_path = Some(page.to_owned().into());
        self
    }

    pub(super) fn class(mut self, class: Class) -> Self {
        self.event.class = class;
        self
    }

    pub(super) fn visitor(mut self, visitor: &str) -> Self {
        self.event.visitor = Some(visitor.to_owned().into());
        self
    }

    pub(super) fn named(mut self, event: &str) -> Self {
        self.event.event = event.to_owned().into();
        self
    }

    pub(super) fn props(mut self, json: &str) -> Self {
        self.event.props = Props::from_object(json.as_bytes().to_vec());
        self
    }

    /// Everything else.
    pub(super) fn with(mut self, change: impl FnOnce(&mut Event<'static>)) -> Self {
        change(&mut self.event);
        self
    }

    /// With an id of the client's, the same for the same number.
    pub(super) fn own(mut self, number: u8) -> Self {
        self.event.source = Source::Api;
        self.event.id = EventId::at(Time::from_ms(midnight()), [number; 10]);
        self.own = Some(number);
        self
    }

    /// The id that tells a retry, if the client gave one.
    pub(super) fn key(&self) -> Option<[u8; 16]> {
        self.own.map(|_| self.event.id.bytes())
    }

    pub(super) fn line(&self) -> Vec<u8> {
        let mut line = Vec::new();
        self.event.encode(&mut line);
        line
    }
}
