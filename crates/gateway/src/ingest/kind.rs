//! What kind of program a User-Agent names: a browser, or one of the many that are none.
//!
//! Decided by words that these programs write themselves; who wants to pass for a browser, does.

/// The kind of program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    /// Nothing speaks against a person's browser or app.
    #[default]
    Browser,
    /// No User-Agent at all.
    Empty,
    /// Fetches images for readers of a page.
    ImageProxy,
    /// Fetches images for readers of mail.
    MailProxy,
    /// Nothing but `Mozilla/5.0`: Apple Mail's privacy protection.
    BareMozilla,
    /// Fetches a page to show its preview in a chat or timeline.
    Preview,
    /// Checks whether and how fast a page answers.
    Monitor,
    /// A browser without a screen, driven by a program.
    Headless,
    /// A crawler or scanner.
    Crawler,
    /// An HTTP library or command-line client.
    Library,
    /// Names itself, but neither a browser nor a system that is known.
    Unknown,
}

/// The words of each kind, in lower case, the most particular kind first. `^` ties a word to the start.
const WORDS: [(Kind, &[&str]); 7] = [
    (Kind::ImageProxy, &["github-camo", "go-camo", "camo asset proxy", "slack-imgproxy", "imgproxy", "wsrv.nl", "images.weserv.nl", "^photon/", "yandeximageresizer"]),
    (Kind::MailProxy, &["googleimageproxy", "ggpht.com", "yahoomailproxy", "yahoocachesystem", "outlook-ios", "outlook-android"]),
    (
        Kind::Preview,
        &[
            "facebookexternalhit", "facebot", "facebookcatalog", "twitterbot", "slackbot", "discordbot", "^whatsapp/",
            "telegrambot", "linkedinbot", "skypeuripreview", "pinterestbot", "pinterest/0.", "redditbot", "embedly", "iframely",
            "vkshare", "google web preview", "bingpreview", "mastodon/", "cardyb", "zulipurlpreview", "synapse", "snap url preview",
        ],
    ),
    (
        Kind::Monitor,
        &[
            "uptime", "pingdom", "statuscake", "site24x7", "newrelicpinger", "datadog", "synthetics", "betterstack", "freshping",
            "nagios", "check_http", "zabbix", "^prometheus", "blackbox", "monit/", "hetrixtools", "checkly", "gtmetrix", "lighthouse",
            "pagespeed", "webpagetest", " ptst/", "kube-probe", "healthcheck", "googlehc", "health-check", "catchpoint", "dynatrace", "ruxitsynthetic",
            "speedcurve", "montastic", "jetmon", "gomezagent", "rigor", "monitor",
        ],
    ),
    (
        Kind::Headless,
        &["headless", "phantomjs", "slimerjs", "puppeteer", "playwright", "selenium", "cypress/", "jsdom", "happydom", "htmlunit", "prerender", "zombie.js"],
    ),
    (
        Kind::Crawler,
        &[
            "crawl", "spider", "slurp", "archiver", "internetarchive", "scrap", "nutch", "heritrix", "fetcher", "feedly", "feedburner", "newsblur",
            "inoreader", "netvibes", "newsgator", "tiny tiny rss", "freshrss", "miniflux", "mediapartners", "google-", "googleother", "-google", "chatgpt-user", "oai-search", "claude-",
            "anthropic-ai", "perplexity-user", "cohere-ai", "meta-externalagent", "yeti/", "^daum", "daumoa", "sogou", "screaming frog", "netcraft",
            "netsystemsresearch", "censys", "zgrab", "masscan", "nmap", "nikto", "sqlmap", "qualys", "expanse", "internet-measurement", "validator", "indexer", "findlinks",
            "teoma", "larbin", "linkcheck", "xenu", "semrush", "ahrefs", "dataprovider", "whatweb", "tlsprober", "bubing", "ichiro", "seeker", "favicon", "thumbnail", "pagepeeker",
            "qwantify", "ogscrper", "datanyze", "htdig", "^ning", "grabber", "+http", "<a href",
        ],
    ),
    (
        Kind::Library,
        &[
            "curl/", "wget", "libcurl", "python", "aiohttp", "httpx/", "urllib", "go-http-client", "go-resty", "^java/", "apache-httpclient",
            "okhttp", "jersey/", "^jakarta", "http-java-client", "libwww", "lwp-", "lwp::", "perl/", "^ruby", "faraday", "http.rb/", "httparty", "rest-client", "typhoeus", "^node",
            "undici", "axios/", "^got ", "^got/", "superagent", "^needle/", "^request/", "^php", "guzzle", "symfony", "postman", "insomnia", "httpie", "restsharp",
            "^dart/", "reqwest", "^hyper/", "^ureq", "isahc", "^k6/", "apachebench", "siege/", "jmeter", "vegeta", "^hey/", "^wrk", "autocannon", "locust",
            "powershell", "^deno/", "^bun/", "winhttp", "mechanize", "hackney", "^elixir", "^erlang", "lua-resty", "akka-http", "pekko-http", "ktor", "aws-sdk",
            "^jnlp/", "^wordpress/", "fasthttp", "http_request", "httpclient", "^http", "^test",
        ],
    ),
];

/// The kind of a User-Agent in lower case that is not empty; `is_known` when it names a browser or system.
pub(super) fn of(lower: &str, is_known: bool) -> Kind {
    if lower == "mozilla/5.0" {
        return Kind::BareMozilla;
    }
    let says = |word: &&str| match word.strip_prefix('^') {
        Some(start) => lower.starts_with(start),
        None => lower.contains(word),
    };
    if let Some((kind, _)) = WORDS.iter().find(|(_, words)| words.iter().any(says)) {
        return *kind;
    }
    if has_bot(lower) {
        return Kind::Crawler;
    }
    if is_known || lower.starts_with("mozilla/") { Kind::Browser } else { Kind::Unknown }
}

/// The word `bot`, unless it is the end of Cubot, a maker of phones.
fn has_bot(lower: &str) -> bool {
    lower.match_indices("bot").any(|(at, _)| !lower[..at].ends_with("cu"))
}
