//! What is measured: the subjects, the requests, and the cases that put them together.

use anyhow::bail;

/// A server with its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    Nginx(AccessLog),
    Onepixel { durability: &'static str, consumers: bool },
}

/// What nginx does with the line it could write for each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccessLog {
    Off,
    Unbuffered,
    Buffered,
}

impl Subject {
    pub(super) fn name(self) -> String {
        match self {
            Self::Nginx(AccessLog::Off) => "nginx, no log".to_owned(),
            Self::Nginx(AccessLog::Unbuffered) => "nginx, log unbuffered".to_owned(),
            Self::Nginx(AccessLog::Buffered) => "nginx, log buffered".to_owned(),
            Self::Onepixel { durability, consumers } => {
                format!("onepixel {durability}, consumers {}", if consumers { "on" } else { "off" })
            }
        }
    }
}

/// The request that is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Pixel { agents: u32, keep_alive: bool },
    Events { per_request: u32 },
}

impl Request {
    /// How many events one answer acknowledges.
    pub(super) fn events(self) -> u32 {
        match self {
            Self::Pixel { .. } => 1,
            Self::Events { per_request } => per_request,
        }
    }
}

/// One comparison.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) connections: u32,
    pub(super) request: Request,
    pub(super) subjects: Vec<Subject>,
}

/// Ratios are to this one: it writes what an event is made of, though not safely.
pub(super) const REFERENCE: Subject = Subject::Nginx(AccessLog::Buffered);

const NGINX: [Subject; 3] =
    [REFERENCE, Subject::Nginx(AccessLog::Off), Subject::Nginx(AccessLog::Unbuffered)];
const ONEPIXEL: [Subject; 4] = [
    Subject::Onepixel { durability: "always", consumers: false },
    Subject::Onepixel { durability: "always", consumers: true },
    Subject::Onepixel { durability: "interval 50ms", consumers: false },
    Subject::Onepixel { durability: "interval 50ms", consumers: true },
];

/// The main comparison for no name, everything for `all`, otherwise what is named, each with every subject.
pub(super) fn chosen(names: &[String]) -> anyhow::Result<Vec<Case>> {
    let every = every();
    match names {
        [] => Ok(main_comparison(every)),
        [all] if all == "all" => Ok(every),
        _ => names.iter().map(|name| named(&every, name)).collect(),
    }
}

fn main_comparison(mut every: Vec<Case>) -> Vec<Case> {
    every.retain(|case| ["c64", "c256"].contains(&case.name.as_str()));
    for case in &mut every {
        case.subjects = vec![REFERENCE, ONEPIXEL[0], ONEPIXEL[1]];
    }
    every
}

fn named(every: &[Case], name: &str) -> anyhow::Result<Case> {
    let Some(case) = every.iter().find(|case| case.name == name) else {
        let names: Vec<&str> = every.iter().map(|case| case.name.as_str()).collect();
        bail!("there is no case `{name}`; there are: all {}", names.join(" "));
    };
    Ok(case.clone())
}

fn every() -> Vec<Case> {
    let subjects = [&NGINX[..], &ONEPIXEL[..]].concat();
    let pixel = |name: &str, connections: u32, agents: u32, keep_alive: bool| Case {
        name: name.to_owned(),
        connections,
        request: Request::Pixel { agents, keep_alive },
        subjects: subjects.clone(),
    };
    let mut cases: Vec<Case> = [1, 16, 64, 256, 1024]
        .map(|connections| pixel(&format!("c{connections}"), connections, 1, true))
        .into();
    cases.push(pixel("new-connections", 64, 1, false));
    cases.push(pixel("agents", 64, 10_000, true));
    cases.extend([1, 10, 100, 500].map(|per_request| Case {
        name: format!("events-{per_request}"),
        connections: 64,
        request: Request::Events { per_request },
        subjects: ONEPIXEL.into(),
    }));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], expected: &[(&str, usize)]) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let cases = chosen(&names).unwrap();
        let found: Vec<(&str, usize)> =
            cases.iter().map(|case| (case.name.as_str(), case.subjects.len())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn without_a_name_the_main_comparison() {
        check(&[], &[("c64", 3), ("c256", 3)]);
    }

    #[test]
    fn a_name_brings_every_subject() {
        check(&["events-10", "c1"], &[("events-10", 4), ("c1", 7)]);
        let all = chosen(&["all".to_owned()]).unwrap();
        assert_eq!(all.len(), 11);
    }

    #[test]
    fn a_wrong_name_says_which_there_are() {
        let error = chosen(&["c3".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`c3`") && error.contains("c1024") && error.contains("all"), "{error}");
    }
}
