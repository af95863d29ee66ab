//! Who is behind a hit: one class and the reasons for it.
//!
//! A label that a query can use or ignore; nothing is dropped for it. The reason codes are stable:
//!
//! | code | class | what was seen |
//! |---|---|---|
//! | `ua_image_proxy` | image_proxy | the User-Agent names an image proxy |
//! | `via_image_proxy` | image_proxy | the `Via` header does |
//! | `ua_mail_proxy` | mail_proxy | the User-Agent names a mail provider's proxy |
//! | `ua_bare_mozilla` | mail_proxy | the User-Agent is `Mozilla/5.0` and nothing more, as Apple Mail's proxy sends it |
//! | `ua_preview` | bot | fetches previews for a chat or timeline |
//! | `ua_monitor` | bot | measures or watches pages |
//! | `ua_headless` | bot | a browser driven by a program |
//! | `ua_crawler` | bot | a crawler or scanner |
//! | `ua_library` | bot, server | an HTTP library; behind `POST /e` a back end |
//! | `ua_unknown` | bot, server | names neither a browser nor a system that is known |
//! | `ua_empty` | bot, server | no User-Agent |
//! | `purpose_prefetch` | prefetch | `Sec-Purpose`, `Purpose` or `X-Moz` says that nobody looks yet |

use onepixel_event::{Class, Source};

use super::kind::Kind;

/// The class, and up to three reasons with the deciding one first. No reasons mean that nothing speaks against a person.
pub(super) fn of(
    kind: Kind,
    source: Source,
    purpose: Option<&[u8]>,
    via: Option<&[u8]>,
) -> (Class, Vec<&'static str>) {
    let program = by_kind(kind, source);
    let proxy = via.filter(|via| contains(via, b"camo")).map(|_| (Class::ImageProxy, "via_image_proxy"));
    let ahead = [&b"prefetch"[..], b"prerender", b"preview"];
    let prefetch = purpose
        .filter(|purpose| ahead.iter().any(|word| contains(purpose, word)))
        .map(|_| (Class::Prefetch, "purpose_prefetch"));
    let found = || program.into_iter().chain(proxy).chain(prefetch);
    (found().next().map_or(Class::Human, |(class, _)| class), found().map(|(_, reason)| reason).collect())
}

fn by_kind(kind: Kind, source: Source) -> Option<(Class, &'static str)> {
    // Behind the pixel a program is a bot; an event that a program posts is what the door is for.
    let program = match source {
        Source::Pixel => Class::Bot,
        Source::Api => Class::Server,
    };
    Some(match kind {
        Kind::Browser => return None,
        Kind::ImageProxy => (Class::ImageProxy, "ua_image_proxy"),
        Kind::MailProxy => (Class::MailProxy, "ua_mail_proxy"),
        Kind::BareMozilla => (Class::MailProxy, "ua_bare_mozilla"),
        Kind::Preview => (Class::Bot, "ua_preview"),
        Kind::Monitor => (Class::Bot, "ua_monitor"),
        Kind::Headless => (Class::Bot, "ua_headless"),
        Kind::Crawler => (Class::Bot, "ua_crawler"),
        Kind::Library => (program, "ua_library"),
        Kind::Unknown => (program, "ua_unknown"),
        Kind::Empty => (program, "ua_empty"),
    })
}

fn contains(header: &[u8], word: &[u8]) -> bool {
    header.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Kind, source: Source, purpose: &str, via: &str, class: Class, reasons: &[&str]) {
        let header = |text: &'static str| (!text.is_empty()).then_some(text.as_bytes());
        let (purpose, via) = (header(purpose.to_owned().leak()), header(via.to_owned().leak()));
        assert_eq!(of(kind, source, purpose, via), (class, reasons.to_vec()), "{kind:?} {source:?}");
    }

    #[test]
    fn decides_by_program_then_proxy_then_purpose() {
        use Class::{Bot, Human, ImageProxy, MailProxy, Prefetch, Server};
        use Source::{Api, Pixel};
        check(Kind::Browser, Pixel, "", "", Human, &[]);
        check(Kind::Browser, Api, "", "1.1 proxy.example", Human, &[]);
        check(Kind::Browser, Pixel, "prefetch", "", Prefetch, &["purpose_prefetch"]);
        check(Kind::Browser, Pixel, "prefetch;prerender", "", Prefetch, &["purpose_prefetch"]);
        check(Kind::Browser, Pixel, "Preview", "", Prefetch, &["purpose_prefetch"]);
        check(Kind::Browser, Pixel, "navigate", "", Human, &[]);
        check(Kind::Browser, Pixel, "", "1.1 GitHub-Camo (4cd5)", ImageProxy, &["via_image_proxy"]);
        check(Kind::ImageProxy, Pixel, "", "camo", ImageProxy, &["ua_image_proxy", "via_image_proxy"]);
        check(Kind::Crawler, Pixel, "prefetch", "", Bot, &["ua_crawler", "purpose_prefetch"]);
        check(Kind::BareMozilla, Pixel, "", "", MailProxy, &["ua_bare_mozilla"]);
        for (kind, reason) in
            [(Kind::Library, "ua_library"), (Kind::Unknown, "ua_unknown"), (Kind::Empty, "ua_empty")]
        {
            check(kind, Pixel, "", "", Bot, &[reason]);
            check(kind, Api, "", "", Server, &[reason]);
        }
        check(Kind::Headless, Api, "", "", Bot, &["ua_headless"]);
    }
}
