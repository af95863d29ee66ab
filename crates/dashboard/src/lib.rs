//! The dashboard: its pages, its API, and who may look. One router, mounted by the server and by a function on AWS.
//!
//! Knows the live view by its port only, and a local stream only where there is one: [`Local`]. What is missing is said
//! by `GET /api/v1/capabilities`, which the pages follow, and its resources answer 404. Where the access state is kept
//! is a port, too: [`access::Keeper`].
//!
//! Read in this order: `api` (the resources), `access` (who may), `local` (what only a stream can tell), `pages`.

pub mod access;
mod api;
mod local;
pub mod pages;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use ipnet::IpNet;
use onepixel_gateway::ingest::IpPolicy;
use onepixel_view::View;
use tokio_util::sync::CancellationToken;

use access::Access;
pub use local::{Account, Local, Object, Rejected};

/// What the dashboard stands on.
pub struct Dashboard {
    /// Who answers questions; `None` while the live view is off.
    pub view: Option<Arc<dyn View>>,
    /// Who may look.
    pub access: Arc<Access>,
    /// Where events come in.
    pub edge: Edge,
    /// The stream of this process, if it has one.
    pub local: Option<Arc<dyn Local>>,
    /// Live feeds end with it.
    pub stop: CancellationToken,
}

/// Where the doors are, and what is believed and kept there.
#[derive(Debug, Clone)]
pub struct Edge {
    /// The path of the pixel.
    pub pixel_path: String,
    /// The path that takes events as JSON.
    pub events_path: String,
    /// The path of the tracker.
    pub script_path: String,
    /// The doors' port, if the dashboard has another.
    pub other_port: Option<u16>,
    /// Whole addresses, where the doors are no part of this server.
    pub elsewhere: Option<Doors>,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// What is kept of a client's address.
    pub ip_policy: IpPolicy,
}

/// Doors that another server opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doors {
    /// `https://...` of the pixel.
    pub pixel_url: String,
    /// `https://...` that takes events as JSON.
    pub events_url: String,
    /// `https://...` of the tracker.
    pub script_url: String,
}

/// Why the routes cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system grants no thread.
    #[error("cannot start the thread of the live feed: {0}")]
    Feed(std::io::Error),
    /// A fault of this program.
    #[error("cannot write the description of the API: {0}")]
    Document(serde_json::Error),
}

impl Dashboard {
    /// The pages and their API, every answer with its headers. Requests carry a [`Client`](onepixel_gateway::Client)
    /// among their extensions.
    ///
    /// # Errors
    /// [`OpenError`] when the system has no thread for the live feed.
    pub fn routes(self) -> Result<Router, OpenError> {
        Ok(pages::routes().merge(api::routes(self)?).layer(from_fn(pages::secured)))
    }
}
