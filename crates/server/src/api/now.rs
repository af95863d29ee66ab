//! How many people are on the site: the one definition, wherever it is shown.

use onepixel_event::Class;
use onepixel_live::{ClassSet, LiveStore, Query};

use super::Api;

/// Different visitors of class human in the last five minutes, of the site that `query` names; `None` while the live
/// view is off or cannot say.
pub(super) async fn count(api: &Api, query: &str) -> Option<u64> {
    let store = api.store.clone()?;
    let site = form_urlencoded::parse(query.as_bytes())
        .find(|(name, value)| name == "site" && !value.is_empty())
        .map(|(_, value)| value.into_owned());
    let asked = Query { site, classes: ClassSet::from_iter([Class::Human]), ..Query::default() };
    let counted = tokio::task::spawn_blocking(move || LiveStore::overview(&store, &asked)).await;
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
