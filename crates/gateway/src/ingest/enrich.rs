//! From a hit as it was sent to the whole event: page, referrer, campaign, User-Agent, class and visitor.
//!
//! Each step fills its own fields. The event borrows from the hit and the headers; it lives until it is encoded.

use std::borrow::Cow;

use onepixel_event::{Class, Event, EventId, Time, limits};

use super::agent::Agent;
use super::flag::Flags;
use super::hit::{RawHit, UTM};
use super::place::Place;
use super::privacy::GpcPolicy;
use super::{Caller, Ingest, class, language, referrer, text};

impl Ingest {
    /// Builds the event and hands it to `keep`.
    pub(super) fn enrich<T>(
        &self,
        hit: RawHit<'_>,
        caller: &Caller<'_>,
        now: Time,
        keep: impl FnOnce(&Event<'_>) -> T,
    ) -> T {
        let mut flags = hit.flags;
        let agent_text = header(caller.user_agent, limits::USER_AGENT_BYTES_MAX, &mut flags);
        let agent = self.agents.read(agent_text.as_deref().unwrap_or_default());
        let embedder = header(caller.referer, limits::URL_BYTES_MAX, &mut flags);
        let page = page(hit.page, embedder.as_deref(), &mut flags);
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
        fill_agent(&mut event, &agent);
        let (class, reasons) = class::of(agent.kind, hit.source, caller.purpose, caller.via);
        event.class = class;
        event.class_reasons = reasons.into_iter().map(Cow::Borrowed).collect();
        event.language = caller.accept_language.and_then(language::first).map(Cow::Owned);
        self.fill_caller(&mut event, hit.visitor, agent_text.as_deref(), caller);
        event.user_agent = agent_text.as_deref().map(Cow::Borrowed);
        event.flags = flags.codes().map(Cow::Borrowed).collect();
        keep(&event)
    }

    /// Country, address and visitor: what can point at a person, after the policies.
    fn fill_caller<'a>(
        &'a self,
        event: &mut Event<'a>,
        visitor: Option<Cow<'a, str>>,
        user_agent: Option<&str>,
        caller: &Caller<'_>,
    ) {
        let address = caller.address.map(|address| address.to_canonical());
        event.country = address.and_then(|address| self.geo.as_ref()?.country(address)).map(Cow::Borrowed);
        if caller.gpc && self.settings.gpc == GpcPolicy::Count {
            return;
        }
        let kept = address.and_then(|address| self.settings.ip.kept(address));
        event.ip = kept.map(|address| Cow::Owned(address.to_string()));
        // A back end's own address is no visitor; it names its visitors or has none.
        let hashed = address.filter(|_| event.class != Class::Server).map(|address| {
            let user_agent = user_agent.unwrap_or_default();
            self.salt.visitor(&event.site, address, user_agent, event.received_at)
        });
        event.visitor = visitor.or(hashed.map(Cow::Owned));
    }
}

fn header<'a>(value: Option<&'a [u8]>, bytes_max: usize, flags: &mut Flags) -> Option<Cow<'a, str>> {
    text::line(text::utf8(value?, flags), bytes_max, flags)
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

fn fill_agent<'a>(event: &mut Event<'a>, agent: &'a Agent) {
    let text = |text: &'a Option<Box<str>>| text.as_deref().map(Cow::Borrowed);
    event.browser = text(&agent.browser);
    event.browser_version = text(&agent.browser_version);
    event.os = text(&agent.os);
    event.os_version = text(&agent.os_version);
    event.device = agent.device;
}
