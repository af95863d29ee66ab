//! Who sends: what the caller's headers and address tell, once for all events of a request.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use onepixel_event::{Time, limits};

use super::agent::Seen;
use super::flag::{Flag, Flags};
use super::privacy::{self, GpcPolicy};
use super::{Caller, Ingest, language, text};

/// The sender of a request.
#[derive(Debug)]
pub(super) struct Sender<'a> {
    pub(super) caller: &'a Caller<'a>,
    pub(super) seen: Arc<Seen>,
    /// The page that shows the pixel, or runs the script.
    pub(super) embedder: Option<Cow<'a, str>>,
    pub(super) language: Option<String>,
    /// The address after the privacy policy.
    pub(super) ip: Option<String>,
    /// What had to be repaired.
    pub(super) flags: Flags,
    /// Whether the sender is counted and not told from others.
    pub(super) is_anonymous: bool,
    /// The whole address, for the visitor's hash and nothing else.
    address: Option<IpAddr>,
    /// The hash for the site of the event before.
    visitor: Option<(String, String)>,
}

impl<'a> Sender<'a> {
    pub(super) fn of(ingest: &Ingest, caller: &'a Caller<'a>) -> Self {
        let seen = ingest.agents.read(caller.user_agent.unwrap_or_default());
        let mut flags = seen.flags;
        let embedder = caller.referer.and_then(|referer| {
            text::line(text::utf8(referer, &mut flags), limits::URL_BYTES_MAX, &mut flags)
        });
        let is_anonymous = caller.gpc && ingest.settings.gpc == GpcPolicy::Count;
        let address = caller.address.map(|address| address.to_canonical()).filter(|_| !is_anonymous);
        let kept = address.and_then(|address| ingest.settings.ip.kept(address));
        Self {
            caller,
            embedder,
            language: caller.accept_language.and_then(language::first),
            ip: kept.map(privacy::text),
            flags,
            is_anonymous,
            address,
            visitor: None,
            seen,
        }
    }

    /// The visitor's hash at a site. All events of a request are of one moment.
    pub(super) fn visitor(
        &mut self,
        ingest: &Ingest,
        site: &str,
        now: Time,
        flags: &mut Flags,
    ) -> Option<String> {
        let address = self.address?;
        if let Some((_, visitor)) = self.visitor.as_ref().filter(|(known, _)| known == site) {
            return Some(visitor.clone());
        }
        let Some(visitor) = ingest.salt.visitor(site, address, &self.seen.digest, now) else {
            flags.set(Flag::NoSalt);
            return None;
        };
        self.visitor = Some((site.to_owned(), visitor.clone()));
        Some(visitor)
    }
}
