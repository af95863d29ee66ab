//! From a hit as it was sent to the whole event: page, referrer, campaign, User-Agent, class and visitor.
//!
//! Each step fills its own fields. The event borrows from the hit and the headers; it lives until it is encoded.

use std::borrow::Cow;

use onepixel_event::{AgentPart, Class, Event, EventId, Time, limits};

use super::flag::Flags;
use super::hit::{RawHit, UTM};
use super::place::Place;
use super::sender::Sender;
use super::{Ingest, class, referrer, text};

impl Ingest {
    /// Builds the event and hands it to `keep`, with what its User-Agent makes of the line.
    pub(super) fn enrich<T>(
        &self,
        hit: RawHit<'_>,
        sender: &mut Sender<'_>,
        now: Time,
        keep: impl FnOnce(&Event<'_>, &AgentPart) -> T,
    ) -> T {
        let mut flags = hit.flags;
        flags.add(sender.flags);
        let (class, reasons) =
            class::of(sender.seen.agent.kind, hit.source, sender.caller.purpose, sender.caller.via);
        let visitor = match hit.visitor {
            _ if sender.is_anonymous => None,
            // A back end's own address is no visitor; it names its visitors or has none.
            None if class != Class::Server => {
                sender.visitor(self, &hit.site, now, &mut flags).map(Cow::Owned)
            }
            given => given,
        };
        let page = page(hit.page, sender.embedder.as_deref(), &mut flags);
        let from = hit.referrer.map(|referrer| Place::referrer(referrer, &mut flags));

        let id = hit.id.unwrap_or_else(|| EventId::fresh(now));
        let mut event = Event::new(id, now, hit.source, hit.event, hit.site);
        event.sent_at = hit.sent_at;
        event.title = hit.title;
        event.props = hit.props;
        fill_places(&mut event, page.as_ref(), from.as_ref(), &mut flags);
        fill_campaign(&mut event, hit.utm, page.as_ref(), &mut flags);
        event.referrer_group = referrer::group(
            page.as_ref(),
            from.as_ref(),
            event.utm_source.as_deref(),
            event.utm_medium.as_deref(),
        );
        event.user_agent = sender.seen.text.as_deref().map(Cow::Borrowed);
        sender.seen.agent.fill(&mut event);
        event.class = class;
        event.class_reasons = reasons.into_iter().map(Cow::Borrowed).collect();
        event.language = sender.language.as_deref().map(Cow::Borrowed);
        let address = sender.caller.address.map(|address| address.to_canonical());
        event.country = address.and_then(|address| self.geo.as_ref()?.country(address)).map(Cow::Borrowed);
        event.ip = sender.ip.as_deref().map(Cow::Borrowed);
        event.visitor = visitor;
        event.flags = flags.codes().map(Cow::Borrowed).collect();
        keep(&event, &sender.seen.part)
    }
}

/// The page that is named, else the one that shows the pixel. `Referer` names that page and never its referrer: it
/// can stand in for `page`, not for `ref`.
fn page<'a>(page: Option<Cow<'a, str>>, embedder: Option<&'a str>, flags: &mut Flags) -> Option<Place<'a>> {
    match page {
        Some(page) => Some(Place::page(page, embedder, flags)),
        None => Some(Place::page(Cow::Borrowed(embedder?), None, flags)),
    }
}

fn fill_places<'a>(
    event: &mut Event<'a>,
    page: Option<&'a Place<'_>>,
    from: Option<&'a Place<'_>>,
    flags: &mut Flags,
) {
    if let Some(page) = page {
        event.page_url = page.href(flags);
        event.page_host = page.host();
        event.page_path = page.path(flags);
    }
    if let Some(from) = from {
        event.referrer_url = from.href(flags);
        event.referrer_host = from.host();
    }
}

/// The campaign as given; what is not given is taken from the page's query string.
fn fill_campaign<'a>(
    event: &mut Event<'a>,
    mut utm: [Option<Cow<'a, str>>; 5],
    page: Option<&'a Place<'_>>,
    flags: &mut Flags,
) {
    let query = page.and_then(Place::query).filter(|query| query.contains("utm_"));
    for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let slot = UTM.iter().position(|name| *name == key).map(|at| &mut utm[at]);
        if let Some(slot @ None) = slot {
            *slot = text::line(value, limits::TEXT_BYTES_MAX, flags);
        }
    }
    let [source, medium, campaign, term, content] = utm;
    event.utm_source = source;
    event.utm_medium = medium;
    event.utm_campaign = campaign;
    event.utm_term = term;
    event.utm_content = content;
}
