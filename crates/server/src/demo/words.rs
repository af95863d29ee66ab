//! What the made-up visitors read, where they come from, and what they read it with.

/// Each with how often it comes up.
pub(super) type Weighed<T> = [(u64, T)];

/// A site: its name, host, and pages with their titles.
pub(super) struct Site {
    pub(super) name: &'static str,
    pub(super) host: &'static str,
    pub(super) pages: &'static Weighed<(&'static str, &'static str)>,
}

pub(super) const SITES: &Weighed<&Site> = &[(55, &DOCS), (30, &SHOP), (15, &BLOG)];

pub(super) static DOCS: Site = Site {
    name: "docs",
    host: "docs.example.org",
    pages: &[
        (30, ("/start", "Getting started")),
        (18, ("/", "Documentation")),
        (14, ("/install", "Install")),
        (12, ("/settings", "Settings")),
        (10, ("/faq", "Questions and answers")),
        (6, ("/api", "API")),
    ],
};
pub(super) static SHOP: Site = Site {
    name: "shop",
    host: "www.example.org",
    pages: &[
        (34, ("/", "Example")),
        (22, ("/prices", "Prices")),
        (12, ("/product", "The product")),
        (8, ("/checkout", "Checkout")),
        (6, ("/about", "About us")),
    ],
};
pub(super) static BLOG: Site = Site {
    name: "blog",
    host: "blog.example.org",
    pages: &[
        (26, ("/posts/never-lose-an-event", "Never lose an event")),
        (16, ("/", "Blog")),
        (12, ("/posts/one-pixel", "One pixel is enough")),
        (6, ("/posts/group-commit", "What a commit costs")),
    ],
};

/// Where somebody comes from; empty: nobody knows.
pub(super) const REFERRERS: &Weighed<&str> = &[
    (34, ""),
    (28, "https://www.google.com/"),
    (8, "https://news.ycombinator.com/"),
    (7, "https://duckduckgo.com/"),
    (6, "https://github.com/example/onepixel"),
    (5, "https://chatgpt.com/"),
    (4, "https://www.reddit.com/r/selfhosted/"),
    (3, "https://www.bing.com/"),
    (2, "https://t.co/abc"),
    (3, "https://weekly.example.net/issues/41"),
];
/// Source, medium and campaign.
pub(super) const CAMPAIGNS: &Weighed<(&str, &str, &str)> = &[
    (6, ("newsletter", "email", "spring")),
    (3, ("mastodon", "social", "launch")),
    (2, ("partner", "referral", "spring")),
];
pub(super) const LANGUAGES: &Weighed<&str> = &[
    (40, "en-US,en;q=0.9"),
    (18, "de-DE,de;q=0.9"),
    (9, "en-GB"),
    (8, "fr-FR"),
    (6, "es-ES"),
    (5, "ja"),
    (4, "pl"),
];
pub(super) const READERS: &Weighed<&str> = &[
    (
        34,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36",
    ),
    (
        20,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 19_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.2 Mobile/15E148 Safari/604.1",
    ),
    (
        14,
        "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Mobile Safari/537.36",
    ),
    (11, "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"),
    (
        11,
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Safari/605.1.15",
    ),
    (
        6,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36 Edg/146.0.0.0",
    ),
    (
        3,
        "Mozilla/5.0 (iPad; CPU OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1",
    ),
];
/// Machines, by what they send.
pub(super) const MACHINES: &Weighed<&str> = &[
    (8, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
    (5, "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"),
    (
        4,
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    ),
    (3, "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)"),
    (2, "curl/8.14.1"),
    (4, "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"),
    (3, "github-camo (876de43e)"),
];
