//! The User-Agent: browser, system and device it names, and the kind of program behind it.
//!
//! Parsing costs far more than everything else in ingest, so what was found is cached by the raw bytes, with the part of
//! the event's line that it makes, bounded by bytes. Browser and system come from uap-core's patterns; the kind of
//! program from the words below.

use std::borrow::Cow;
use std::hash::Hasher;
use std::sync::{Arc, LazyLock};

use onepixel_event::{AgentPart, Device, Event, EventId, Source, Time, limits};
use quick_cache::{Weighter, sync::Cache};
use siphasher::sip128::{Hasher128, SipHasher24};
use ua_parser::{Regexes, os, user_agent};

use super::flag::Flags;
use super::kind::{self, Kind};
use super::text;

/// Texts the cache is laid out for; a busy site sees a few thousand a day.
const CACHED_AGENTS: usize = 10_000;
/// What they may weigh together: as many as that weigh 6 MB with the 70 bytes of a short text, 9 with a browser's usual 120.
/// Long, made-up texts displace each other instead of growing the process.
const CACHED_BYTES: u64 = 10 * 1024 * 1024;
/// What an entry weighs beside its texts.
const ENTRY_BYTES: u64 = 200;

/// A User-Agent as it is kept, and all that follows from it.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    /// The text, fit to be kept.
    pub(super) text: Option<Box<str>>,
    /// What had to be repaired.
    pub(super) flags: Flags,
    /// What it tells.
    pub(super) agent: Agent,
    /// Its six fields as they stand in an event's line.
    pub(super) part: AgentPart,
    /// Stands for the text in the visitor's hash.
    pub(super) digest: [u8; 16],
}

/// What one User-Agent tells.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Agent {
    pub(super) browser: Option<Box<str>>,
    pub(super) browser_version: Option<Box<str>>,
    pub(super) os: Option<Box<str>>,
    pub(super) os_version: Option<Box<str>>,
    pub(super) device: Option<Device>,
    pub(super) kind: Kind,
}

/// Reads User-Agents and remembers the newest.
#[derive(Debug)]
pub(super) struct Agents {
    seen: Cache<Box<[u8]>, Arc<Seen>, Weight>,
}

impl Agents {
    /// An empty cache. Compiles the patterns, once for the process: about 50 ms and 12 MiB.
    pub(super) fn new() -> Self {
        LazyLock::force(&PATTERNS);
        Self { seen: Cache::with_weighter(CACHED_AGENTS, CACHED_BYTES, Weight) }
    }

    /// What a User-Agent tells; an empty one is none.
    pub(super) fn read(&self, raw: &[u8]) -> Arc<Seen> {
        if let Some(seen) = self.seen.get(raw) {
            return seen;
        }
        let seen = Arc::new(Seen::read(raw));
        // Behind the limit texts differ in nothing that is kept, and would cost memory for nothing.
        if raw.len() <= limits::USER_AGENT_BYTES_MAX {
            self.seen.insert(raw.into(), Arc::clone(&seen));
        }
        seen
    }
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Box<[u8]>, Arc<Seen>> for Weight {
    fn weight(&self, raw: &Box<[u8]>, seen: &Arc<Seen>) -> u64 {
        // What was found is at most as long as the text it was found in, give or take a family's name.
        ENTRY_BYTES + 3 * raw.len() as u64 + seen.part.bytes() as u64
    }
}

impl Seen {
    fn read(raw: &[u8]) -> Self {
        let mut flags = Flags::default();
        let text = text::line(text::utf8(raw, &mut flags), limits::USER_AGENT_BYTES_MAX, &mut flags);
        let agent = Agent::read(text.as_deref().unwrap_or_default());
        let mut hasher = SipHasher24::new();
        hasher.write(text.as_deref().unwrap_or_default().as_bytes());
        let digest = hasher.finish128().as_bytes();
        let nothing = EventId::at(Time::from_ms(0), [0; 10]);
        let mut event = Event::new(nothing, Time::from_ms(0), Source::Pixel, "", "");
        event.user_agent = text.as_deref().map(Cow::Borrowed);
        agent.fill(&mut event);
        let part = event.agent_part();
        Self { text: text.map(Cow::into_owned).map(Into::into), flags, agent, part, digest }
    }
}

impl Agent {
    /// Fills an event's fields, all but the text.
    pub(super) fn fill<'a>(&'a self, event: &mut Event<'a>) {
        let text = |text: &'a Option<Box<str>>| text.as_deref().map(Cow::Borrowed);
        event.browser = text(&self.browser);
        event.browser_version = text(&self.browser_version);
        event.os = text(&self.os);
        event.os_version = text(&self.os_version);
        event.device = self.device;
    }

    fn read(text: &str) -> Self {
        if text.is_empty() {
            return Self { kind: Kind::Empty, ..Self::default() };
        }
        let mut agent = Self::default();
        if let Some(patterns) = &*PATTERNS {
            if let Some(found) = patterns.browsers.extract(text) {
                agent.browser = named(&found.family);
                agent.browser_version = version(&[found.major, found.minor, found.patch, found.patch_minor]);
            }
            if let Some(found) = patterns.systems.extract(text) {
                let parts = [&found.major, &found.minor, &found.patch, &found.patch_minor];
                agent.os = named(&found.os);
                agent.os_version = version(&parts.map(Option::as_deref));
            }
        }
        let lower = text.to_ascii_lowercase();
        let is_known = agent.browser.is_some() || agent.os.is_some();
        agent.kind = kind::of(&lower, is_known);
        agent.device = Some(device(&lower, agent.os.as_deref(), agent.kind));
        agent
    }
}

fn named(name: &str) -> Option<Box<str>> {
    (!name.is_empty()).then(|| name.into())
}

/// `17.5` from its parts, up to the first that is missing.
fn version(parts: &[Option<&str>]) -> Option<Box<str>> {
    let known: Vec<_> = parts.iter().map_while(|part| part.filter(|part| !part.is_empty())).collect();
    named(&known.join("."))
}

/// Words that tell the device, most telling first. Of Android's devices only phones say `mobile`; old Windows says
/// `tablet pc` on desktops.
const DEVICES: [(Device, &[&str]); 6] = [
    (
        Device::Tv,
        &[
            "smart-tv",
            "smarttv",
            "smart tv",
            "googletv",
            "google tv",
            "android tv",
            "appletv",
            "apple tv",
            "hbbtv",
            "roku",
            "bravia",
            "netcast",
            "web0s",
            "crkey",
            "viera",
            "opera tv",
            "tizen 2",
            "aftb",
            "aftm",
            "afts",
            "aftt",
            "dtv",
            "; tv",
        ],
    ),
    (Device::Other, &["playstation", "nintendo", "xbox", "tesla/", "quest", "watch"]),
    (Device::Tablet, &["ipad", "kindle", "silk/", "playbook", "tablet;"]),
    (
        Device::Mobile,
        &["mobi", "iphone", "ipod", "windows phone", "blackberry", "opera mini", "symbian", "midp", "nokia"],
    ),
    (Device::Tablet, &["android", "tablet "]),
    (Device::Desktop, &["windows", "macintosh", "mac os x", "x11", "linux", "cros ", "bsd", "darwin"]),
];

fn device(lower: &str, os: Option<&str>, kind: Kind) -> Device {
    if kind != Kind::Browser {
        return Device::Bot;
    }
    if lower.contains("tablet pc") {
        return Device::Desktop;
    }
    let told = |words: &&[&str]| words.iter().any(|word| lower.contains(word));
    match DEVICES.iter().find(|(_, words)| told(words)) {
        // Apps name the kernel only, which phones share with desktops.
        Some((Device::Desktop, _)) if os == Some("iOS") => Device::Mobile,
        Some((device, _)) => *device,
        None => Device::Other,
    }
}

/// The compiled patterns: data of this program, not state, so one copy serves every server in the process.
static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    let patterns = Patterns::compile();
    if let Err(error) = &patterns {
        tracing::error!(%error, "the User-Agent patterns do not compile: browser and system stay unknown");
    }
    patterns.ok()
});

struct Patterns {
    browsers: user_agent::Extractor<'static>,
    systems: os::Extractor<'static>,
}

impl Patterns {
    fn compile() -> Result<Self, Box<dyn std::error::Error>> {
        let patterns: Regexes<'_> = serde_json::from_str(include_str!("data/uap-core/regexes.json"))?;
        let browsers = user_agent::Builder::new().push_all(patterns.user_agent_parsers)?.build()?;
        let systems = os::Builder::new().push_all(patterns.os_parsers)?.build()?;
        Ok(Self { browsers, systems })
    }
}

#[cfg(test)]
#[path = "agent_tests.rs"]
mod tests;
