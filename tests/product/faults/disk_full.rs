//! The disk fills up: a small tmpfs is the data directory.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use serde_json::{Value, json};

use crate::harness::server::CATCH_UP;
use crate::harness::{Launch, Random, Server, archive, folder, s, shared, until};

const MIB: u64 = 1 << 20;
const DISK: u64 = 96 * MIB;
const WATERMARK: u64 = 24 * MIB;
/// Somebody else's file on the same disk, which goes at last.
const BALLAST: u64 = 40 * MIB;
/// Far more than fits.
const POSTS_MAX: usize = 2000;

/// A file system of its own, unmounted with the test.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={DISK},mode=0700"), "onepixel-test"])
            .arg(at)
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "cannot mount a small tmpfs, which this test fills up: run the tests as root, or where root may mount: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        Self(at.to_owned())
    }

    fn free(&self) -> u64 {
        let stat = rustix::fs::statvfs(&self.0).unwrap();
        stat.f_bavail * stat.f_frsize
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, so that it goes even while something still runs there.
        let done = Command::new("umount").arg("--lazy").arg(&self.0).status();
        if !done.as_ref().is_ok_and(ExitStatus::success) {
            eprintln!("cannot unmount {}: {done:?}", self.0.display());
        }
    }
}

/// Some hundred kilobytes that do not compress to nothing.
fn post(random: &mut Random) -> Value {
    let text = |random: &mut Random| (0..60).map(|_| random.uuid().simple().to_string()).collect::<String>();
    let events = (0..100).map(|_| json!({"event": "click", "site": "disk", "props": {"text": text(random)}}));
    Value::from(events.collect::<Vec<_>>())
}

/// Posts until the server says that it cannot store; the ids that it acknowledged before.
fn fill(server: &Server) -> Vec<String> {
    let mut random = Random::new(1);
    let mut ids = Vec::new();
    let mut http = server.http();
    for _ in 0..POSTS_MAX {
        let response = http.post("/e", post(&mut random).to_string().as_bytes()).unwrap();
        match response.status {
            202 => {
                let answer = response.json();
                ids.extend(
                    answer["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()),
                );
            }
            503 => {
                assert!(response.header("retry-after").is_some(), "no Retry-After");
                return ids;
            }
            status => panic!("{status}: {}", response.text()),
        }
    }
    panic!("{POSTS_MAX} posts and the disk is not full");
}

#[test]
fn refuses_before_the_disk_is_full_and_recovers_without_a_restart() {
    let _turn = shared();
    let home = folder();
    let disk = Disk::mount(&home.path().join("disk"));
    let ballast = disk.0.join("ballast");
    std::fs::write(&ballast, vec![7; BALLAST as usize]).unwrap();
    let launch = Launch::new(disk.0.join("data"))
        .set("stream.disk_watermark", "24 MiB")
        .set("gateway.rate", "0")
        .set("archive.batch_window", "200ms")
        // What the consumers are writing when the intake stops comes out of the reserve: it has to be small beside it.
        .set("archive.batch_bytes", "2 MiB")
        .set("live.batch_window", "50ms");
    let server = launch.start();

    let mut ids = fill(&server);
    assert!(!ids.is_empty(), "nothing was stored at all");
    assert!(disk.free() > WATERMARK / 2, "{} bytes free: refused too late", disk.free());
    let refused = server.get("/p.gif?site=disk");
    assert_eq!(refused.status, 503);
    assert!(refused.is_gif(), "a page never shows a broken image");
    assert!(refused.header("retry-after").is_some_and(|after| after.parse::<u64>().is_ok()));
    assert_eq!(refused.event_id(), None, "nothing was stored, nothing is acknowledged");
    let red = server.get("/readyz");
    assert_eq!(red.status, 503);
    assert!(red.text().contains("disk_watermark"), "{}", red.text());
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.metric("onepixel_stream_ready"), 0.0);

    std::fs::remove_file(&ballast).unwrap();
    until("/readyz to turn green without a restart", s(20), || {
        (server.get("/readyz").status == 200).then_some(())
    });
    ids.push(server.hit("site=disk"));
    server.caught_up("archive", CATCH_UP);
    server.caught_up("live", CATCH_UP);
    assert_eq!(server.counted("disk"), ids.len() as u64);
    server.stop();

    let (archived, _) = archive::tally(&launch.archive());
    let lost: HashSet<_> = ids.iter().filter(|id| archived.get(*id) != Some(&1)).collect();
    assert!(lost.is_empty(), "{} acknowledged and not archived once", lost.len());
    assert_eq!(archived.len(), ids.len(), "what was refused was not stored");
    launch.balanced();
}
