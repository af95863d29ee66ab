//! How many people are on the site: the one definition, wherever it is shown.

use onepixel_live::{LiveStore, Query};

use super::Api;

/// Different visitors of class human in the last five minutes, of the site and with the filters of a question; `None`
/// while the live view is off or cannot say.
pub(super) async fn count(api: &Api, asked: &Query) -> Option<u64> {
    let store = api.store.clone()?;
    // Of an overview only this figure is wanted, which has a range of its own.
    let asked = Query { from_ms: i64::MAX, to_ms: i64::MAX, ..asked.clone() };
    let counted = tokio::task::spawn_blocking(move || LiveStore::overview(&store, &asked, false)).await;
    match counted {
        Ok(Ok(overview)) => Some(overview.now),
        Ok(Err(error)) => {
            tracing::debug!(%error, "the live view cannot say how many are on the site");
            None
        }
        Err(error) => {
            tracing::error!(%error, "counting who is on the site failed by a fault in this program");
            None
        }
    }
}
