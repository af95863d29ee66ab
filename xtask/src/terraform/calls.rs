//! What each function calls of AWS, read from its source: the files that its `main` reaches, and the calls in them.
//!
//! Follows paths (`crate::a::b`, `super::c`, `self::d`, and the names that a module passes on with `pub use`) from file to
//! file; of a function only its own text counts, and of a constant nothing. A call of the SDK stands behind a client; one of S3
//! behind a bucket. A call whose permissions are not known here is
//! an error, and so is one that no function reaches: nothing passes unseen.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};

/// Each call of the SDK with the permissions it needs. A transaction needs those of its items: ours puts and updates.
const SDK: [(&str, &[&str]); 9] = [
    ("put_record", &["kinesis:PutRecord"]),
    ("put_records", &["kinesis:PutRecords"]),
    ("get_item", &["dynamodb:GetItem"]),
    ("put_item", &["dynamodb:PutItem"]),
    ("update_item", &["dynamodb:UpdateItem"]),
    ("query", &["dynamodb:Query"]),
    ("batch_get_item", &["dynamodb:BatchGetItem"]),
    ("batch_write_item", &["dynamodb:BatchWriteItem"]),
    ("transact_write_items", &["dynamodb:PutItem", "dynamodb:UpdateItem"]),
];

/// What is asked of a client and is no call.
const NO_CALLS: [&str; 2] = ["clone", "config"];

/// Each method of an archive's bucket with its permission.
const BUCKET: [(&str, &str); 5] = [
    ("put", "s3:PutObject"),
    ("get", "s3:GetObject"),
    ("read_lines", "s3:GetObject"),
    ("delete", "s3:DeleteObject"),
    ("objects", "s3:ListBucket"),
];

/// What is reached: a module, whole, by a name of it or not; or one function of it, by its name.
type Place = (Vec<String>, Option<String>);

/// The sources of a crate: module path (empty for the root) to text, without tests and comments.
#[derive(Debug, Default)]
pub(crate) struct Sources(BTreeMap<Vec<String>, String>);

impl Sources {
    /// Of the files below a crate's `src/`: path below it, and text.
    pub(crate) fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let modules = files.into_iter().filter_map(|(path, text)| Some((module(path)?, code(text))));
        Self(modules.collect())
    }

    /// Whether there is such a program.
    pub(crate) fn has(&self, program: &str) -> bool {
        self.0.contains_key(&vec!["bin".to_owned(), program.to_owned()])
    }

    /// The permissions that a program needs, whose `main` stands in `src/bin/NAME.rs`.
    ///
    /// # Errors
    /// When there is no such program, or it makes a call that is not known here.
    pub(crate) fn permissions(&self, program: &str) -> anyhow::Result<BTreeSet<String>> {
        let reached = self.reached(program)?;
        let mut needed = BTreeSet::new();
        for place in &reached {
            let found = calls(self.text(place));
            needed.extend(found.with_context(|| format!("in crates/aws, module {}", place.0.join("::")))?);
        }
        Ok(needed)
    }

    /// The variables that a program must be told, and those that it may be told.
    pub(crate) fn variables(&self, program: &str) -> anyhow::Result<(BTreeSet<String>, BTreeSet<String>)> {
        let (mut required, mut read) = (BTreeSet::new(), BTreeSet::new());
        for place in self.reached(program)? {
            let text = self.text(&place);
            // Who takes something else from where settings are read need not be told what they need.
            let settings =
                !text.contains("struct Settings") || place.1.as_deref().is_none_or(|name| name == "Settings");
            for (at, _) in text.match_indices("\"ONEPIXEL_") {
                let name = text[at + 1..].split('"').next().unwrap_or_default().to_owned();
                if settings && text[..at].trim_end().ends_with("required(") {
                    required.insert(name.clone());
                }
                read.insert(name);
            }
        }
        Ok((required, read))
    }

    /// The modules with a call that none of these programs reaches.
    pub(crate) fn unreached(&self, programs: &[&str]) -> anyhow::Result<Vec<String>> {
        let mut reached = BTreeSet::new();
        for program in programs {
            reached.extend(self.reached(program)?.into_iter().map(|(module, _)| module));
        }
        let mut found = Vec::new();
        for (module, text) in &self.0 {
            if !reached.contains(module) && !calls(text)?.is_empty() {
                found.push(module.join("::"));
            }
        }
        Ok(found)
    }

    fn reached(&self, program: &str) -> anyhow::Result<BTreeSet<Place>> {
        if !self.has(program) {
            bail!("crates/aws has no src/bin/{program}.rs");
        }
        let main = (vec!["bin".to_owned(), program.to_owned()], None);
        let (mut reached, mut open) = (BTreeSet::new(), vec![main]);
        while let Some(place) = open.pop() {
            if !reached.insert(place.clone()) {
                continue;
            }
            for path in self.paths(&place) {
                open.extend(self.resolve(&place.0, &path, 0));
            }
        }
        Ok(reached)
    }

    /// The text of a place.
    fn text(&self, (module, function): &Place) -> &str {
        let text = self.0.get(module).map(String::as_str).unwrap_or_default();
        function.as_deref().and_then(|name| item(text, name)).unwrap_or(text)
    }

    /// The paths of a place; for a function those that it writes, those imported names that it mentions, and its neighbours
    /// that it calls.
    fn paths(&self, place: &Place) -> Vec<Vec<String>> {
        let text = self.text(place);
        let whole = self.0.get(&place.0).map(String::as_str).unwrap_or_default();
        if place.1.as_deref().is_none_or(|name| item(whole, name).is_none()) {
            return paths(text);
        }
        let words: BTreeSet<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let imported = uses(whole, "use ").iter().flat_map(|tree| expand(tree)).collect::<Vec<_>>();
        let mentioned = |path: &Vec<String>| path.last().is_some_and(|last| words.contains(last.as_str()));
        let near = words.iter().filter(|word| item(whole, word).is_some());
        let near = near.map(|word| ["self", word].map(str::to_owned).to_vec());
        // Who makes a type of its module may call all that the module does.
        let kinds = ["struct", "enum"];
        let own =
            words.iter().filter(|word| kinds.iter().any(|kind| declares(whole, &format!("{kind} {word}"))));
        let own = own.map(|word| ["self", word].map(str::to_owned).to_vec());
        let near = near.chain(own);
        paths(text).into_iter().chain(imported.into_iter().filter(mentioned)).chain(near).collect()
    }

    /// Where a path, as written in `from`, ends.
    fn resolve(&self, from: &[String], path: &[String], depth: usize) -> Vec<Place> {
        let Some((first, mut rest)) = path.split_first() else { return Vec::new() };
        let child = [from, std::slice::from_ref(first)].concat();
        let mut at = match first.as_str() {
            "crate" | "onepixel_aws" => Vec::new(),
            "self" => from.to_vec(),
            "super" => from.split_last().map(|(_, parent)| parent.to_vec()).unwrap_or_default(),
            _ if self.0.contains_key(&child) => child,
            _ => return Vec::new(),
        };
        while let Some((next, after)) = rest.split_first() {
            let deeper = match next.as_str() {
                "super" => at.split_last().map(|(_, parent)| parent.to_vec()).unwrap_or_default(),
                _ => [at.as_slice(), std::slice::from_ref(next)].concat(),
            };
            if !self.0.contains_key(&deeper) {
                break;
            }
            (at, rest) = (deeper, after);
        }
        let Some(name) = rest.first() else { return vec![(at, None)] };
        // A name that the module passes on is found where it comes from.
        let text = self.0.get(&at).map(String::as_str).unwrap_or_default();
        if text.contains(&format!("const {name}: ")) {
            return Vec::new();
        }
        let passed: Vec<_> = passed_on(text).into_iter().filter(|path| path.last() == Some(name)).collect();
        if passed.is_empty() || depth > 8 {
            return vec![(at, Some(name.clone()))];
        }
        passed.iter().flat_map(|path| self.resolve(&at, path, depth + 1)).collect()
    }
}

/// `a/b.rs` is the module a::b, `lib.rs` the root.
fn module(path: &str) -> Option<Vec<String>> {
    let path = path.strip_suffix(".rs")?;
    Some(if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() })
}

/// A file without its tests and its comments.
fn code(text: &str) -> String {
    let until_tests = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = until_tests.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a text declares this, `struct Name` for instance.
fn declares(text: &str, start: &str) -> bool {
    let whole = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    !start.ends_with(' ') && text.match_indices(start).any(|(at, _)| whole(&text[at + start.len()..]))
}

/// The text of a function that stands by itself in a module.
fn item<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let at = ["(", "<"].iter().find_map(|after| {
        let sign = format!("fn {name}{after}");
        text.match_indices(&sign).map(|(at, _)| at).find(|at| {
            // At the left margin, whatever stands before `fn`.
            let line = text[..*at].rsplit('\n').next().unwrap_or_default();
            !line.starts_with(' ')
        })
    })?;
    let end = text[at..].find("\n}").map_or(text.len(), |end| at + end + 2);
    Some(&text[at..end])
}

/// Every path in a text: those of `use`, with their braces taken apart, and those in between.
fn paths(text: &str) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = uses(text, "use ").iter().flat_map(|tree| expand(tree)).collect();
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    // What ends in `::` goes on in braces, and was taken apart above.
    let inline = text.split(|c| !is_part(c)).filter(|word| word.contains("::") && !word.ends_with("::"));
    found.extend(inline.map(segments));
    found
}

/// The paths of `pub use` and `pub(crate) use`.
fn passed_on(text: &str) -> Vec<Vec<String>> {
    let trees = uses(text, "pub use ").into_iter().chain(uses(text, "pub(crate) use "));
    trees.flat_map(|tree| expand(&tree)).collect()
}

fn uses(text: &str, word: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let starts = at == 0 || rest[..at].ends_with(['\n', ' ', ')']);
        rest = &rest[at + word.len()..];
        if let Some(end) = rest.find(';').filter(|_| starts) {
            found.push(rest[..end].split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    found
}

/// `a::{b, c::{d, e}}` as a::b, a::c::d and a::c::e.
fn expand(tree: &str) -> Vec<Vec<String>> {
    let Some((before, inside)) = tree.split_once('{') else {
        return vec![segments(tree.split(" as ").next().unwrap_or_default())];
    };
    let inside = inside.strip_suffix('}').unwrap_or(inside);
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&inside[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inside[start..]);
    let parts = parts.into_iter().map(str::trim).filter(|part| !part.is_empty());
    parts.flat_map(|part| expand(&format!("{before}{part}"))).collect()
}

fn segments(path: &str) -> Vec<String> {
    let all = path.trim().split("::").map(str::trim).filter(|part| !part.is_empty());
    let mut all: Vec<String> = all.map(str::to_owned).collect();
    // `a::{self}` is a.
    if all.len() > 1 && all.last().is_some_and(|last| last == "self") {
        all.pop();
    }
    all
}

/// The permissions that the calls in a text need.
fn calls(text: &str) -> anyhow::Result<BTreeSet<String>> {
    let mut needed = BTreeSet::new();
    for call in methods_of(text, "client").into_iter().chain(methods_of(text, "client()")) {
        match SDK.iter().find(|(known, _)| *known == call) {
            Some((_, actions)) => needed.extend(actions.iter().map(|action| (*action).to_owned())),
            None if NO_CALLS.contains(&call) => {}
            None => bail!(
                "`{call}` is called on a client, and xtask/src/terraform/calls.rs does not know what it needs"
            ),
        }
    }
    for call in methods_of(text, "bucket") {
        if let Some((_, action)) = BUCKET.iter().find(|(known, _)| *known == call) {
            needed.insert((*action).to_owned());
        }
    }
    Ok(needed)
}

/// The methods that are called on something of this name.
fn methods_of<'a>(text: &'a str, receiver: &str) -> Vec<&'a str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (at, _) in text.match_indices(receiver) {
        let rest = text[at + receiver.len()..].trim_start();
        let Some(rest) = rest.strip_prefix('.') else { continue };
        if text[..at].ends_with(is_word) {
            continue;
        }
        let rest = rest.trim_start();
        let name = rest.split(|c| !is_word(c)).next().unwrap_or_default();
        if rest[name.len()..].starts_with('(') {
            found.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, &str); 6] = [
        ("lib.rs", "pub mod salt; pub mod table; pub mod sink;"),
        ("bin/one.rs", "use onepixel_aws::sink::{Sink, self};\nfn main() {}"),
        ("bin/two.rs", "use onepixel_aws::salt::{DAY, late};\nfn main() { onepixel_aws::table::open(); }"),
        ("sink.rs", "mod write;\npub use write::Sink;\n// self.table.client().scan()\n"),
        (
            "sink/write.rs",
            "use super::super::salt;\nlet x = self.bucket\n    .put(1);\n#[cfg(test)]\nmod tests { client.get_item() }",
        ),
        (
            "salt.rs",
            "use crate::sink::Sink;\npub const DAY: u8 = 1;\npub fn late() {\n    client.batch_write_item();\n}\n\
             let get = self.table.client().get_item().send();\nget(\"ONEPIXEL_TTL\"); required(\"ONEPIXEL_TABLE\", \"x\");",
        ),
    ];

    fn sources() -> Sources {
        Sources::new(
            FILES.into_iter().chain([("table.rs", "pub fn open() {\n    client\n    .query(x);\n}")]),
        )
    }

    #[test]
    fn a_program_needs_what_the_files_it_reaches_call() {
        let list = |program: &str| sources().permissions(program).unwrap().into_iter().collect::<Vec<_>>();
        assert_eq!(list("one"), ["dynamodb:BatchWriteItem", "dynamodb:GetItem", "s3:PutObject"]);
        assert_eq!(list("two"), ["dynamodb:BatchWriteItem", "dynamodb:Query"]);
        assert!(sources().permissions("three").is_err());
    }

    #[test]
    fn a_program_is_told_what_it_reads() {
        let (required, read) = sources().variables("one").unwrap();
        assert_eq!(required.into_iter().collect::<Vec<_>>(), ["ONEPIXEL_TABLE"]);
        assert_eq!(read.into_iter().collect::<Vec<_>>(), ["ONEPIXEL_TABLE", "ONEPIXEL_TTL"]);
    }

    #[test]
    fn a_call_that_nobody_reaches_is_found() {
        assert_eq!(sources().unreached(&["one"]).unwrap(), ["table"]);
        assert!(sources().unreached(&["one", "two"]).unwrap().is_empty());
    }

    #[test]
    fn an_unknown_call_is_an_error() {
        let error = calls("self.client.scan().send()").unwrap_err();
        assert!(error.to_string().contains("`scan`"), "{error}");
        assert!(calls("client.clone(); my_client.scan(); client_of.scan()").unwrap().is_empty());
    }

    #[test]
    fn braces_are_taken_apart() {
        let paths: Vec<String> =
            expand("a::{b, c::{d, e as f}, self}").iter().map(|path| path.join(".")).collect();
        assert_eq!(paths, ["a.b", "a.c.d", "a.c.e", "a"]);
    }
}
