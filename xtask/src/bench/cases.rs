//! What can be measured: the subjects, the requests, and the cases that put them together.

use anyhow::bail;

/// A server with its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    Nginx(AccessLog),
    Onepixel { durability: &'static str, consumers: Consumers },
}

/// What nginx does with the line it could write for each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccessLog {
    Off,
    Unbuffered,
    Buffered,
}

/// What runs in onepixel's process beside the intake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consumers {
    Off,
    Archive,
    Live,
    /// Both of them, and the dashboard.
    On,
}

impl Consumers {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Archive => "archive",
            Self::Live => "live",
            Self::On => "on",
        }
    }

    /// As the metrics call them.
    pub(super) fn running(self) -> &'static [&'static str] {
        match self {
            Self::Off => &[],
            Self::Archive => &["archive"],
            Self::Live => &["live"],
            Self::On => &["archive", "live"],
        }
    }
}

impl Subject {
    pub(super) fn name(self) -> String {
        match self {
            Self::Nginx(AccessLog::Off) => "nginx, no log".to_owned(),
            Self::Nginx(AccessLog::Unbuffered) => "nginx, log unbuffered".to_owned(),
            Self::Nginx(AccessLog::Buffered) => "nginx, log buffered".to_owned(),
            Self::Onepixel { durability, consumers } => {
                format!("onepixel {durability}, consumers {}", consumers.name())
            }
        }
    }
}

/// The request that is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// Different User-Agents and pages (each with a referrer of its own) take turns.
    Pixel {
        agents: u32,
        pages: u32,
        keep_alive: bool,
    },
    Events {
        per_request: u32,
        pages: u32,
    },
}

impl Request {
    /// The same hit again and again.
    pub(super) const PIXEL: Self = Self::Pixel { agents: 1, pages: 1, keep_alive: true };

    /// How many events one answer acknowledges.
    pub(super) fn events(self) -> u32 {
        match self {
            Self::Pixel { .. } => 1,
            Self::Events { per_request, .. } => per_request,
        }
    }
}

/// One comparison, side by side.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) connections: u32,
    pub(super) request: Request,
    pub(super) tls: bool,
    pub(super) subjects: Vec<Subject>,
}

/// Whatever has a name.
#[derive(Debug, Clone)]
pub(super) enum Measurement {
    Comparison(Case),
    /// How fast the pipelines work off a backlog while the intake runs.
    Drain,
    /// Two cores for the server next to one.
    Cores,
    /// How soon a server with a long log is ready.
    Readiness,
    /// Instructions for an event, which repeat to one in a thousand.
    Instructions,
}

impl Measurement {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Comparison(case) => &case.name,
            Self::Drain => "drain",
            Self::Cores => "cores",
            Self::Readiness => "readiness",
            Self::Instructions => "instructions",
        }
    }
}

/// Ratios are to this one: it writes what an event is made of, though not safely.
pub(super) const REFERENCE: Subject = Subject::Nginx(AccessLog::Buffered);

const NGINX: [Subject; 3] =
    [REFERENCE, Subject::Nginx(AccessLog::Off), Subject::Nginx(AccessLog::Unbuffered)];
const ONEPIXEL: [Subject; 4] = [
    Subject::Onepixel { durability: "always", consumers: Consumers::Off },
    Subject::Onepixel { durability: "always", consumers: Consumers::On },
    Subject::Onepixel { durability: "interval 50ms", consumers: Consumers::Off },
    Subject::Onepixel { durability: "interval 50ms", consumers: Consumers::On },
];

/// The main subjects: what a brief comparison has.
const MAIN: [Subject; 3] = [REFERENCE, ONEPIXEL[0], ONEPIXEL[1]];

/// The main comparison for no name, everything for `all`, otherwise what is named: comparisons with every subject, or
/// with the main ones after the word `brief`.
pub(super) fn chosen(names: &[String]) -> anyhow::Result<Vec<Measurement>> {
    match names {
        [] => brief(&["c64", "c256"].map(str::to_owned)),
        [all] if all == "all" => Ok(every()),
        [word, names @ ..] if word == "brief" && !names.is_empty() => brief(names),
        _ => names.iter().map(|name| named(name)).collect(),
    }
}

fn brief(names: &[String]) -> anyhow::Result<Vec<Measurement>> {
    let mut chosen: Vec<Measurement> = names.iter().map(|name| named(name)).collect::<Result<_, _>>()?;
    for measurement in &mut chosen {
        if let Measurement::Comparison(case) = measurement {
            case.subjects.retain(|subject| MAIN.contains(subject));
        }
    }
    Ok(chosen)
}

fn named(name: &str) -> anyhow::Result<Measurement> {
    let every = every();
    let Some(found) = every.iter().find(|measurement| measurement.name() == name) else {
        let names: Vec<&str> = every.iter().map(Measurement::name).collect();
        bail!("there is no case `{name}`; there are: all, brief with names behind it, {}", names.join(" "));
    };
    Ok(found.clone())
}

fn every() -> Vec<Measurement> {
    let others = [Measurement::Drain, Measurement::Cores, Measurement::Readiness, Measurement::Instructions];
    comparisons().into_iter().map(Measurement::Comparison).chain(others).collect()
}

fn comparisons() -> Vec<Case> {
    let case = |name: &str, connections: u32, request: Request| Case {
        name: name.to_owned(),
        connections,
        request,
        tls: false,
        subjects: [&NGINX[..], &ONEPIXEL[..]].concat(),
    };
    let pixel = |agents, pages, keep_alive| Request::Pixel { agents, pages, keep_alive };
    let mut cases: Vec<Case> = [1, 16, 64, 256, 1024]
        .map(|connections| case(&format!("c{connections}"), connections, Request::PIXEL))
        .into();
    cases.push(case("new-connections", 64, pixel(1, 1, false)));
    cases.push(case("agents", 64, pixel(10_000, 1, true)));
    cases.push(case("pages", 64, pixel(1, 10_000, true)));
    cases.push(case("memory", 1024, pixel(10_000, 10_000, true)));
    for (name, keep_alive) in [("tls", true), ("tls-new-connections", false)] {
        let subjects = vec![REFERENCE, NGINX[1], ONEPIXEL[0], ONEPIXEL[2]];
        cases.push(Case { tls: true, subjects, ..case(name, 64, pixel(1, 1, keep_alive)) });
    }
    cases.extend([1, 10, 100, 500].map(|per_request| Case {
        subjects: ONEPIXEL.into(),
        ..case(&format!("events-{per_request}"), 64, Request::Events { per_request, pages: 1 })
    }));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each is a name, and the subjects of a comparison.
    fn check(names: &[&str], expected: &[(&str, usize)]) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let subjects = |measurement: &Measurement| match measurement {
            Measurement::Comparison(case) => case.subjects.len(),
            _ => 0,
        };
        let chosen = chosen(&names).unwrap();
        let found: Vec<(&str, usize)> = chosen.iter().map(|one| (one.name(), subjects(one))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn without_a_name_the_main_comparison() {
        check(&[], &[("c64", 3), ("c256", 3)]);
    }

    #[test]
    fn a_name_brings_every_subject() {
        check(&["events-10", "c1"], &[("events-10", 4), ("c1", 7)]);
        check(&["drain", "tls", "memory"], &[("drain", 0), ("tls", 4), ("memory", 7)]);
        check(&["brief", "c1", "tls", "drain"], &[("c1", 3), ("tls", 2), ("drain", 0)]);
        let all = chosen(&["all".to_owned()]).unwrap();
        assert_eq!(all.len(), 19);
        let mut names: Vec<&str> = all.iter().map(Measurement::name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len(), "two cases of one name");
    }

    #[test]
    fn a_wrong_name_says_which_there_are() {
        let error = chosen(&["c3".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`c3`") && error.contains("c1024") && error.contains("all"), "{error}");
        assert!(error.contains("readiness"), "{error}");
    }
}
