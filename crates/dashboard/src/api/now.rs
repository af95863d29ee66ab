//! How many people are on the site: the one definition, wherever it is shown.

use onepixel_view::Query;

use super::Api;

/// Different visitors of class human in the last five minutes, of the site and with the filters of a question; `None`
/// while the live view is off or cannot say.
pub(super) async fn count(api: &Api, asked: &Query) -> Option<u64> {
    let view = api.view.as_deref()?;
    // Of an overview only this figure is wanted, which has a range of its own.
    let asked = Query { from_ms: i64::MAX, to_ms: i64::MAX, ..asked.clone() };
    match view.overview(asked, false).await {
        Ok(overview) => overview.now,
        Err(error) => {
            tracing::debug!(%error, "the live view cannot say how many are on the site");
            None
        }
    }
}
