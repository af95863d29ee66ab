//! When to kill: after a random time, or just after the server touched a file that matters.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::inotify;

use crate::harness::{Launch, Random, archive};

/// A server under load touches each of its files far more often.
const TOUCHED_WITHIN: Duration = Duration::from_millis(1000);

#[derive(Debug, Clone, Copy)]
pub(super) enum Moment {
    /// At any time.
    Random,
    /// An intent or a commit of the archive was being written.
    Checkpoint,
    /// An archive object was begun or finished.
    Object,
    /// The live view's database was written.
    Live,
    /// The log was written.
    Log,
}

impl Moment {
    pub(super) fn choose(random: &mut Random) -> Self {
        let all = [
            Self::Random,
            Self::Random,
            Self::Checkpoint,
            Self::Checkpoint,
            Self::Object,
            Self::Object,
            Self::Live,
            Self::Log,
        ];
        *random.choose(&all)
    }

    /// Returns when it is time.
    pub(super) fn wait(self, launch: &Launch, random: &mut Random) {
        let folder = match self {
            Self::Random => None,
            Self::Checkpoint => Some(launch.data_dir().join("checkpoint")),
            Self::Object => newest_hour(&launch.archive()),
            Self::Live => Some(launch.data_dir().to_owned()),
            Self::Log => Some(launch.data_dir().join("stream")),
        };
        let micros = match random.one_in(3) {
            true => random.within(1_000..200_000),
            false => random.within(0..3_000),
        };
        match folder.and_then(|folder| Watch::on(&folder)) {
            // Some files are touched all the time: first let the clients get going.
            Some(watch) => {
                thread::sleep(Duration::from_millis(random.within(0..100)));
                watch.touched();
                thread::sleep(Duration::from_micros(micros));
            }
            None => thread::sleep(Duration::from_millis(random.within(1..300))),
        }
    }
}

/// The folder of the hour that is being written; `None` before the first object.
fn newest_hour(archive: &Path) -> Option<PathBuf> {
    archive::paths(archive).last().and_then(|path| path.parent()).map(Path::to_owned)
}

/// True when an object was begun and not finished: it lies there under a name that is no object's.
pub(super) fn has_staged_object(archive: &Path) -> bool {
    newest_hour(archive).is_some_and(|hour| {
        let entries = std::fs::read_dir(hour).unwrap();
        entries
            .map(|entry| entry.unwrap().path())
            .any(|path| path.extension().is_none_or(|ending| ending != "gz"))
    })
}

/// Waits for changes in a folder (inotify).
struct Watch(OwnedFd);

impl Watch {
    fn on(folder: &Path) -> Option<Self> {
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC).unwrap();
        let what = inotify::WatchFlags::CREATE | inotify::WatchFlags::MODIFY | inotify::WatchFlags::MOVED_TO;
        inotify::add_watch(&watch, folder, what).ok().map(|_| Self(watch))
    }

    fn touched(&self) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.0, &mut buffer);
        // What happened before now is not of interest.
        while events.next().is_ok() {}
        let start = Instant::now();
        while events.next().is_err() && start.elapsed() < TOUCHED_WITHIN {
            thread::sleep(Duration::from_micros(30));
        }
    }
}
