//! Asking the table, within a budget: so many reads, so much time, so many at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use onepixel_view::QueryError;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::super::keys::{EXPIRES, PK, SK};
use super::super::table::{Backoff, Failed, Table, failed, number};
use super::plan::Keys;

/// Reads of one question, a page each: 90 days of hours in eight write shards twice over, or about a gigabyte of values.
pub(super) const READS_MAX: usize = 1_600;
/// Reads at once. Each page holds a megabyte at most.
const AT_ONCE: usize = 16;

/// An item as DynamoDB gives it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Reads for one question.
pub(super) struct Reader<'a> {
    table: &'a Table,
    now_s: i64,
    deadline: Instant,
    reads: AtomicUsize,
    _turn: Option<SemaphorePermit<'a>>,
}

/// Where reading a partition goes on.
enum Next {
    Begin,
    After(Item),
    End,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        table: &'a Table,
        now_s: i64,
        deadline: Instant,
        turn: Option<SemaphorePermit<'a>>,
    ) -> Self {
        Self { table, now_s, deadline, reads: AtomicUsize::new(0), _turn: turn }
    }

    /// Shows every item of `asked` that is not over, in no order, each with where its day begins.
    ///
    /// # Errors
    /// [`QueryError::TooManyReads`], before any read if that is clear from the start; whatever `visit` says.
    pub(super) async fn each(
        &self,
        asked: Vec<Keys>,
        mut visit: impl FnMut(i64, &Item) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        if asked.len() > READS_MAX.saturating_sub(self.reads.load(Ordering::Relaxed)) {
            return Err(QueryError::TooManyReads { reads_max: READS_MAX });
        }
        let pages = stream::iter(asked).map(|keys| {
            let day_ms = keys.day_ms;
            Box::pin(self.pages(keys, true, None).map_ok(move |items| (day_ms, items)))
        });
        let mut pages = pages.flatten_unordered(AT_ONCE);
        while let Some((day_ms, items)) = pages.try_next().await? {
            for item in &items {
                visit(day_ms, item)?;
            }
        }
        Ok(())
    }

    /// The items of one partition that are not over, a page at a time, in their order or against it.
    pub(super) fn pages(
        &self,
        keys: Keys,
        forward: bool,
        limit: Option<i32>,
    ) -> impl Stream<Item = Result<Vec<Item>, QueryError>> {
        stream::try_unfold((keys, Next::Begin), move |(keys, next)| async move {
            let after = match next {
                Next::Begin => None,
                Next::After(key) => Some(key),
                Next::End => return Ok(None),
            };
            let (items, last) = self.page(&keys, forward, limit, after).await?;
            Ok(Some((items, (keys, last.map_or(Next::End, Next::After)))))
        })
    }

    async fn page(
        &self,
        keys: &Keys,
        forward: bool,
        limit: Option<i32>,
        after: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), QueryError> {
        if self.reads.fetch_add(1, Ordering::Relaxed) >= READS_MAX {
            return Err(QueryError::TooManyReads { reads_max: READS_MAX });
        }
        let mut backoff = Backoff::default();
        loop {
            let text = |text: &str| AttributeValue::S(text.to_owned());
            let asked = self.table.client().query().table_name(self.table.name());
            let asked = asked
                .key_condition_expression("#p = :p AND #s BETWEEN :a AND :b")
                .filter_expression("#e > :n")
                .expression_attribute_names("#p", PK)
                .expression_attribute_names("#s", SK)
                .expression_attribute_names("#e", EXPIRES)
                .expression_attribute_values(":p", text(&keys.pk))
                .expression_attribute_values(":a", text(&keys.first))
                .expression_attribute_values(":b", text(&keys.last))
                .expression_attribute_values(":n", number(self.now_s))
                .scan_index_forward(forward)
                .set_limit(limit)
                .set_exclusive_start_key(after.clone());
            let failure = match timeout_at(self.deadline, asked.send()).await {
                Ok(Ok(page)) => {
                    return Ok((page.items.unwrap_or_default(), page.last_evaluated_key));
                }
                Ok(Err(error)) => failed(&error),
                Err(_) => Failed { reason: "DynamoDB did not answer in time".to_owned(), passes: false },
            };
            if !failure.passes || !backoff.wait(self.deadline).await {
                return Err(QueryError::unavailable(failure));
            }
        }
    }
}

/// A text attribute.
pub(super) fn text<'i>(item: &'i Item, name: &str) -> Option<&'i str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// A number attribute.
pub(super) fn numeral<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}
