//! Reads an archive as any other program would: folders, names, gzip, lines of JSON.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::Value;

/// One object, taken apart.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) path: PathBuf,
    /// `year=2026/month=02/day=10/hour=21`
    pub(crate) hour: String,
    /// `20260210T210405123Z`
    pub(crate) timestamp: String,
    pub(crate) partition: u64,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) lines: Vec<String>,
}

/// The fields most tests ask for; any line of an archive has them.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) site: String,
    pub(crate) received_at: String,
}

impl Object {
    pub(crate) fn events(&self) -> impl Iterator<Item = Event> {
        self.lines.iter().map(|line| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{error} in {}: {line}", self.path.display()))
        })
    }
}

/// Every object below `root`, in the order of offsets.
#[track_caller]
pub(crate) fn objects(root: &Path) -> Vec<Object> {
    let mut objects: Vec<Object> = paths(root).into_iter().map(object).collect();
    objects.sort_by_key(|object| (object.first, object.last));
    objects
}

/// Every line below `root`, parsed, in the order of offsets.
#[track_caller]
pub(crate) fn values(root: &Path) -> Vec<Value> {
    let parse = |line: &String| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    objects(root).iter().flat_map(|object| object.lines.iter().map(parse)).collect()
}

/// How often each id is there, and how many lines each site has.
#[track_caller]
pub(crate) fn tally(root: &Path) -> (HashMap<String, u32>, HashMap<String, u64>) {
    let (mut ids, mut sites) = (HashMap::new(), HashMap::new());
    for event in objects(root).iter().flat_map(Object::events) {
        *ids.entry(event.id).or_default() += 1;
        *sites.entry(event.site).or_default() += 1;
    }
    (ids, sites)
}

/// Every finished object below `root`.
pub(crate) fn paths(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        // A folder that is not there yet is an empty one.
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.file_name().and_then(|name| name.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some(name) if name.ends_with(".json.gz") => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// The last offset that any finished object below `root` names.
pub(crate) fn last_offset(root: &Path) -> Option<u64> {
    let last = |path: &PathBuf| path.to_str()?.strip_suffix(".json.gz")?.rsplit('-').next()?.parse().ok();
    paths(root).iter().filter_map(last).max()
}

fn object(path: PathBuf) -> Object {
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    let (name, folders) = parts.split_last().unwrap();
    let hour = folders[folders.len() - 4..].join("/");
    let name = name.strip_suffix(".json.gz").unwrap();
    let fields: Vec<&str> = name.split('-').collect();
    let [timestamp, partition, first, last] = fields[..] else {
        panic!("not an object's name: {}", path.display())
    };
    let number =
        |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("no number in {}", path.display()));
    Object {
        timestamp: timestamp.to_owned(),
        partition: number(partition),
        first: number(first),
        last: number(last),
        lines: lines(&path),
        hour,
        path,
    }
}

fn lines(path: &Path) -> Vec<String> {
    let reader = BufReader::new(MultiGzDecoder::new(File::open(path).unwrap()));
    reader.lines().map(|line| line.unwrap_or_else(|error| panic!("{error} in {}", path.display()))).collect()
}
