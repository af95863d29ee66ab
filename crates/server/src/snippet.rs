//! What to paste where: pure text from a site's name and the server's addresses.
//!
//! The page `Setup` of the dashboard builds the same (`web/src/state/snippet.ts`).

use clap::ValueEnum;

use crate::config::Settings;

/// Where a snippet is pasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Place {
    /// A web page: the tracker, and the pixel where there is no JavaScript
    Html,
    /// A README or any other Markdown
    Readme,
    /// A mail
    Email,
    /// An application with a bundler
    Spa,
}

/// Where the server answers.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    /// Scheme and host, without a slash at the end.
    origin: String,
    pixel: String,
    events: String,
    script: String,
}

impl Addresses {
    /// The paths of the settings at an origin.
    pub(crate) fn of(settings: &Settings, origin: String) -> Self {
        let gateway = &settings.gateway;
        Self {
            origin: origin.trim_end_matches('/').to_owned(),
            pixel: gateway.pixel_path.clone(),
            events: gateway.events_path.clone(),
            script: gateway.script_path.clone(),
        }
    }

    /// The snippet for a place.
    pub(crate) fn snippet(&self, place: Place, site: &str) -> String {
        match place {
            Place::Html => format!("{}\n<noscript>{}</noscript>", self.tag(site), self.image(site)),
            Place::Readme => format!("![]({}&page=README)", self.pixel(site)),
            Place::Email => {
                let url = html(&format!("{}&page=newsletter&utm_medium=email", self.pixel(site)));
                format!("<img src=\"{url}\" alt=\"\" width=\"1\" height=\"1\">")
            }
            Place::Spa => {
                let (site, events) = (script(site), script(&format!("{}{}", self.origin, self.events)));
                format!(
                    "import {{ create }} from \"onepixel\";\n\nconst onepixel = create({{ site: {site}, events: {events} }});\n\
                     onepixel(\"signup\", {{ plan: \"pro\" }});"
                )
            }
        }
    }

    /// The pixel as an image.
    pub(crate) fn image(&self, site: &str) -> String {
        let url = html(&self.pixel(site));
        format!(
            "<img src=\"{url}\" alt=\"\" width=\"1\" height=\"1\" referrerpolicy=\"no-referrer-when-downgrade\">"
        )
    }

    fn tag(&self, site: &str) -> String {
        // The script finds the events path beside itself; only a renamed one has to be said.
        let folder = self.script.rsplit_once('/').map_or("", |(folder, _)| folder);
        let events = match format!("{folder}/e") == self.events {
            true => String::new(),
            false => format!(" data-events=\"{}\"", html(&self.events)),
        };
        let src = html(&format!("{}{}", self.origin, self.script));
        format!("<script defer src=\"{src}\" data-site=\"{}\"{events}></script>", html(site))
    }

    fn pixel(&self, site: &str) -> String {
        format!("{}{}?site={}", self.origin, self.pixel, encoded(site))
    }
}

/// Percent-encoded further than URLs need: Markdown and shells give some characters a meaning.
fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let one = |byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

fn html(text: &str) -> String {
    let one = |c: char| if "&<>\"'".contains(c) { format!("&#{};", u32::from(c)) } else { c.to_string() };
    text.chars().map(one).collect()
}

/// A string of JavaScript that cannot end the script element it may stand in.
fn script(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Addresses {
        Addresses::of(&Settings::default(), "https://stats.example/".into())
    }

    fn check(place: Place, site: &str, expected: &str) {
        assert_eq!(addresses().snippet(place, site), expected);
    }

    #[test]
    fn each_place_gets_what_works_there() {
        check(
            Place::Html,
            "blog",
            "<script defer src=\"https://stats.example/p.js\" data-site=\"blog\"></script>\n\
             <noscript><img src=\"https://stats.example/p.gif?site=blog\" alt=\"\" width=\"1\" height=\"1\" \
             referrerpolicy=\"no-referrer-when-downgrade\"></noscript>",
        );
        check(Place::Readme, "blog", "![](https://stats.example/p.gif?site=blog&page=README)");
        check(
            Place::Email,
            "blog",
            "<img src=\"https://stats.example/p.gif?site=blog&#38;page=newsletter&#38;utm_medium=email\" alt=\"\" \
             width=\"1\" height=\"1\">",
        );
        check(
            Place::Spa,
            "blog",
            "import { create } from \"onepixel\";\n\n\
             const onepixel = create({ site: \"blog\", events: \"https://stats.example/e\" });\n\
             onepixel(\"signup\", { plan: \"pro\" });",
        );
    }

    #[test]
    fn no_name_breaks_out() {
        let site = "a\"><script>'&) b";
        for place in Place::value_variants() {
            let text = addresses().snippet(*place, site);
            assert!(!text.contains("\"><script>"), "{text}");
        }
        let readme = addresses().snippet(Place::Readme, site);
        assert!(readme.contains("site=a%22%3E%3Cscript%3E%27%26%29%20b&"), "{readme}");
        let spa = addresses().snippet(Place::Spa, "</script>");
        assert!(!spa.contains("</script>"), "{spa}");
    }

    #[test]
    fn a_renamed_events_path_is_said() {
        let mut settings = Settings::default();
        settings.gateway.events_path = "/in".into();
        let text = Addresses::of(&settings, "https://x".into()).snippet(Place::Html, "blog");
        assert!(text.contains(" data-events=\"/in\""), "{text}");
    }
}
