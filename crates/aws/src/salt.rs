//! The visitor salt that all environments of a function share: one item a day in the table.
//!
//! Whoever needs the day's key first makes it, by a conditional put that tells the loser the winner's. A table that does
//! not answer never holds up an event for long: it goes on without a visitor and says so, and the table is asked again
//! after a while.

use std::time::Duration;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use onepixel_event::Time;
use onepixel_gateway::ingest::VisitorSalt;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::consumer::{SaltUnavailable, Salts};
use crate::dynamo::keys::{self, Key, PK};
use crate::dynamo::table::{Table, attributes, failed};

/// The attribute that holds the key.
const KEY: &str = "key";
/// After a failure the table is left in peace for this long.
const AGAIN_AFTER_MS: i64 = 5_000;
const DAY_S: i64 = 24 * 60 * 60;
/// A day's key may be deleted this long after its day.
const KEPT_S: i64 = 60 * 60;

/// The keys in the table; cheap to clone.
#[derive(Debug, Clone)]
pub struct TableSalts {
    table: Table,
}

/// Brings ingest the key of the day, when it needs one.
#[derive(Debug)]
pub struct DaySalt {
    salts: TableSalts,
    /// Held while the table is asked; until when it is left in peace. By the events' own time, as the other clock may stand
    /// still while an environment is frozen.
    resting_until: Mutex<Option<Time>>,
}

/// Why there is no key for today.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoSalt {
    /// The table was asked and has no answer.
    #[error("the day's visitor salt cannot be had: {0}")]
    Failed(String),
    /// It failed a moment ago and is not asked again yet.
    #[error("the day's visitor salt could not be had a moment ago")]
    Resting,
}

impl DaySalt {
    /// From these; touches no network.
    pub fn new(salts: TableSalts) -> Self {
        Self { salts, resting_until: Mutex::new(None) }
    }

    /// Sees to it that `salt` has the key of the day of `now`, within `limit`. Costs nothing when it has it; those who
    /// find together that it has none ask once.
    ///
    /// # Errors
    /// [`NoSalt`]; `salt` has no key then.
    pub async fn bring(&self, salt: &VisitorSalt, now: Time, limit: Duration) -> Result<(), NoSalt> {
        if salt.has_key(now) {
            return Ok(());
        }
        let mut resting_until = self.resting_until.lock().await;
        // Who waited for the lock may find that it is done.
        if salt.has_key(now) {
            return Ok(());
        }
        let rests = |until: Time| (until.ms() - AGAIN_AFTER_MS..until.ms()).contains(&now.ms());
        if resting_until.is_some_and(rests) {
            return Err(NoSalt::Resting);
        }
        let late = |_| Err(format!("no answer within {} ms", limit.as_millis()));
        match timeout(limit, self.salts.key(now)).await.unwrap_or_else(late) {
            Ok(key) => {
                salt.give(key, now);
                *resting_until = None;
                Ok(())
            }
            Err(reason) => {
                *resting_until = Some(Time::from_ms(now.ms() + AGAIN_AFTER_MS));
                Err(NoSalt::Failed(reason))
            }
        }
    }
}

impl Salts for TableSalts {
    async fn salt(&self, at: Time) -> Result<VisitorSalt, SaltUnavailable> {
        let salt = VisitorSalt::given();
        salt.give(self.key(at).await.map_err(SaltUnavailable)?, at);
        Ok(salt)
    }
}

impl TableSalts {
    /// Those in `table`; touches no network.
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// The key of the UTC day of `at`, made if there is none.
    ///
    /// # Errors
    /// What the table said.
    pub async fn key(&self, at: Time) -> Result<[u8; 16], String> {
        let day = at.to_string();
        let key = keys::salt(day.get(..10).unwrap_or_default());
        match self.get(&key).await? {
            Some(found) => Ok(found),
            None => self.make(key, at).await,
        }
    }

    async fn get(&self, key: &Key) -> Result<Option<[u8; 16]>, String> {
        let get = self.table.client().get_item().table_name(self.table.name()).consistent_read(true);
        let get = get
            .key(PK, AttributeValue::S(key.pk.clone()))
            .key(keys::SK, AttributeValue::S(key.sk.clone()))
            .send()
            .await
            .map_err(|error| failed(&error).reason)?;
        get.item().map(|item| read(item.get(KEY))).transpose()
    }

    /// Puts a new key unless there is one, and gives whichever is there then.
    async fn make(&self, key: Key, now: Time) -> Result<[u8; 16], String> {
        let fresh: [u8; 16] = rand::random();
        let day_end_s = (now.ms().div_euclid(DAY_S * 1000) + 1) * DAY_S;
        let mut item = attributes(key, day_end_s + KEPT_S);
        item.insert(KEY.to_owned(), AttributeValue::B(Blob::new(fresh)));
        let put = self
            .table
            .client()
            .put_item()
            .table_name(self.table.name())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PK)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = put.send().await else { return Ok(fresh) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(exists)) => {
                read(exists.item().and_then(|item| item.get(KEY)))
            }
            _ => Err(failed(&error).reason),
        }
    }
}

fn read(value: Option<&AttributeValue>) -> Result<[u8; 16], String> {
    let bytes = value.and_then(|value| value.as_b().ok()).map(|blob| blob.as_ref());
    let key = bytes.and_then(|bytes| bytes.try_into().ok());
    key.ok_or_else(|| format!("the salt's item has no attribute {KEY:?} of 16 bytes"))
}
