//! Who may look at the dashboard: sign-in, sessions, API tokens and public links.
//!
//! Promises that there is no default password, that no secret is kept in a form that would open the door (but for public
//! links, which are made to be shown around), that a change is durable before it is answered, and that guessing is slow.
//! Secrets are 256 random bits and kept as SHA-256; the one thing a person chooses, the password, as argon2id. Knows no
//! HTTP beyond an address to count attempts by.

mod attempts;
mod file;
mod keeper;
mod password;
mod secret;
mod state;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onepixel_stream::Clock;
use tokio::sync::Semaphore;

use attempts::Attempts;
pub use file::AccessFile;
pub use keeper::Keeper;
pub use secret::Secret;
pub use state::State;
pub(crate) use state::{Link, Role, Token};
use state::{SignIn, Spent};

/// How long a one-time link opens the door: long enough to find it in yesterday's log.
const SIGN_IN_MS: u64 = 24 * 3600 * 1000;
/// A session ends when it was not used for so long, and in any case after the second.
const SESSION_IDLE_MS: u64 = 7 * 24 * 3600 * 1000;
pub(crate) const SESSION_MS: u64 = 30 * 24 * 3600 * 1000;
/// Sessions at once; the one that was unused longest makes room. More browsers than a team has.
const SESSIONS_MAX: usize = 64;
/// One-time links that were printed and not used: one for each start or reset of the last day, the oldest make room.
const SIGN_INS_MAX: usize = 8;
/// API tokens, and public links: lists a person can still read.
pub(crate) const LISTED_MAX: usize = 100;
/// A use is noted on disk at most this often.
const SEEN_EVERY_MS: u64 = 60 * 1000;
/// Passwords looked at at once, 19 MiB each, and how long one more waits for its turn.
const HASHING_MAX: usize = 2;
const HASHING_WAIT: Duration = Duration::from_secs(10);
/// A sign-in secret that a person may have made up is still not guessed.
const OFFERED_CHARS_MIN: usize = 20;
/// Changes that are tried again because somebody else was faster.
const CHANGES_MAX: usize = 10;

/// Who asks, and how they proved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) scope: Scope,
    pub(crate) by: By,
}

/// What a caller may do: each can do what those after it can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everything.
    Admin,
    /// Look at everything.
    Read,
    /// Look at the figures of one site.
    Public(String),
}

/// What the caller showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// A cookie, by the hash in it.
    Session([u8; 32]),
    /// An API token.
    Token([u8; 32]),
    /// A public link.
    Link([u8; 32]),
}

/// Why nobody was let in, or nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The one-time secret is void.
    #[error(
        "this sign-in link was used already, has expired, or never was one; print a new one with `onepixel access reset`"
    )]
    Link,
    /// It is another one.
    #[error("this is not the password; who has lost it prints a sign-in link with `onepixel access reset`")]
    Password,
    /// There is none to compare with.
    #[error("no password is set yet; sign in with the link that the server printed at its start")]
    NoPassword,
    /// Guessing is slow.
    #[error("too many attempts to sign in; wait as Retry-After says")]
    TooMany {
        /// Until the next attempt is looked at.
        wait_ms: u64,
    },
    /// It is no password, and why.
    #[error("{0}")]
    Weak(String),
    /// A list is as long as it may be.
    #[error("there are {LISTED_MAX} of them already; remove one that is not needed any more")]
    Full,
    /// The list does not have it.
    #[error("there is none with this id")]
    Unknown,
    /// Where the state is kept, something went wrong.
    #[error("who may sign in cannot be read or kept: {0}")]
    Kept(String),
}

/// The gate of one dashboard. Its state may also be changed by others meanwhile: `onepixel access`, other functions.
pub struct Access {
    clock: Clock,
    keeper: Mutex<Box<dyn Keeper>>,
    state: Mutex<State>,
    /// The newest use that is kept.
    kept_use: AtomicU64,
    /// The hash of the settings' sign-in secret.
    offered: Option<[u8; 32]>,
    attempts: Mutex<Attempts>,
    hashing: Semaphore,
}

impl Access {
    /// Reads the state. One that cannot be read lets nobody in and is not touched, but does not stop the server: the
    /// intake does not depend on who may look. `offered`: a secret that opens the door once, as long as no password is
    /// set, where nobody can read what a server prints; one that is shorter than [`OFFERED_CHARS_MIN`] opens nothing.
    pub fn open(keeper: Box<dyn Keeper>, clock: Clock, offered: Option<&str>) -> Arc<Self> {
        let is_long = |secret: &&str| secret.chars().count() >= OFFERED_CHARS_MIN;
        if offered.is_some_and(|secret| !is_long(&secret)) {
            tracing::error!(
                "the sign-in secret is shorter than {OFFERED_CHARS_MIN} characters: it opens nothing"
            );
        }
        let access = Self {
            clock,
            keeper: Mutex::new(keeper),
            state: Mutex::default(),
            kept_use: AtomicU64::new(0),
            offered: offered.filter(is_long).map(|secret| secret::sha256(secret.as_bytes())),
            attempts: Mutex::default(),
            hashing: Semaphore::new(HASHING_MAX),
        };
        if let Err(error) = access.reload() {
            tracing::error!("{error}. Nobody can sign in until then; events are taken all the same");
        }
        Arc::new(access)
    }

    /// A fresh one-time token, durable. Blocks on the disk.
    pub fn print_sign_in(&self) -> Result<Secret, AccessError> {
        let (secret, now) = (Secret::new(), (self.clock)());
        self.change(|state| {
            state.expire(now);
            while state.sign_ins.len() >= SIGN_INS_MAX {
                state.sign_ins.remove(0);
            }
            state.sign_ins.push(SignIn { hash: secret.hash(), expires_ms: now + SIGN_IN_MS });
        })?;
        Ok(secret)
    }

    /// Whether there is a password.
    pub fn password_set(&self) -> bool {
        self.state().password.is_some()
    }

    /// Exchanges a one-time token for a session. Blocks on the disk.
    pub(crate) fn sign_in(&self, token: &str, from: IpAddr) -> Result<Secret, AccessError> {
        let now = (self.clock)();
        self.reload()?;
        let shown = secret::sha256(token.as_bytes());
        let known = |hash: &[u8; 32]| {
            let state = self.state();
            state.sign_ins.iter().any(|one| secret::same(&one.hash, hash)) || self.is_offered(&state, hash)
        };
        // Only what is wrong counts: nobody's guessing may keep out who holds the link.
        let Some(hash) = Some(shown).filter(known) else {
            self.attempts().begin(from, now, false).map_err(|wait_ms| AccessError::TooMany { wait_ms })?;
            return Err(AccessError::Link);
        };
        // Decided again within the change, or two could use it at once.
        let session = self.change(|state| {
            state.expire(now);
            match state.sign_ins.iter().position(|one| secret::same(&one.hash, &hash)) {
                Some(at) => drop(state.sign_ins.remove(at)),
                None if self.is_offered(state, &hash) => state.spent = Some(Spent { hash }),
                None => return None,
            }
            Some(state.start_session(now))
        })?;
        let session = session.ok_or(AccessError::Link)?;
        self.attempts().succeeded(from);
        Ok(session)
    }

    /// Whether it is the settings' secret, and still opens the door.
    fn is_offered(&self, state: &State, hash: &[u8; 32]) -> bool {
        let is_it = self.offered.is_some_and(|offered| secret::same(&offered, hash));
        let is_spent = state.spent.as_ref().is_some_and(|spent| secret::same(&spent.hash, hash));
        is_it && !is_spent && state.password.is_none()
    }

    /// Exchanges the password for a session.
    pub(crate) async fn sign_in_with_password(
        self: &Arc<Self>,
        given: String,
        from: IpAddr,
    ) -> Result<Secret, AccessError> {
        let now = (self.clock)();
        self.attempts().begin(from, now, true).map_err(|wait_ms| AccessError::TooMany { wait_ms })?;
        self.blocking(Self::reload).await?;
        let Some(kept) = self.state().password.clone() else { return Err(AccessError::NoPassword) };
        let right = self.hash(move || password::verify(&given, &kept)).await?;
        if !right {
            return Err(AccessError::Password);
        }
        self.attempts().succeeded(from);
        let start = move |state: &mut State| {
            state.expire(now);
            state.start_session(now)
        };
        self.blocking(move |access| access.change(start)).await
    }

    /// Sets the password; every session ends but the one it was set in, and one-time links are void.
    pub(crate) async fn set_password(self: &Arc<Self>, new: String, by: By) -> Result<(), AccessError> {
        password::check(&new).map_err(AccessError::Weak)?;
        let hash = self.hash(move || password::hash(&new)).await?.map_err(AccessError::Weak)?;
        let set = move |state: &mut State| {
            state.password = Some(hash.clone());
            state.sign_ins.clear();
            state.sessions.retain(|one| by == By::Session(one.hash));
        };
        self.blocking(move |access| access.change(set)).await
    }

    /// On a thread that may wait for where the state is kept.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, AccessError> + Send + 'static,
    ) -> Result<T, AccessError> {
        let access = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&access)).await;
        done.map_err(|error| AccessError::Kept(error.to_string()))?
    }

    /// On a thread that may compute, and only some at once.
    async fn hash<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AccessError> {
        let busy = AccessError::TooMany { wait_ms: 1000 };
        let Ok(Ok(_turn)) = tokio::time::timeout(HASHING_WAIT, self.hashing.acquire()).await else {
            return Err(busy);
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| AccessError::Kept(error.to_string()))
    }

    /// Who shows this session's secret.
    pub(crate) fn session(&self, secret: &str) -> Option<Caller> {
        let (hash, now) = (Secret::read(secret)?.hash(), (self.clock)());
        let mut state = self.state();
        let one = state.sessions.iter_mut().find(|one| secret::same(&one.hash, &hash))?;
        if one.is_over(now) {
            return None;
        }
        one.seen_ms = now;
        Some(Caller { scope: Scope::Admin, by: By::Session(hash) })
    }

    /// Who shows this API token.
    pub(crate) fn token(&self, secret: &str) -> Option<Caller> {
        let (hash, now) = (Secret::read(secret)?.hash(), (self.clock)());
        let mut state = self.state();
        let one = state.tokens.iter_mut().find(|one| secret::same(&one.hash, &hash))?;
        one.last_used_ms = Some(now);
        let scope = match one.scope {
            Role::Admin => Scope::Admin,
            Role::Read => Scope::Read,
        };
        Some(Caller { scope, by: By::Token(hash) })
    }

    /// Who shows the key of this public link.
    pub(crate) fn link(&self, key: &str) -> Option<Caller> {
        let hash = Secret::read(key)?.hash();
        let state = self.state();
        let one = state.links.iter().find(|one| secret::same(&secret::sha256(one.key.as_bytes()), &hash))?;
        Some(Caller { scope: Scope::Public(one.site.clone()), by: By::Link(hash) })
    }

    /// Whether what the caller showed still opens the door: for answers that do not end.
    pub(crate) fn still(&self, caller: &Caller) -> bool {
        let now = (self.clock)();
        let state = self.state();
        match caller.by {
            By::Session(hash) => state.sessions.iter().any(|one| one.hash == hash && !one.is_over(now)),
            By::Token(hash) => state.tokens.iter().any(|one| one.hash == hash),
            By::Link(hash) => state.links.iter().any(|one| secret::sha256(one.key.as_bytes()) == hash),
        }
    }

    /// Ends the session.
    pub(crate) fn sign_out(&self, session: [u8; 32]) -> Result<(), AccessError> {
        self.change(|state| state.sessions.retain(|one| one.hash != session))
    }

    pub(crate) fn tokens(&self) -> Vec<Token> {
        self.state().tokens.clone()
    }

    /// Makes an API token; its secret is shown once.
    pub(crate) fn add_token(&self, name: String, scope: Role) -> Result<(Token, Secret), AccessError> {
        let secret = Secret::new();
        let token = Token {
            id: secret::short_id(),
            name,
            scope,
            hash: secret.hash(),
            created_ms: (self.clock)(),
            last_used_ms: None,
        };
        let added = self.change(|state| add(&mut state.tokens, token.clone()))?;
        if added { Ok((token, secret)) } else { Err(AccessError::Full) }
    }

    pub(crate) fn remove_token(&self, id: &str) -> Result<(), AccessError> {
        self.change(|state| remove(&mut state.tokens, |one| one.id == id))?
    }

    pub(crate) fn links(&self) -> Vec<Link> {
        self.state().links.clone()
    }

    /// Makes a public link to one site.
    pub(crate) fn add_link(&self, site: String) -> Result<Link, AccessError> {
        let (id, key) = (secret::short_id(), Secret::new().text().to_owned());
        let link = Link { id, site, key, created_ms: (self.clock)() };
        let added = self.change(|state| add(&mut state.links, link.clone()))?;
        if added { Ok(link) } else { Err(AccessError::Full) }
    }

    pub(crate) fn remove_link(&self, id: &str) -> Result<(), AccessError> {
        self.change(|state| remove(&mut state.links, |one| one.id == id))?
    }

    /// Looks whether another process has changed the file, and notes on disk when things were last used. Called now and
    /// then; blocks on the disk.
    pub fn refresh(&self) -> Result<(), AccessError> {
        self.reload()?;
        let due = {
            let kept = self.kept_use.load(Ordering::Relaxed);
            self.state().last_use() > kept.saturating_add(SEEN_EVERY_MS)
        };
        if due { self.change(|_| ()) } else { Ok(()) }
    }

    /// The same for whoever must not block.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh).
    pub async fn look_again(self: &Arc<Self>) -> Result<(), AccessError> {
        self.blocking(Self::refresh).await
    }

    fn reload(&self) -> Result<(), AccessError> {
        let mut keeper = self.keeper();
        if let Some(fresh) = keeper.read_if_changed()? {
            self.take(fresh);
        }
        Ok(())
    }

    /// Goes on with a state that somebody else has kept.
    fn take(&self, mut fresh: State) {
        self.kept_use.store(fresh.last_use(), Ordering::Relaxed);
        let mut state = self.state();
        fresh.keep_use(&state);
        *state = fresh;
    }

    /// Changes the state; it is durable when this returns, and on an error nothing has changed. Who is slower than another
    /// changes what the other has left.
    fn change<T>(&self, change: impl Fn(&mut State) -> T) -> Result<T, AccessError> {
        let mut keeper = self.keeper();
        for _ in 0..CHANGES_MAX {
            if let Some(fresh) = keeper.read_if_changed()? {
                self.take(fresh);
            }
            let mut next = self.state().clone();
            let outcome = change(&mut next);
            if keeper.replace(&next)? {
                self.kept_use.store(next.last_use(), Ordering::Relaxed);
                *self.state() = next;
                return Ok(outcome);
            }
        }
        Err(AccessError::Kept("others change it all the time; try again".to_owned()))
    }

    fn keeper(&self) -> MutexGuard<'_, Box<dyn Keeper>> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add<T>(list: &mut Vec<T>, one: T) -> bool {
    let fits = list.len() < LISTED_MAX;
    if fits {
        list.push(one);
    }
    fits
}

fn remove<T>(list: &mut Vec<T>, is_it: impl Fn(&T) -> bool) -> Result<(), AccessError> {
    let before = list.len();
    list.retain(|one| !is_it(one));
    if list.len() < before { Ok(()) } else { Err(AccessError::Unknown) }
}

#[cfg(test)]
mod tests;
