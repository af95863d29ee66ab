//! The dashboard function: the same router as the server's, over the table, behind an HTTP API (payload 2.0).
//!
//! There is no stream beside it, so there is no feed, no pipeline page and no inspector; the pages leave them out. Who may
//! look is read anew before each question, since the function next to this one may have changed it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use lambda_runtime::tower::Service as _;
use lambda_runtime::{LambdaEvent, service_fn};
use onepixel_dashboard::access::Access;
use onepixel_dashboard::{Dashboard, Doors, Edge};
use onepixel_gateway::ingest::IpPolicy;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::consumer::settings::{InvalidSettings, ttl};
use crate::dynamo::access::TableKeeper;
use crate::dynamo::table::Table;
use crate::dynamo::view::TableView;
use crate::http_api::{HttpAnswer, HttpRequest, Payload};

/// What the function is told by its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `ONEPIXEL_TABLE`
    pub table: String,
    /// `ONEPIXEL_TTL`: the same as the live function's.
    pub ttl: Duration,
    /// `ONEPIXEL_SIGN_IN`: opens the door once, as long as no password is set.
    pub sign_in: Option<String>,
    /// `ONEPIXEL_PIXEL_URL`, `ONEPIXEL_EVENTS_URL` and `ONEPIXEL_SCRIPT_URL`: what the setup page tells to paste.
    pub doors: Option<Doors>,
}

impl Settings {
    /// Reads the variables; an empty one counts as absent.
    ///
    /// # Errors
    /// [`InvalidSettings`] for the first that is missing or makes no sense.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSettings> {
        let get = |name| variable(name).filter(|value| !value.is_empty());
        let missing = |variable, expected| InvalidSettings { variable, expected, found: String::new() };
        let pixel_url = address(get("ONEPIXEL_PIXEL_URL"), "ONEPIXEL_PIXEL_URL")?;
        let events_url = address(get("ONEPIXEL_EVENTS_URL"), "ONEPIXEL_EVENTS_URL")?;
        let script_url = address(get("ONEPIXEL_SCRIPT_URL"), "ONEPIXEL_SCRIPT_URL")?;
        let doors = match (pixel_url, events_url, script_url) {
            (Some(pixel_url), Some(events_url), Some(script_url)) => {
                Some(Doors { pixel_url, events_url, script_url })
            }
            (None, None, None) => None,
            (None, ..) => return Err(missing("ONEPIXEL_PIXEL_URL", "an address, as others have one")),
            (_, None, _) => return Err(missing("ONEPIXEL_EVENTS_URL", "an address, as the pixel has one")),
            (.., None) => return Err(missing("ONEPIXEL_SCRIPT_URL", "an address, as the pixel has one")),
        };
        Ok(Self {
            table: get("ONEPIXEL_TABLE")
                .ok_or_else(|| missing("ONEPIXEL_TABLE", "the name of the DynamoDB table"))?,
            ttl: ttl(get("ONEPIXEL_TTL"))?,
            sign_in: get("ONEPIXEL_SIGN_IN"),
            doors,
        })
    }
}

fn address(found: Option<String>, variable: &'static str) -> Result<Option<String>, InvalidSettings> {
    let Some(found) = found else { return Ok(None) };
    let is_address = found.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
    });
    if is_address {
        Ok(Some(found))
    } else {
        Err(InvalidSettings { variable, expected: "https://...", found })
    }
}

/// The routes, over `table`, for [`answer`].
///
/// # Errors
/// When a thread of the runtime fails.
pub async fn open(settings: Settings, table: Table, clock: Clock) -> anyhow::Result<Router> {
    let keeper = TableKeeper::new(table.clone());
    let (of_access, sign_in) = (clock.clone(), settings.sign_in);
    // It reads the table, and waits for that.
    let access =
        tokio::task::spawn_blocking(move || Access::open(Box::new(keeper), of_access, sign_in.as_deref()));
    let access = access.await?;
    let dashboard = Dashboard {
        view: Some(Arc::new(TableView::new(table, settings.ttl, clock))),
        access: access.clone(),
        edge: Edge {
            pixel_path: "/p.gif".to_owned(),
            events_path: "/e".to_owned(),
            script_path: "/p.js".to_owned(),
            other_port: None,
            elsewhere: settings.doors,
            trusted_proxies: Vec::new(),
            ip_policy: IpPolicy::default(),
        },
        local: None,
        stop: CancellationToken::new(),
    };
    let routes = dashboard.routes()?.fallback(other_path);
    Ok(routes.layer(from_fn_with_state(access, look_again)))
}

/// Serves until the environment ends.
///
/// # Errors
/// When the environment makes no sense, or Lambda's runtime cannot be reached.
pub async fn serve(clock: Clock) -> anyhow::Result<()> {
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let aws = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
    let table = Table::new(&aws, settings.table.clone());
    let routes = open(settings, table, clock).await?;
    let handler = service_fn(move |event: LambdaEvent<Payload>| {
        let routes = routes.clone();
        async move { Ok::<_, Infallible>(answer(routes, &event.payload).await) }
    });
    lambda_runtime::run(handler).await.map_err(anyhow::Error::from_boxed)
}

/// Answers one request. Never fails: what is no request, and an answer that is too large, have a status, too.
pub async fn answer(mut routes: Router, payload: &Payload) -> HttpAnswer {
    let request = match HttpRequest::read(payload).and_then(HttpRequest::into_http) {
        Ok(request) => request.map(Body::from),
        Err(bad) => return bad.answer(),
    };
    match routes.call(request).await {
        Ok(response) => HttpAnswer::whole(response).await,
        Err(never) => match never {},
    }
}

/// Functions side by side have one state of who may look.
async fn look_again(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/api/")
        && let Err(error) = access.look_again().await
    {
        tracing::error!(%error, "who may look cannot be read");
        let error = serde_json::json!({ "error": error.to_string() });
        return (StatusCode::SERVICE_UNAVAILABLE, axum::Json(error)).into_response();
    }
    next.run(request).await
}

async fn other_path(request: Request) -> Response {
    let text = format!("{} is not a path of this dashboard\n", request.uri().path());
    (StatusCode::NOT_FOUND, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: Result<(u64, bool), &str>) {
        let read = Settings::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        match expected {
            Ok((hours, doors)) => {
                let settings = read.unwrap();
                assert_eq!((settings.ttl.as_secs() / 3600, settings.doors.is_some()), (hours, doors));
            }
            Err(part) => assert!(read.as_ref().is_err_and(|e| e.to_string().contains(part)), "{read:?}"),
        }
    }

    #[test]
    fn the_environment_is_read_and_checked() {
        let table = ("ONEPIXEL_TABLE", "live");
        check(&[table], Ok((168, false)));
        check(&[table, ("ONEPIXEL_TTL", "3d"), ("ONEPIXEL_PIXEL_URL", "")], Ok((72, false)));
        let pixel = ("ONEPIXEL_PIXEL_URL", "https://a/p.gif");
        let (events, script) =
            (("ONEPIXEL_EVENTS_URL", "https://b/e"), ("ONEPIXEL_SCRIPT_URL", "https://a/p.js"));
        check(&[table, pixel, events, script], Ok((168, true)));
        check(&[table, pixel, events], Err("ONEPIXEL_SCRIPT_URL"));
        check(&[table, pixel], Err("ONEPIXEL_EVENTS_URL"));
        check(&[table, events], Err("ONEPIXEL_PIXEL_URL"));
        check(&[table, ("ONEPIXEL_PIXEL_URL", "p.gif"), events], Err("https://..."));
        check(&[], Err("ONEPIXEL_TABLE"));
        check(&[table, ("ONEPIXEL_TTL", "soon")], Err("ONEPIXEL_TTL"));
    }
}
