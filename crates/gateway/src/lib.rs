//! The HTTP edge and ingest: a hit becomes a durable event.
//!
//! [`http`] takes connections, limits what clients may do and answers; [`ingest`] turns a hit into the bytes of an
//! event. An answer that says so is sent when the stream has made the event durable, never before.
//! Knows no sink and no dashboard: whatever is not one of the two doors goes to a service the binary brings along.
//!
//! ```
//! # use std::{convert::Infallible, error::Error, sync::Arc, time::Duration};
//! # use http_body_util::Full;
//! # use onepixel_gateway::ingest::{GpcPolicy, Ingest, IngestSettings, IpPolicy, VisitorSalt};
//! # use onepixel_gateway::{Fallback, Gateway, Metrics, Settings, serve};
//! # use onepixel_stream::{Clock, OsDisk, Stream};
//! # use tokio::net::TcpListener;
//! # use tokio_util::sync::CancellationToken;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let clock: Clock = Arc::new(|| 1_770_757_445_123);
//! # let now = onepixel_event::Time::from_ms(1_770_757_445_123);
//! let (stream, _) =
//!     Stream::open(Arc::new(OsDisk), onepixel_stream::Settings::new(dir.path()), clock.clone())?;
//! let policies = IngestSettings { ip: IpPolicy::Truncate, gpc: GpcPolicy::Count };
//! let ingest = Ingest::new(policies, VisitorSalt::in_memory(now), None);
//! let nothing_else = Fallback::new(tower::service_fn(|_| async {
//!     Ok::<_, Infallible>(http::Response::new(Full::from("nothing here")))
//! }));
//! let gateway =
//!     Gateway::new(Settings::default(), ingest, stream, clock, Metrics::default(), nothing_else)?;
//!
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let shutdown = CancellationToken::new();
//! shutdown.cancel(); // A server would wait for a signal first.
//! let served = serve(listener, Arc::new(gateway), shutdown, Duration::from_secs(10)).await;
//! assert_eq!(served.cut, 0);
//! # Ok(())
//! # }
//! ```

pub mod http;
pub mod ingest;
mod metrics;
mod settings;

pub use http::{
    Client, Fallback, Gateway, LastRequest, LastRequests, Limits, PixelHit, PixelRequest, Served,
    is_event_type, pixel_hit, pixel_not_stored, pixel_overloaded, pixel_stored, serve,
};
pub use metrics::{Door, Metrics};
pub use settings::{BODY_LIMIT_MAX, InvalidSettings, Settings};
