//! The event's fields, in the order in which they are written.

use std::borrow::Cow;

use serde::Deserialize;

use crate::{EventId, Props, Time, codec};

type Text<'a> = Option<Cow<'a, str>>;

/// One event. The fields stand in the order of the encoded line; `None` and empty lists are left out of it.
///
/// New fields may be added at the end; a field never changes meaning.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Event<'a> {
    /// UUIDv7, or the client's own UUID: the deduplication key.
    pub id: EventId,
    /// The server's time; decides the archive hour.
    pub received_at: Time,
    /// The client's clock, as claimed.
    pub sent_at: Option<Time>,
    /// Which door it came through.
    pub source: Source,
    /// `pageview`, or the custom name.
    #[serde(borrow)]
    pub event: Cow<'a, str>,
    /// The placement the hit belongs to.
    #[serde(borrow)]
    pub site: Cow<'a, str>,
    /// The page, with its query string.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub page_url: Text<'a>,
    /// The page's host, in lower case.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub page_host: Text<'a>,
    /// The page's path, without query string.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub page_path: Text<'a>,
    /// The page's title, as the page gave it.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub title: Text<'a>,
    /// The page's own referrer.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub referrer_url: Text<'a>,
    /// The referrer's host, in lower case.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub referrer_host: Text<'a>,
    /// What kind of place the visit came from.
    pub referrer_group: Option<ReferrerGroup>,
    /// Campaign source.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub utm_source: Text<'a>,
    /// Campaign medium.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub utm_medium: Text<'a>,
    /// Campaign name.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub utm_campaign: Text<'a>,
    /// Campaign term.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub utm_term: Text<'a>,
    /// Campaign content.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub utm_content: Text<'a>,
    /// The raw User-Agent, at most 1 KiB.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub user_agent: Text<'a>,
    /// Browser family.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub browser: Text<'a>,
    /// Browser version, as far as the User-Agent tells.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub browser_version: Text<'a>,
    /// Operating system family.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub os: Text<'a>,
    /// Operating system version, as far as the User-Agent tells.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub os_version: Text<'a>,
    /// Kind of device.
    pub device: Option<Device>,
    /// Who is behind the hit: a label, never a reason to drop it.
    pub class: Class,
    /// Why the class was given.
    #[serde(borrow, default, deserialize_with = "codec::texts")]
    pub class_reasons: Vec<Cow<'a, str>>,
    /// First Accept-Language tag.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub language: Text<'a>,
    /// ISO 3166 alpha-2.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub country: Text<'a>,
    /// Client address after the privacy policy.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub ip: Text<'a>,
    /// Keyed hash that is good for one UTC day, or the id that was given.
    #[serde(borrow, default, deserialize_with = "codec::text")]
    pub visitor: Text<'a>,
    /// Everything else.
    #[serde(borrow, default)]
    pub props: Props<'a>,
    /// What was broken about the hit: `truncated_param`, `bad_utf8`, `clock_skew`, ...
    #[serde(borrow, default, deserialize_with = "codec::texts")]
    pub flags: Vec<Cow<'a, str>>,
}

impl<'a> Event<'a> {
    /// An event with its required fields; everything else is absent and the class is [`Class::Human`].
    pub fn new(
        id: EventId,
        received_at: Time,
        source: Source,
        event: impl Into<Cow<'a, str>>,
        site: impl Into<Cow<'a, str>>,
    ) -> Self {
        Self {
            id,
            received_at,
            sent_at: None,
            source,
            event: event.into(),
            site: site.into(),
            page_url: None,
            page_host: None,
            page_path: None,
            title: None,
            referrer_url: None,
            referrer_host: None,
            referrer_group: None,
            utm_source: None,
            utm_medium: None,
            utm_campaign: None,
            utm_term: None,
            utm_content: None,
            user_agent: None,
            browser: None,
            browser_version: None,
            os: None,
            os_version: None,
            device: None,
            class: Class::Human,
            class_reasons: Vec::new(),
            language: None,
            country: None,
            ip: None,
            visitor: None,
            props: Props::default(),
            flags: Vec::new(),
        }
    }

    /// Adds a flag once.
    pub fn flag(&mut self, flag: &'static str) {
        if !self.flags.iter().any(|f| f == flag) {
            self.flags.push(Cow::Borrowed(flag));
        }
    }
}

/// Declares a closed set of words with their spelling on the wire.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every member, in the order of the contract.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The spelling on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

words! {
    /// The door an event came through.
    Source {
        /// `GET /p.gif`
        Pixel = "pixel",
        /// `POST /e`
        Api = "api",
    }
}
words! {
    /// What kind of place a visit came from.
    ReferrerGroup {
        /// A search engine.
        Search = "search",
        /// A social network.
        Social = "social",
        /// An assistant built on a language model.
        Ai = "ai",
        /// A webmail page.
        Mail = "mail",
        /// A code host.
        Code = "code",
        /// Another site.
        Other = "other",
        /// No referrer, or the site itself.
        Direct = "direct",
    }
}
words! {
    /// Kind of device.
    Device {
        /// Desktop or laptop.
        Desktop = "desktop",
        /// Phone.
        Mobile = "mobile",
        /// Tablet.
        Tablet = "tablet",
        /// Television or set-top box.
        Tv = "tv",
        /// Not a device but a program.
        Bot = "bot",
        /// Anything else that names itself.
        Other = "other",
    }
}
words! {
    /// Who is behind a hit.
    Class {
        /// Nothing speaks against a person.
        Human = "human",
        /// A crawler, monitor or script.
        Bot = "bot",
        /// A browser that fetched ahead of the visit.
        Prefetch = "prefetch",
        /// A mail provider that fetched for its user, or ahead of them.
        MailProxy = "mail_proxy",
        /// An image proxy such as a code host's.
        ImageProxy = "image_proxy",
        /// A back end that reports for its users.
        Server = "server",
    }
}
