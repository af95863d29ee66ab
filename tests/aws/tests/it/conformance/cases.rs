//! The cases.

use onepixel_event::{Class, Device, ReferrerGroup};
use onepixel_view::{Dimension, Filter, Page, Query, Ranking, TopOrder, Unit};

use super::asked::{Question, Told, rows};
use super::hits::{DAY, HOUR, Hit, MINUTE, hit, midnight};

/// What comes in, and what is told of it.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// Each list comes at once.
    pub(super) hits: Vec<Vec<Hit>>,
    /// The view settles after each list, not only after the last one.
    pub(super) one_by_one: bool,
    /// Everything is read again before it is asked.
    pub(super) replayed: bool,
    /// So much time passes before it is asked.
    pub(super) later_ms: i64,
    pub(super) questions: Vec<(Question, Told)>,
}

impl Case {
    fn new(name: &'static str, hits: Vec<Hit>, questions: Vec<(Question, Told)>) -> Self {
        Self { name, hits: vec![hits], one_by_one: false, replayed: false, later_ms: 0, questions }
    }
}

/// Everything, at any time, of any class.
fn all() -> Query {
    Query::default()
}

/// From and to in milliseconds from midnight on.
fn within(from: i64, to: i64) -> Query {
    Query { from_ms: midnight() + from, to_ms: midnight() + to, ..all() }
}

fn of(site: &str) -> Query {
    Query { site: Some(site.to_owned()), ..all() }
}

fn by(filters: &[(Dimension, &str)]) -> Query {
    let filter =
        |(dimension, value): &(Dimension, &str)| Filter { dimension: *dimension, value: (*value).to_owned() };
    Query { filters: filters.iter().map(filter).collect(), ..all() }
}

/// Of the hours around midnight: where there are many questions, each costs less.
fn near(query: Query) -> Query {
    let Query { from_ms, to_ms, .. } = within(-HOUR, 3 * HOUR);
    Query { from_ms, to_ms, ..query }
}

fn ranked(order: TopOrder) -> Ranking {
    Ranking { order, limit: 100, ..Ranking::default() }
}

fn top(query: Query, dimension: Dimension) -> Question {
    Question::Top(query, dimension, ranked(TopOrder::Views))
}

fn recent(query: Query) -> Question {
    Question::Recent(query, Page::default())
}

pub(super) fn all_cases() -> Vec<Case> {
    vec![
        nothing(),
        sites_and_classes(),
        duplicates(),
        replays(),
        over_midnight(),
        ranges_and_edges(),
        zones(),
        rankings(),
        what_is_missing(),
        hostile(),
        time_to_live(),
        properties(),
        many(),
    ]
}

fn nothing() -> Case {
    let wrong_zone = Question::Series(within(0, HOUR), Unit::Hour, "Middle/Earth");
    let wide = Question::Series(within(-3 * DAY, 0), Unit::Minute, "UTC");
    let questions = vec![
        (Question::Sums(all()), Told::Sums(0, 0, 0, 0)),
        (Question::Compared(within(0, HOUR)), Told::Compared(0, Some(0))),
        (Question::Series(within(0, 2 * HOUR), Unit::Hour, "UTC"), Told::Points(&[], 2)),
        (Question::Series(within(HOUR, HOUR), Unit::Hour, "UTC"), Told::Points(&[], 0)),
        (top(all(), Dimension::Page), rows(&[])),
        (top(all(), Dimension::Class), rows(&[])),
        (recent(all()), Told::Pages(&[])),
        (Question::Sites, Told::Sites(&[])),
        (wrong_zone, Told::Wrong("\"Middle/Earth\" is not a time zone")),
        (wide, Told::Wrong("more than 2000 points")),
    ];
    Case::new("nothing", Vec::new(), questions)
}

fn sites_and_classes() -> Case {
    let hits = vec![
        hit(0).visitor("a"),
        hit(1).visitor("a").site("shop").page("/s"),
        hit(2).visitor("b").class(Class::Bot).page("/b"),
        hit(3).site("shop").class(Class::ImageProxy).page("/i"),
        hit(4).visitor("c").named("signup").page("/c"),
    ];
    let humans = Query { classes: [Class::Human].into_iter().collect(), ..all() };
    let machines = Query { classes: [Class::Bot, Class::ImageProxy].into_iter().collect(), ..of("shop") };
    let both = by(&[(Dimension::Site, "shop"), (Dimension::Site, "blog"), (Dimension::Class, "human")]);
    let neither = Query { site: Some("blog".into()), ..by(&[(Dimension::Site, "shop")]) };
    let questions = vec![
        (Question::Sums(all()), Told::Sums(5, 4, 3, 2)),
        (Question::Sums(of("shop")), Told::Sums(2, 2, 1, 1)),
        (Question::Sums(of("no such site")), Told::Sums(0, 0, 0, 0)),
        (Question::Sums(humans.clone()), Told::Sums(3, 2, 2, 0)),
        (Question::Sums(machines.clone()), Told::Sums(1, 1, 0, 1)),
        (Question::Sums(both.clone()), Told::Sums(3, 2, 2, 0)),
        (Question::Sums(neither), Told::Sums(0, 0, 0, 0)),
        (Question::Sums(by(&[(Dimension::Class, "no such class")])), Told::Sums(0, 0, 0, 0)),
        (Question::Sums(by(&[(Dimension::Page, "/s")])), Told::Sums(1, 1, 1, 0)),
        (Question::Sites, Told::Sites(&[("blog", 3), ("shop", 2)])),
        (top(all(), Dimension::Site), rows(&[("blog", 3, 2, 3), ("shop", 2, 2, 1)])),
        (top(of("shop"), Dimension::Site), rows(&[("shop", 2, 2, 1)])),
        (top(both, Dimension::Page), rows(&[("/", 1, 1, 1), ("/s", 1, 1, 1), ("/c", 1, 0, 1)])),
        (
            top(all(), Dimension::Class),
            rows(&[("human", 3, 2, 2), ("bot", 1, 1, 1), ("image_proxy", 1, 1, 0)]),
        ),
        (top(machines.clone(), Dimension::Class), rows(&[("image_proxy", 1, 1, 0)])),
        (recent(all()), Told::Pages(&["/c", "/i", "/b", "/s", "/"])),
        (recent(of("shop")), Told::Pages(&["/i", "/s"])),
        (recent(humans), Told::Pages(&["/c", "/s", "/"])),
        (recent(machines), Told::Pages(&["/i"])),
        (Question::Recent(all(), Page { limit: 2, before: None }), Told::Pages(&["/c", "/i"])),
        (Question::Recent(all(), Page { limit: 2, before: Some(3) }), Told::Pages(&["/b", "/s"])),
        (Question::Recent(all(), Page { limit: 0, before: None }), Told::Pages(&[])),
    ];
    Case::new("sites and classes", hits, questions)
}

fn duplicates() -> Case {
    // In one list, in another one before it settles, and long after.
    let first = vec![hit(0).own(1).visitor("a"), hit(0).own(1).visitor("a"), hit(1).own(2).page("/two")];
    let again = vec![hit(MINUTE).own(2).page("/two"), hit(2).own(3).page("/three")];
    let questions = vec![
        (Question::Sums(all()), Told::Sums(3, 3, 1, 0)),
        (top(all(), Dimension::Page), rows(&[("/", 1, 1, 1), ("/three", 1, 1, 0), ("/two", 1, 1, 0)])),
        (Question::Sites, Told::Sites(&[("blog", 3)])),
        (Question::Series(within(0, 2 * MINUTE), Unit::Minute, "UTC"), Told::Points(&[(0, 3)], 2)),
    ];
    Case {
        hits: vec![first.clone(), again, first],
        one_by_one: true,
        ..Case::new("duplicates by id", Vec::new(), questions)
    }
}

fn replays() -> Case {
    let hits: Vec<Hit> = (0..10).map(|n| hit(n * 7 * MINUTE).page(["/a", "/b"][n as usize % 2])).collect();
    let questions = vec![
        (Question::Sums(all()), Told::Sums(10, 10, 0, 0)),
        (top(all(), Dimension::Page), rows(&[("/a", 5, 5, 0), ("/b", 5, 5, 0)])),
        (Question::Series(within(0, 2 * HOUR), Unit::Hour, "UTC"), Told::Points(&[(0, 9), (HOUR, 1)], 2)),
        (recent(within(42 * MINUTE, 2 * HOUR)), Told::Pages(&["/b", "/a", "/b", "/a"])),
    ];
    Case { replayed: true, ..Case::new("replays", hits, questions) }
}

fn over_midnight() -> Case {
    let hits = vec![
        hit(-HOUR - 1).page("/22"),
        hit(-HOUR).page("/23"),
        hit(-1).page("/23"),
        hit(0).page("/0"),
        hit(HOUR - 1).page("/0"),
        hit(HOUR).page("/1"),
    ];
    let night = within(-2 * HOUR, 2 * HOUR);
    let questions = vec![
        (
            Question::Series(night.clone(), Unit::Hour, "UTC"),
            Told::Points(&[(-2 * HOUR, 1), (-HOUR, 2), (0, 2), (HOUR, 1)], 4),
        ),
        (Question::Series(night, Unit::Day, "UTC"), Told::Points(&[(-DAY, 3), (0, 3)], 2)),
        (
            Question::Series(within(-MINUTE, MINUTE), Unit::Minute, "UTC"),
            Told::Points(&[(-MINUTE, 1), (0, 1)], 2),
        ),
        (Question::Sums(within(-HOUR, HOUR)), Told::Sums(4, 4, 0, 0)),
        (Question::Compared(within(0, HOUR)), Told::Compared(2, Some(2))),
        (top(within(-HOUR, HOUR), Dimension::Page), rows(&[("/0", 2, 2, 0), ("/23", 2, 2, 0)])),
        (recent(within(-HOUR, HOUR)), Told::Pages(&["/0", "/0", "/23", "/23"])),
    ];
    Case::new("hours over midnight", hits, questions)
}

fn ranges_and_edges() -> Case {
    let hits: Vec<Hit> = (0..12).map(|n| hit(n * 10 * MINUTE)).collect();
    let hourly = within(30 * MINUTE, 90 * MINUTE);
    let questions = vec![
        // The minute of the start is in, that of the end is not.
        (Question::Sums(within(10 * MINUTE, 20 * MINUTE)), Told::Sums(1, 1, 0, 0)),
        (Question::Sums(within(10 * MINUTE, 20 * MINUTE + 1)), Told::Sums(2, 2, 0, 0)),
        (Question::Sums(within(10 * MINUTE, 11 * MINUTE)), Told::Sums(1, 1, 0, 0)),
        (Question::Sums(within(11 * MINUTE, 20 * MINUTE)), Told::Sums(0, 0, 0, 0)),
        (Question::Sums(hourly.clone()), Told::Sums(6, 6, 0, 0)),
        (Question::Sums(within(HOUR, 2 * HOUR)), Told::Sums(6, 6, 0, 0)),
        (Question::Sums(within(2 * HOUR, HOUR)), Told::Sums(0, 0, 0, 0)),
        (Question::Series(hourly.clone(), Unit::Hour, "UTC"), Told::Points(&[(0, 3), (HOUR, 3)], 2)),
        (
            top(hourly, Dimension::Page),
            Told::Stepped(Box::new(rows(&[("/", 6, 6, 0)])), Box::new(rows(&[("/", 12, 12, 0)]))),
        ),
        (Question::Compared(within(HOUR, 2 * HOUR)), Told::Compared(6, Some(6))),
        (Question::Compared(within(-8 * DAY, 0)), Told::Compared(0, None)),
        (Question::Sums(Query { from_ms: i64::MIN, to_ms: i64::MIN, ..all() }), Told::Sums(0, 0, 0, 0)),
        (Question::Sums(Query { from_ms: i64::MAX, to_ms: i64::MAX, ..all() }), Told::Sums(0, 0, 0, 0)),
        (recent(within(100 * MINUTE, 110 * MINUTE)), Told::Pages(&["/"])),
    ];
    Case::new("ranges and their edges", hits, questions)
}

fn zones() -> Case {
    // In Kolkata, five and a half hours ahead, the day begins at half past six in the evening.
    let hits = vec![hit(-331 * MINUTE), hit(-330 * MINUTE), hit(0), hit(29 * MINUTE), hit(30 * MINUTE)];
    let evening = within(-6 * HOUR, HOUR);
    let questions = vec![
        (
            Question::Series(evening.clone(), Unit::Day, "Asia/Kolkata"),
            Told::Points(&[(-330 * MINUTE - DAY, 1), (-330 * MINUTE, 4)], 2),
        ),
        (
            Question::Series(within(0, HOUR), Unit::Hour, "Asia/Kolkata"),
            Told::Points(&[(-30 * MINUTE, 2), (30 * MINUTE, 1)], 2),
        ),
        (Question::Series(evening, Unit::Day, "UTC"), Told::Points(&[(-DAY, 2), (0, 3)], 2)),
        (
            Question::Series(within(-6 * HOUR, HOUR), Unit::Hour, "Etc/GMT-2"),
            Told::Points(&[(-6 * HOUR, 2), (0, 3)], 7),
        ),
    ];
    Case::new("zones", hits, questions)
}

fn rankings() -> Case {
    let mut hits = Vec::new();
    for (page, views, signups) in [("/many", 4, 0), ("/signups", 1, 3), ("/one", 1, 0), ("/ONE", 1, 0)] {
        hits.extend((0..views).map(|n| hit(n).page(page).visitor("same")));
        hits.extend((0..signups).map(|n| hit(n).page(page).named("signup").visitor(&n.to_string())));
    }
    let page = |order, limit, offset, search: Option<&str>| {
        let search = search.map(str::to_owned);
        Question::Top(all(), Dimension::Page, Ranking { order, limit, offset, search })
    };
    let views = rows(&[("/many", 4, 4, 1), ("/signups", 4, 1, 4), ("/ONE", 1, 1, 1), ("/one", 1, 1, 1)]);
    let questions = vec![
        (top(all(), Dimension::Page), views),
        (page(TopOrder::Views, 1, 1, None), rows(&[("/signups", 4, 1, 4)])),
        (page(TopOrder::Events, 2, 0, None), rows(&[("/many", 4, 4, 1), ("/signups", 4, 1, 4)])),
        (page(TopOrder::Visitors, 1, 0, None), rows(&[("/signups", 4, 1, 4)])),
        (page(TopOrder::Views, 10, 0, Some("oNe")), rows(&[("/ONE", 1, 1, 1), ("/one", 1, 1, 1)])),
        (page(TopOrder::Views, 10, 0, Some("nowhere")), rows(&[])),
        (page(TopOrder::Views, 10, 9, None), rows(&[])),
        (top(all(), Dimension::Event), rows(&[("pageview", 7, 7, 1), ("signup", 3, 0, 3)])),
        (top(all(), Dimension::Title), rows(&[("", 10, 7, 4)])),
        (top(all(), Dimension::Entry), rows(&[("/many", 1, 1, 1)])),
    ];
    Case::new("rankings", hits, questions)
}

fn what_is_missing() -> Case {
    let search = |e: &mut onepixel_event::Event<'static>| {
        e.referrer_host = Some("search.example".into());
        e.referrer_group = Some(ReferrerGroup::Search);
        e.country = Some("DE".into());
        e.device = Some(Device::Mobile);
    };
    let hits = vec![
        hit(0).with(search),
        hit(1),
        hit(2).class(Class::Bot),
        hit(3).site("shop").with(search),
        hit(HOUR).named("signup").with(|e| e.page_path = None),
    ];
    let humans = Query { classes: [Class::Human].into_iter().collect(), ..of("blog") };
    let missing = Ranking { search: Some("search".into()), ..ranked(TopOrder::Views) };
    let questions = vec![
        (top(all(), Dimension::Referrer), rows(&[("", 3, 2, 0), ("search.example", 2, 2, 0)])),
        (top(humans.clone(), Dimension::Referrer), rows(&[("", 2, 1, 0), ("search.example", 1, 1, 0)])),
        (top(humans, Dimension::Country), rows(&[("", 2, 1, 0), ("DE", 1, 1, 0)])),
        (top(of("shop"), Dimension::Device), rows(&[("mobile", 1, 1, 0)])),
        (top(all(), Dimension::Group), rows(&[("", 3, 2, 0), ("search", 2, 2, 0)])),
        (top(all(), Dimension::Page), rows(&[("/", 4, 4, 0), ("", 1, 0, 0)])),
        (top(all(), Dimension::Campaign), rows(&[("", 5, 4, 0)])),
        (Question::Top(all(), Dimension::Referrer, missing), rows(&[("search.example", 2, 2, 0)])),
        (Question::Sums(by(&[(Dimension::Referrer, "")])), Told::Sums(3, 2, 0, 1)),
    ];
    Case::new("values that are missing", hits, questions)
}

/// What strangers put into names: the marks of keys, of SQL, of HTML, of paths, of other writings; and long ones.
const HOSTILE: [&str; 12] = [
    "a#b",
    "#",
    "21=/x",
    "21~",
    "*",
    "' OR 1=1 --",
    "</script><img onerror=x>",
    "a\"b\\c",
    "%00%0a",
    "été\u{301}",
    "\u{202e}txt",
    "👩‍👩‍👧",
];

fn hostile() -> Case {
    let mut hits: Vec<Hit> = HOSTILE.iter().map(|word| hit(0).site(word).page(word).named(word)).collect();
    let (long, like_it) = (format!("/{}a", "é".repeat(1000)), format!("/{}b", "é".repeat(1000)));
    hits.extend([hit(1).page(&long), hit(1).page(&long), hit(1).page(&like_it)]);
    let mut questions: Vec<(Question, Told)> = Vec::new();
    for word in HOSTILE {
        questions.push((Question::Sums(near(of(word))), Told::Sums(1, 0, 0, 0)));
        questions.push((top(near(of(word)), Dimension::Page), rows(&[(word, 1, 0, 0)])));
        questions.push((top(near(of(word)), Dimension::Event), rows(&[(word, 1, 0, 0)])));
        questions.push((Question::Sums(near(by(&[(Dimension::Site, word)]))), Told::Sums(1, 0, 0, 0)));
        questions.push((Question::Sums(near(by(&[(Dimension::Page, word)]))), Told::Sums(1, 0, 0, 0)));
    }
    // Sites that are the beginning of others, or of none.
    for word in ["a", "a#", "", "#a", "21"] {
        questions.push((Question::Sums(near(of(word))), Told::Sums(0, 0, 0, 0)));
        questions.push((recent(near(of(word))), Told::Pages(&[])));
    }
    questions.push((top(near(of("blog")), Dimension::Page), rows(&[(&long, 2, 2, 0), (&like_it, 1, 1, 0)])));
    questions.push((recent(near(of("a\"b\\c"))), Told::Pages(&["a\"b\\c"])));
    questions.push((Question::Sums(all()), Told::Sums(15, 3, 0, 0)));
    Case::new("hostile values", hits, questions)
}

fn time_to_live() -> Case {
    // Asked when a week has passed since an hour after midnight: what came before that hour is over.
    let hits = vec![hit(-DAY), hit(-1), hit(0), hit(HOUR + MINUTE), hit(90 * MINUTE).page("/late")];
    let since_now = 2 * HOUR + 30 * MINUTE + 30_123;
    let questions = vec![
        (Question::Sums(all()), Told::Sums(2, 2, 0, 0)),
        (top(all(), Dimension::Page), rows(&[("/", 1, 1, 0), ("/late", 1, 1, 0)])),
        (Question::Sites, Told::Sites(&[("blog", 2)])),
        (recent(all()), Told::Pages(&["/late", "/"])),
        (Question::Sums(within(-2 * DAY, HOUR)), Told::Sums(0, 0, 0, 0)),
        (Question::Series(within(-HOUR, 2 * HOUR), Unit::Hour, "UTC"), Told::Points(&[(HOUR, 2)], 3)),
    ];
    Case { later_ms: 7 * DAY + HOUR - since_now, ..Case::new("time to live", hits, questions) }
}

fn properties() -> Case {
    let hits = vec![
        hit(0).named("signup").props(r#"{"plan":"pro","seats":3}"#),
        hit(1).named("signup").props(r#"{"plan":"free"}"#),
        hit(2),
    ];
    let questions = vec![
        (
            Question::Properties(all()),
            Told::Properties(&[("plan", "pro", 1), ("plan", "free", 1), ("seats", "3", 1)]),
        ),
        (Question::Properties(of("shop")), Told::Properties(&[])),
    ];
    Case::new("properties", hits, questions)
}

fn many() -> Case {
    let hits: Vec<Hit> = (0..300).map(|n| hit(n * 20_000).page(&format!("/{:02}", n % 40))).collect();
    let lists: Vec<Vec<Hit>> = hits.chunks(25).map(<[Hit]>::to_vec).collect();
    let expected: Vec<(String, u64, u64, u64)> = (0_u64..40)
        .map(|page| {
            let views = (300 - page).div_ceil(40);
            (format!("/{page:02}"), views, views, 0)
        })
        .collect();
    let questions = vec![
        (Question::Sums(all()), Told::Sums(300, 300, 0, 0)),
        (top(all(), Dimension::Page), Told::Rows(expected)),
        (Question::Series(within(0, 2 * HOUR), Unit::Hour, "UTC"), Told::Points(&[(0, 180), (HOUR, 120)], 2)),
        (Question::Sums(within(10 * MINUTE, 100 * MINUTE)), Told::Sums(270, 270, 0, 0)),
    ];
    Case { hits: lists, replayed: true, ..Case::new("many", Vec::new(), questions) }
}
