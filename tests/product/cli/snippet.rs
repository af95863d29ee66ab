//! `snippet`: what it prints is what works.

use super::{check, out};
use crate::harness::{Launch, folder, shared};

#[test]
fn prints_what_to_paste_where() {
    let home = folder();
    let launch = Launch::new(home.path().join("data"));
    let at = ["--origin", "https://stats.example.com"];
    let snippet = |place: &str| {
        out(&check(&launch, &[&["snippet", "--site", "my blog", "--for", place], &at[..]].concat(), 0, &[]))
    };
    assert!(
        snippet("html")
            .contains("<script defer src=\"https://stats.example.com/p.js\" data-site=\"my blog\">")
    );
    assert!(snippet("readme").starts_with("![](https://stats.example.com/p.gif?site=my%20blog&page="));
    assert!(snippet("email").contains("utm_medium=email"));
    assert!(snippet("spa").contains("events: \"https://stats.example.com/e\""));
    check(&launch, &["snippet"], 2, &["--site"]);
    check(&launch, &["snippet", "--site", ""], 2, &["--site"]);
    check(&launch, &["snippet", "--site", "x", "--for", "fax"], 2, &["readme"]);
    check(&launch, &["snippet", "--site", "x", "--origin", "stats"], 2, &["https://stats.example.com"]);
    let renamed = launch.set("gateway.pixel_path", "/i.png").set("gateway.listen", "0.0.0.0:9999");
    let done = check(&renamed, &["snippet", "--site", "x", "--for", "readme"], 0, &[]);
    assert!(out(&done).starts_with("![](http://127.0.0.1:9999/i.png?site=x&"), "{}", out(&done));
    let encrypted = renamed.clone().set("gateway.tls_cert", "c.pem").set("gateway.tls_key", "k.pem");
    let done = check(&encrypted, &["snippet", "--site", "x", "--for", "readme"], 0, &[]);
    assert!(out(&done).starts_with("![](https://127.0.0.1:9999/i.png?site=x&"), "{}", out(&done));
    assert!(!renamed.data_dir().exists(), "asking leaves nothing behind");
}

#[test]
fn the_image_of_a_snippet_counts() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data"));
    let server = launch.start();
    let url = server.url();
    let done = check(&launch, &["snippet", "--site", "my blog", "--for", "readme", "--origin", &url], 0, &[]);
    let text = out(&done);
    let target = text.trim().strip_prefix(&format!("![]({url}")).unwrap().strip_suffix(')').unwrap();
    assert!(server.get(target).is_gif());
    assert_eq!(server.api("/api/v1/event/0")["event"]["site"], "my blog");
    server.stop();
}
