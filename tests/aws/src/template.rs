//! API Gateway's mapping templates, rendered by velocityjs with the variables that API Gateway gives them.
//!
//! A payload is text there: bytes that are not UTF-8 are replaced before a template sees them, and so they are here.
//! `$input`, `$util`, `$context` and `$stageVariables` have what our templates use and little more; JSON paths are of the
//! form `$.a.b` only. Velocity itself is Apache's, in Java; where velocityjs differs, this is not faithful.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Stdio;

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use crate::installed;

const RENDER: &str = include_str!("template/render.cjs");

/// A request, or a backend's answer, that a template is rendered for.
#[derive(Debug, Clone, Serialize)]
pub struct Rendering {
    /// The payload, as it was sent.
    #[serde(rename = "body64", serialize_with = "base64")]
    pub body: Bytes,
    /// As they were sent; of several with one name the last counts.
    pub headers: Vec<(String, String)>,
    /// `$context.requestTimeEpoch`
    pub at_ms: u64,
    /// `$context.requestId`
    pub request_id: String,
    /// `$context.identity.sourceIp`
    pub source_ip: String,
    /// `$stageVariables`
    pub stage_variables: BTreeMap<String, String>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Rendered {
    /// The output.
    pub text: String,
    /// `$context.responseOverride`, as the template left it.
    pub overrides: Value,
}

/// Renders one template for each of these, in one process, which ends by itself.
pub async fn render(template: &str, requests: &[Rendering]) -> anyhow::Result<Vec<Rendered>> {
    let input = json!({"template": template, "requests": requests}).to_string();
    let mut command = installed::node_script(RENDER)?;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let rendering = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().context("cannot start node")?;
        let mut stdin = child.stdin.take().context("no standard input")?;
        // It reads all before it writes anything, so neither waits for the other.
        stdin.write_all(input.as_bytes())?;
        drop(stdin);
        anyhow::Ok(child.wait_with_output()?)
    });
    let output = rendering.await??;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "velocityjs: {}: {error}", output.status);
    let rendered: Vec<Rendered> = serde_json::from_slice(&output.stdout).context("velocityjs: no JSON")?;
    ensure!(rendered.len() == requests.len(), "velocityjs rendered {} of {}", rendered.len(), requests.len());
    Ok(rendered)
}

fn base64<S: Serializer>(body: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(body))
}
