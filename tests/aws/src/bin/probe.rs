//! A function that does as its payload says and writes into a file what it has done: it shows whether the emulated Lambda
//! is faithful, on the same runtime and extension libraries as the product's functions.
//!
//! `PROBE_FILE` names the file. With `PROBE_EXTENSION` an internal extension does the work, with `PROBE_GRACEFUL` it
//! writes a line on SIGTERM. Under the file name `external` it is an external extension.

#![expect(clippy::disallowed_methods, reason = "work that nobody waits for is what it is made to show")]

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use lambda_extension::{Extension, LambdaEvent as ExtensionEvent, NextEvent};
use lambda_runtime::{Error, LambdaEvent, service_fn, spawn_graceful_shutdown_handler};
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let name = std::env::args().next().unwrap_or_default();
    if name.ends_with("external") {
        return external().await;
    }
    let (work, todo) = mpsc::channel::<Value>(16);
    if std::env::var_os("PROBE_EXTENSION").is_some() {
        let todo = Arc::new(Mutex::new(todo));
        let flush = service_fn(move |event: ExtensionEvent| {
            let todo = Arc::clone(&todo);
            async move {
                if let NextEvent::Invoke(_) = event.next
                    && let Some(event) = todo.lock().await.recv().await
                {
                    steps(&event, "flushed").await?;
                }
                Ok::<_, Error>(())
            }
        });
        let extension = Extension::new().with_events(&["INVOKE"]).with_extension_name("flush");
        let extension = extension.with_events_processor(flush).register().await?;
        tokio::spawn(extension.run());
    }
    if std::env::var_os("PROBE_GRACEFUL").is_some() {
        spawn_graceful_shutdown_handler(|| async { note("terminated").unwrap_or_default() }).await;
    }
    if std::env::var_os("PROBE_INIT_FAILS").is_some() {
        return Err("init fails".into());
    }
    lambda_runtime::run_concurrent(service_fn(move |event| handle(event, work.clone()))).await
}

async fn handle(event: LambdaEvent<Value>, work: mpsc::Sender<Value>) -> Result<Value, Error> {
    let (payload, context) = event.into_parts();
    match payload["do"].as_str().unwrap_or_default() {
        "await" => steps(&payload, "awaited").await?,
        "spawn" => {
            let payload = payload.clone();
            tokio::spawn(async move { steps(&payload, "spawned").await });
        }
        "extension" => work.send(payload.clone()).await?,
        "fail" => return Err("as told".into()),
        "exit" => std::process::exit(3),
        _ => (),
    }
    Ok(json!({"echo": payload, "id": context.request_id, "deadline": context.deadline}))
}

/// So many pieces of work with a pause before each.
async fn steps(payload: &Value, word: &str) -> Result<(), Error> {
    let every = Duration::from_millis(payload["every_ms"].as_u64().unwrap_or(10));
    for n in 0..payload["steps"].as_u64().unwrap_or(1) {
        tokio::time::sleep(every).await;
        note(&format!("{word} {n}"))?;
    }
    Ok(())
}

async fn external() -> Result<(), Error> {
    let heard = service_fn(|event: ExtensionEvent| async move {
        match event.next {
            NextEvent::Invoke(_) => note("external heard an invoke")?,
            NextEvent::Shutdown(_) => note("external heard the shutdown")?,
        }
        Ok::<_, Error>(())
    });
    let extension = Extension::new().with_events(&["INVOKE", "SHUTDOWN"]).with_events_processor(heard);
    extension.with_extension_name("external").run().await
}

fn note(line: &str) -> std::io::Result<()> {
    let path = std::env::var_os("PROBE_FILE").unwrap_or_default();
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())
}
