//! Log lines: to stderr, for people or as JSON.

use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;

/// Starts logging. `verbose`: 0 information, 1 debug, 2 and more trace, for our own modules only.
pub(crate) fn init(format: LogFormat, verbose: u8) {
    let level = match verbose {
        0 => "info",
        1 => "debug",
        _ => "trace",
    };
    let ours = ["event", "stream", "consumer", "archive", "live", "gateway"];
    let mut filter = format!("warn,onepixel={level}");
    for member in ours {
        filter.push_str(&format!(",onepixel_{member}={level}"));
    }
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        // Told of on stderr, too, and by a macro that panics: a full disk or a closed pipe behind it would end the server.
        .log_internal_errors(false)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    match format {
        LogFormat::Text => subscriber.with_target(false).init(),
        LogFormat::Json => subscriber.json().init(),
    }
}
