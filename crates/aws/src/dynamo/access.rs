//! Who may look at the dashboard, in one item: the state as JSON and a version that every change moves on.
//!
//! A change is a conditional put on the version that was read last, so that of two functions that change it at once one
//! begins anew. An answer that got lost is told from somebody else's change by the mark of whoever wrote last.

use aws_sdk_dynamodb::types::AttributeValue;
use onepixel_dashboard::access::{AccessError, Keeper, State};
use tokio::runtime::Handle;
use tokio::time::{Duration, Instant};

use super::keys::{self, PK, SK};
use super::table::{Backoff, Failed, Table, failed, number};

/// The state, as JSON.
const STATE: &str = "state";
/// Counts the changes.
const VERSION: &str = "version";
/// Who wrote last: a random number for each change.
const WRITER: &str = "writer";
/// How long reading or changing may take: somebody waits.
const PATIENCE: Duration = Duration::from_secs(8);

/// Keeps the state in the table. Blocks the thread, so it is never called on one that answers requests.
#[derive(Debug)]
pub struct TableKeeper {
    table: Table,
    runtime: Handle,
    /// The version that was read or written last; `None`: there was none.
    known: Option<u64>,
}

/// What stands in the table.
struct Kept {
    version: u64,
    writer: String,
    state: String,
}

impl TableKeeper {
    /// In `table`, over the runtime that this is called on.
    pub fn new(table: Table) -> Self {
        Self { table, runtime: Handle::current(), known: None }
    }

    async fn read(&self, deadline: Instant) -> Result<Option<Kept>, Failed> {
        let mut backoff = Backoff::default();
        loop {
            let key = keys::access();
            let asked = self.table.client().get_item().table_name(self.table.name());
            let asked = asked
                .key(PK, AttributeValue::S(key.pk))
                .key(SK, AttributeValue::S(key.sk))
                .consistent_read(true);
            let failure = match tokio::time::timeout_at(deadline, asked.send()).await {
                Ok(Ok(found)) => return found.item.map(|item| kept(&item)).transpose(),
                Ok(Err(error)) => failed(&error),
                Err(_) => late(),
            };
            if !failure.passes || !backoff.wait(deadline).await {
                return Err(failure);
            }
        }
    }

    /// The version that is there now, or `None` when somebody else was faster.
    async fn write(&self, state: String, deadline: Instant) -> Result<Option<u64>, Failed> {
        let (next, writer) =
            (self.known.map_or(1, |known| known + 1), format!("{:032x}", rand::random::<u128>()));
        let mut backoff = Backoff::default();
        let mut is_first = true;
        loop {
            let failure = match tokio::time::timeout_at(deadline, self.put(&state, next, &writer)).await {
                Ok(Ok(true)) => return Ok(Some(next)),
                // Nothing was sent before that could have been this very change.
                Ok(Ok(false)) if is_first => return Ok(None),
                Ok(Ok(false)) => {
                    let ours = self.read(deadline).await?.is_some_and(|kept| kept.writer == writer);
                    return Ok(ours.then_some(next));
                }
                Ok(Err(failure)) => failure,
                Err(_) => late(),
            };
            is_first = false;
            if !failure.passes || !backoff.wait(deadline).await {
                return Err(failure);
            }
        }
    }

    /// False when the version is another one.
    async fn put(&self, state: &str, next: u64, writer: &str) -> Result<bool, Failed> {
        let key = keys::access();
        let asked = self.table.client().put_item().table_name(self.table.name());
        let asked = asked
            .item(PK, AttributeValue::S(key.pk))
            .item(SK, AttributeValue::S(key.sk))
            .item(VERSION, number(next))
            .item(WRITER, AttributeValue::S(writer.to_owned()))
            .item(STATE, AttributeValue::S(state.to_owned()));
        let asked = match self.known {
            None => {
                asked.condition_expression("attribute_not_exists(#k)").expression_attribute_names("#k", PK)
            }
            Some(known) => asked
                .condition_expression("#k = :k")
                .expression_attribute_names("#k", VERSION)
                .expression_attribute_values(":k", number(known)),
        };
        match asked.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(failed(&error)),
        }
    }
}

impl Keeper for TableKeeper {
    fn read_if_changed(&mut self) -> Result<Option<State>, AccessError> {
        let deadline = Instant::now() + PATIENCE;
        let found = self.runtime.clone().block_on(self.read(deadline)).map_err(|error| unkept(&error))?;
        let Some(found) = found else {
            // Somebody has deleted it: nobody may sign in with what stood there.
            return Ok(self.known.take().map(|_| State::default()));
        };
        if self.known == Some(found.version) {
            return Ok(None);
        }
        let state = State::from_json(found.state.as_bytes()).map_err(|error| {
            AccessError::Kept(format!(
                "the item ACCESS of the table {} is damaged, or of a newer version ({error})",
                self.table.name()
            ))
        })?;
        self.known = Some(found.version);
        Ok(Some(state))
    }

    fn replace(&mut self, state: &State) -> Result<bool, AccessError> {
        let json = state.to_json().map_err(|error| AccessError::Kept(error.to_string()))?;
        let json = String::from_utf8(json).map_err(|error| AccessError::Kept(error.to_string()))?;
        let deadline = Instant::now() + PATIENCE;
        let written = self.runtime.clone().block_on(self.write(json, deadline));
        match written.map_err(|error| unkept(&error))? {
            Some(version) => {
                self.known = Some(version);
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

fn kept(item: &std::collections::HashMap<String, AttributeValue>) -> Result<Kept, Failed> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    let version = item.get(VERSION).and_then(|value| value.as_n().ok()?.parse().ok());
    match (version, text(WRITER), text(STATE)) {
        (Some(version), Some(writer), Some(state)) => Ok(Kept { version, writer, state }),
        _ => Err(Failed { reason: "the item ACCESS is not of onepixel".to_owned(), passes: false }),
    }
}

fn late() -> Failed {
    Failed { reason: "DynamoDB did not answer in time".to_owned(), passes: true }
}

fn unkept(failed: &Failed) -> AccessError {
    AccessError::Kept(failed.reason.clone())
}
