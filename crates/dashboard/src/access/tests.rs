//! Sign-in, sessions, tokens and links over a real file, with a clock that the test moves.

use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::*;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const OFFERED: &str = "a secret of the settings";
const PASSWORD: &str = "a sentence to remember";

struct Rig {
    folder: TempDir,
    now: Arc<AtomicU64>,
    access: Arc<Access>,
}

impl Rig {
    fn new() -> Self {
        let (folder, now) = (tempfile::tempdir().unwrap(), Arc::new(AtomicU64::new(1_000_000)));
        let access = open(&folder, &now);
        Self { folder, now, access }
    }

    fn again(&self) -> Arc<Access> {
        open(&self.folder, &self.now)
    }

    fn pass(&self, ms: u64) {
        self.now.fetch_add(ms, Ordering::Relaxed);
    }

    fn session(&self) -> Secret {
        let token = self.access.print_sign_in().unwrap();
        self.access.sign_in(token.text(), HERE).unwrap()
    }
}

fn open(folder: &TempDir, now: &Arc<AtomicU64>) -> Arc<Access> {
    let now = now.clone();
    let file = Box::new(AccessFile::new(&folder.path().join("access.json")));
    Access::open(file, Arc::new(move || now.load(Ordering::Relaxed)), Some(OFFERED))
}

#[test]
fn a_one_time_link_works_once_and_for_a_day() {
    let rig = Rig::new();
    let token = rig.access.print_sign_in().unwrap();
    let session = rig.access.sign_in(token.text(), HERE).unwrap();
    assert_eq!(rig.access.session(session.text()).unwrap().scope, Scope::Admin);
    assert!(matches!(rig.access.sign_in(token.text(), HERE), Err(AccessError::Link)));
    assert!(rig.access.session(token.text()).is_none(), "the link is no session");

    let late = rig.access.print_sign_in().unwrap();
    rig.pass(SIGN_IN_MS);
    assert!(matches!(rig.access.sign_in(late.text(), HERE), Err(AccessError::Link)));
}

#[test]
fn what_was_agreed_survives_a_restart_and_the_file_is_the_owners_alone() {
    let rig = Rig::new();
    let session = rig.session();
    let (token, secret) = rig.access.add_token("ci".into(), Role::Read).unwrap();
    let link = rig.access.add_link("blog".into()).unwrap();
    let again = rig.again();
    assert!(again.session(session.text()).is_some());
    assert_eq!(again.token(secret.text()).unwrap().scope, Scope::Read);
    assert_eq!(again.link(&link.key).unwrap().scope, Scope::Public("blog".into()));
    let path = rig.folder.path().join("access.json");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let text = String::from_utf8(file_bytes(&path)).unwrap();
    assert!(!text.contains(session.text()) && !text.contains(secret.text()), "{text}");

    again.remove_token(&token.id).unwrap();
    again.remove_link(&link.id).unwrap();
    assert!(again.token(secret.text()).is_none() && again.link(&link.key).is_none());
    assert!(matches!(again.remove_token(&token.id), Err(AccessError::Unknown)));
}

#[expect(clippy::disallowed_methods, reason = "a test looks at what was written")]
fn file_bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn a_session_ends_when_unused_and_in_any_case_some_day() {
    let rig = Rig::new();
    let (used, unused) = (rig.session(), rig.session());
    for _ in 0..5 {
        rig.pass(SESSION_IDLE_MS - 1);
        assert_eq!(
            rig.access.session(used.text()).is_some(),
            rig.now.load(Ordering::Relaxed) < 1_000_000 + SESSION_MS
        );
    }
    assert!(rig.access.session(unused.text()).is_none());
    assert!(rig.access.session(used.text()).is_none(), "30 days are over");
}

#[test]
fn sessions_are_bounded_and_the_longest_unused_makes_room() {
    let rig = Rig::new();
    let first = rig.session();
    rig.pass(1);
    let second = rig.session();
    for _ in 2..SESSIONS_MAX {
        rig.pass(1);
        rig.session();
    }
    rig.pass(1);
    assert!(rig.access.session(first.text()).is_some(), "used just now");
    rig.session();
    assert!(rig.access.session(second.text()).is_none());
    assert!(rig.access.session(first.text()).is_some());
}

#[tokio::test]
async fn the_password_opens_the_door_and_setting_it_ends_other_sessions() {
    let rig = Rig::new();
    let access = &rig.access;
    assert!(matches!(
        access.sign_in_with_password(PASSWORD.into(), HERE).await,
        Err(AccessError::NoPassword)
    ));
    let (mine, other) = (rig.session(), rig.session());
    let printed = access.print_sign_in().unwrap();
    let by = access.session(mine.text()).unwrap().by;
    assert!(matches!(access.set_password("short".into(), by).await, Err(AccessError::Weak(_))));
    access.set_password(PASSWORD.into(), by).await.unwrap();
    assert!(access.password_set());
    assert!(access.session(mine.text()).is_some() && access.session(other.text()).is_none());
    assert!(access.sign_in(printed.text(), HERE).is_err(), "links from before are void");
    assert!(matches!(access.sign_in_with_password("wrong".into(), HERE).await, Err(AccessError::Password)));
    let session = access.sign_in_with_password(PASSWORD.into(), HERE).await.unwrap();
    let caller = access.session(session.text()).unwrap();
    assert!(access.still(&caller));
    let By::Session(hash) = caller.by else { panic!("{caller:?}") };
    access.sign_out(hash).unwrap();
    assert!(access.session(session.text()).is_none() && !access.still(&caller));
}

#[tokio::test]
async fn guessing_is_slow() {
    let rig = Rig::new();
    let by = rig.access.session(rig.session().text()).unwrap().by;
    rig.access.set_password(PASSWORD.into(), by).await.unwrap();
    for _ in 0..5 {
        let guess = rig.access.sign_in_with_password("not the password".into(), HERE).await;
        assert!(matches!(guess, Err(AccessError::Password)));
    }
    let right = rig.access.sign_in_with_password(PASSWORD.into(), HERE).await;
    let Err(AccessError::TooMany { wait_ms }) = right else { panic!("{right:?}") };
    assert!(matches!(rig.access.sign_in("no link", HERE), Err(AccessError::TooMany { .. })));
    let link = rig.access.print_sign_in().unwrap();
    assert!(
        rig.access.sign_in(link.text(), HERE).is_ok(),
        "who holds the link is not kept out by who guesses"
    );
    for _ in 0..5 {
        drop(rig.access.sign_in_with_password("not the password".into(), HERE).await);
    }
    rig.pass(wait_ms);
    assert!(rig.access.sign_in_with_password(PASSWORD.into(), HERE).await.is_ok());
}

#[test]
fn another_process_may_change_the_file() {
    let rig = Rig::new();
    let session = rig.session();
    let beside = rig.again();
    let printed = beside.print_sign_in().unwrap();
    assert!(rig.access.sign_in(printed.text(), HERE).is_ok(), "a link printed by `onepixel access reset`");
    assert!(rig.access.session(session.text()).is_some());
    // Each keeps what the other has written.
    beside.add_link("blog".into()).unwrap();
    rig.access.add_link("shop".into()).unwrap();
    assert_eq!(rig.access.links().len(), 2);
    rig.pass(2 * SEEN_EVERY_MS);
    assert!(rig.access.session(session.text()).is_some());
    rig.access.refresh().unwrap();
    beside.refresh().unwrap();
    assert_eq!(beside.state().last_use(), rig.now.load(Ordering::Relaxed), "uses are written now and then");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test damages what was written")]
fn a_damaged_file_lets_nobody_in_and_stays_as_it_is() {
    let rig = Rig::new();
    let session = rig.session();
    let path = rig.folder.path().join("access.json");
    std::fs::write(&path, "{\"sessions\":[").unwrap();
    let again = rig.again();
    assert!(again.session(session.text()).is_none());
    assert!(matches!(again.print_sign_in(), Err(AccessError::Kept(_))));
    assert_eq!(file_bytes(&path), b"{\"sessions\":[");
    std::fs::remove_file(&path).unwrap();
    let token = again.print_sign_in().unwrap();
    assert!(again.sign_in(token.text(), HERE).is_ok());
}

#[test]
fn lists_are_bounded() {
    let rig = Rig::new();
    for n in 0..LISTED_MAX {
        rig.access.add_link(format!("site-{n}")).unwrap();
    }
    assert!(matches!(rig.access.add_link("more".into()), Err(AccessError::Full)));
}

#[tokio::test]
async fn the_secret_of_the_settings_opens_the_door_once_and_only_without_a_password() {
    let rig = Rig::new();
    let session = rig.access.sign_in(OFFERED, HERE).unwrap();
    assert!(matches!(rig.access.sign_in(OFFERED, HERE), Err(AccessError::Link)));
    assert!(matches!(rig.again().sign_in(OFFERED, HERE), Err(AccessError::Link)), "after a restart, too");
    let by = rig.access.session(session.text()).unwrap().by;
    rig.access.set_password(PASSWORD.into(), by).await.unwrap();

    let other = |secret: &str| {
        let file = Box::new(AccessFile::new(&rig.folder.path().join("access.json")));
        let now = rig.now.clone();
        Access::open(file, Arc::new(move || now.load(Ordering::Relaxed)), Some(secret))
    };
    let fresh = "another secret of the settings";
    assert!(matches!(other(fresh).sign_in(fresh, HERE), Err(AccessError::Link)), "a password is set");
    let short = Rig::new();
    let now = short.now.clone();
    let file = Box::new(AccessFile::new(&short.folder.path().join("access.json")));
    let access = Access::open(file, Arc::new(move || now.load(Ordering::Relaxed)), Some("short"));
    assert!(matches!(access.sign_in("short", HERE), Err(AccessError::Link)));
}

#[test]
fn who_is_slower_changes_what_the_other_has_left() {
    let rig = Rig::new();
    std::thread::scope(|threads| {
        for thread in 0..4 {
            let access = rig.again();
            threads.spawn(move || {
                for n in 0..5 {
                    access.add_link(format!("{thread}-{n}")).unwrap();
                }
            });
        }
    });
    assert_eq!(rig.again().links().len(), 20);
}
