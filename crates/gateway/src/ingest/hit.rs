//! A hit as it was sent: what both doors hand to the steps behind them.
//!
//! Values are clean and within their limits; nothing is added yet from the caller's headers or address.

use std::borrow::Cow;

use onepixel_event::{EventId, Props, Source, Time};

use super::flag::Flags;

/// The event's name when the pixel gives none.
pub(super) const PAGEVIEW: &str = "pageview";
/// The site when none is given.
pub(super) const SITE: &str = "default";
/// The parameters and fields of a campaign, in the order of [`RawHit::utm`].
pub(super) const UTM: [&str; 5] = ["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"];

/// What one query string or one element of a body says.
#[derive(Debug)]
pub(super) struct RawHit<'a> {
    /// The door.
    pub(super) source: Source,
    /// The client's own id.
    pub(super) id: Option<EventId>,
    /// The client's clock.
    pub(super) sent_at: Option<Time>,
    /// The event's name.
    pub(super) event: Cow<'a, str>,
    /// The placement.
    pub(super) site: Cow<'a, str>,
    /// URL or path of the page, not parsed yet.
    pub(super) page: Option<Cow<'a, str>>,
    /// The page's own referrer, not parsed yet.
    pub(super) referrer: Option<Cow<'a, str>>,
    /// The page's title.
    pub(super) title: Option<Cow<'a, str>>,
    /// The visitor's id, where the sender knows one.
    pub(super) visitor: Option<Cow<'a, str>>,
    /// Campaign values in the order of [`UTM`].
    pub(super) utm: [Option<Cow<'a, str>>; 5],
    /// Everything else.
    pub(super) props: Props<'static>,
    /// What had to be repaired so far.
    pub(super) flags: Flags,
}

impl RawHit<'_> {
    /// A page view of the default site, and nothing more.
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            id: None,
            sent_at: None,
            event: Cow::Borrowed(PAGEVIEW),
            site: Cow::Borrowed(SITE),
            page: None,
            referrer: None,
            title: None,
            visitor: None,
            utm: [const { None }; 5],
            props: Props::default(),
            flags: Flags::default(),
        }
    }
}
