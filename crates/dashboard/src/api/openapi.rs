//! `/api/v1/openapi.json`: the description of all this, made of the code that answers.
//!
//! A resource is described where its handler is, and registered together with its description, so that neither can be
//! without the other.

use std::sync::Arc;

use axum::http::header;
use axum::response::IntoResponse;
use bytes::Bytes;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;

use super::Api;

pub(super) const PATH: &str = "/api/v1/openapi.json";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "onepixel", description = "The API of onepixel's dashboard. Moments are milliseconds since the Unix epoch."),
    security(("token" = []), ("session" = []), ("link" = [])),
    modifiers(&Schemes)
)]
struct Head;

/// How a caller shows who they are.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("an API token, made on the page Access"))
            .build();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        let session = ApiKeyValue::with_description(
            super::gate::COOKIE_NAME,
            "a browser that signed in; what changes something needs `X-Onepixel-Csrf: 1` and a same-origin Origin, too",
        );
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
        let link = ApiKeyValue::with_description("link", "the key of a public link: the figures of one site");
        components.add_security_scheme("link", SecurityScheme::ApiKey(ApiKey::Query(link)));
    }
}

/// The description without any resource yet.
pub(super) fn head() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::with_openapi(Head::openapi())
}

/// The description as it is sent.
#[derive(Clone)]
pub(super) struct Document(Bytes);

impl Document {
    pub(super) fn new(document: &OpenApi) -> Result<Self, serde_json::Error> {
        Ok(Self(document.to_json()?.into()))
    }
}

pub(super) async fn show(document: Document) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document.0)
}
