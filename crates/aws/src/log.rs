//! The log of a function: lines of JSON on standard output, where Lambda collects them.

use tracing_subscriber::EnvFilter;

/// Logs from here on; `RUST_LOG` says what, else warnings and worse.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let started =
        tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stdout).try_init();
    if started.is_err() {
        tracing::warn!("there is a log already");
    }
}
