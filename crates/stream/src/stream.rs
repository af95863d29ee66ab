//! The handle to the log.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use crate::batch::Records;
use crate::disk::{Disk, DiskFile};
use crate::inbox::Inbox;
use crate::lane::Lane;
use crate::log::Log;
use crate::queue::Queue;
use crate::recovery::Found;
use crate::retention::Retention;
use crate::space::Space;
use crate::state::{Cut, Recovered, Shared, State};
use crate::tail::Tail;
use crate::writer::{self, Writer, load_keys};
use crate::{AppendError, Clock, Offset, OpenError, Reader, Settings, recovery, segment};

/// The name of the file that the log's owner holds locked.
const LOCK: &str = "lock";

/// What an append came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Every record of the append lies below this offset.
    pub end: Offset,
    /// Records that were there already, by their key.
    pub duplicates: u32,
}

/// A handle to the log; cheap to clone. Once the last one is dropped the log is shut down in the background;
/// [`Stream::close`] waits for it.
#[derive(Clone)]
pub struct Stream {
    handle: Arc<Handle>,
}

/// Closes the queue when the last handle goes.
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
    writer: Arc<Mutex<Option<Writer>>>,
    disk: Arc<dyn Disk>,
    settings: Settings,
}

impl Stream {
    /// Opens the log in its folder, or makes a new one: recovers what a crash left behind, takes the folder's
    /// lock and starts the writer's thread. Blocks while it reads.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing was changed then.
    pub fn open(
        disk: Arc<dyn Disk>,
        settings: Settings,
        clock: Clock,
    ) -> Result<(Self, Recovered), OpenError> {
        let dir = &settings.dir;
        disk.create_dir(dir).map_err(OpenError::io(dir))?;
        let lock = lock(disk.as_ref(), &settings)?;
        let found = recovery::inspect(disk.as_ref(), dir)?;
        let cut = cut(&found, &settings);
        let clean = found.clean || found.last.is_none();
        let log = Log::open(Arc::clone(&disk), &settings, Arc::clone(&clock), found)?;
        let recovered =
            Recovered { oldest: log.oldest(), next: log.written(), segments: log.segments(), clean, cut };
        let keys = load_keys(disk.as_ref(), &settings, &log)?;
        let space =
            Space::new(Arc::clone(&disk), dir.clone(), Arc::clone(&clock), settings.disk_watermark_bytes);
        let shared = Arc::new(Shared::new(&log, Queue::new(settings.admission_bytes_max), space));
        let retention = Retention::new(settings.retention, clock);
        let writer = Writer::new(log, Arc::clone(&shared), keys, &settings, retention);
        let writer = Arc::new(Mutex::new(Some(writer)));
        start(&shared, &writer, lock).map_err(OpenError::io(dir))?;
        Ok((Self { handle: Arc::new(Handle { shared, writer, disk, settings }) }, recovered))
    }

    /// Appends and waits until the records are durable (or written, see [`crate::Durability`]). A dropped future
    /// does not take the records back.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn append(&self, records: Records) -> Result<Appended, AppendError> {
        let shared = &self.handle.shared;
        if records.is_empty() {
            return Ok(Appended { end: shared.published.borrow().durable, duplicates: 0 });
        }
        let outcome = shared.queue.push(&records)?;
        drop(records);
        match outcome.await {
            Ok(outcome) => outcome,
            Err(_) => Err(AppendError::Failed { reason: "the writer stopped".to_owned() }),
        }
    }

    /// A way into the log for one thread that appends a lot: see [`Lane`].
    #[must_use]
    pub fn lane<W>(&self) -> Lane<W> {
        Lane::new(Arc::clone(&self.handle))
    }

    /// Reads from an offset on, following the durable end.
    pub fn reader(&self, from: Offset) -> Reader {
        let handle = &self.handle;
        let tail = Tail::Live(handle.shared.published.subscribe(), Arc::clone(&handle.shared.recent));
        Reader::live(Arc::clone(&handle.disk), handle.settings.dir.clone(), tail, from)
    }

    /// A look at the log. Cheap: asks the disk for its free space a few times a second at most.
    pub fn state(&self) -> State {
        self.handle.shared.state()
    }

    /// Every consumer has finished the records below this offset: retention may remove them.
    pub fn release(&self, offset: Offset) {
        self.handle.shared.released.fetch_max(offset, Ordering::AcqRel);
    }

    /// Commits what is queued, takes nothing more, and waits until the log is shut down. Readers then hand out
    /// what there is and end.
    pub async fn close(&self) {
        let shared = &self.handle.shared;
        shared.queue.close();
        let mut published = shared.published.subscribe();
        let closed = published.wait_for(|published| published.closed).await;
        debug_assert!(closed.is_ok(), "the sender lives as long as the handle");
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("settings", &self.handle.settings).finish_non_exhaustive()
    }
}

impl Handle {
    /// Whether a commit takes so little time that any thread may make one.
    pub(crate) fn is_quick(&self) -> bool {
        self.shared.is_quick.load(Ordering::Relaxed)
    }

    /// Commits on this thread what the inbox holds, with all else that was offered. False if the writer's thread should:
    /// the disk is slow, or somebody is at it.
    pub(crate) fn commit_here(&self, inbox: &Inbox) -> bool {
        if !self.is_quick() {
            return false;
        }
        let Ok(mut held) = self.writer.try_lock() else { return false };
        let Some(writer) = held.as_mut() else { return false };
        inbox.make_ready();
        // The end is the writer's thread's to see to.
        writer.commit_offered();
        true
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

fn lock(disk: &dyn Disk, settings: &Settings) -> Result<Box<dyn DiskFile>, OpenError> {
    let path = settings.dir.join(LOCK);
    disk.lock(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => OpenError::InUse { dir: settings.dir.clone() },
        _ => OpenError::Io { path, source: error },
    })
}

fn cut(found: &Found, settings: &Settings) -> Option<Cut> {
    let last = found.last.as_ref()?;
    (last.bytes < last.used_bytes).then(|| Cut {
        path: segment::path(&settings.dir, last.base),
        position: last.bytes,
        bytes: last.used_bytes - last.bytes,
    })
}

/// Starts the writer's thread, which holds the folder's lock until the log is shut down.
fn start(
    shared: &Arc<Shared>,
    writer: &Arc<Mutex<Option<Writer>>>,
    lock: Box<dyn DiskFile>,
) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name("stream-writer".to_owned());
    let (shared, writer) = (Arc::clone(shared), Arc::clone(writer));
    let running = thread.spawn(move || writer::run(shared, &writer, lock))?;
    // It ends by itself once the queue is closed; `close` waits for what it publishes at its end.
    drop(running);
    Ok(())
}
