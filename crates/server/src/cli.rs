//! The command line: what can be asked of `onepixel`, and the exit codes.
//!
//! 0 it worked, 1 the check failed or the work could not be done, 2 the usage or the configuration is wrong.

mod access;
mod audit;
mod config;
mod ddl;
mod dead_letter;
mod demo;
mod serve;
mod snippet;
mod tail;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::config::{ConfigError, Layers, Loaded};
use crate::data_dir::DATA_DIR;
use crate::telemetry;

/// A tracking pixel and event collector that never loses an event it acknowledged.
#[derive(Debug, Parser)]
#[command(name = "onepixel", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Examples:
  onepixel demo                               a living dashboard, on data that goes at the end
  onepixel serve                              everything on http://127.0.0.1:8080
  onepixel serve --archive s3://bucket/hits   archive to S3 (credentials from AWS_*)
  onepixel tail --filter event=signup         follow one kind of event
  onepixel audit                              prove that nothing was lost
  onepixel config print                       every setting, its value and where it came from

Every setting can be given in the file, as ONEPIXEL_SECTION__KEY, or with --set section.key=value.")]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Flags that every subcommand takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE", global = true, env = "ONEPIXEL_CONFIG")]
    config: Option<PathBuf>,
    /// Where everything is kept
    #[arg(
        long,
        value_name = "DIR",
        global = true,
        env = "ONEPIXEL_DATA_DIR",
        default_value = DATA_DIR
    )]
    data_dir: PathBuf,
    /// How log lines look
    #[arg(long, value_enum, global = true, env = "ONEPIXEL_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// One setting, as in the file; may be repeated
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE", global = true, value_parser = setting)]
    settings: Vec<(String, String)>,
    /// Log more: -v debug, -vv trace
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything in one process: gateway, stream, consumers, dashboard
    Serve(ServeArgs),
    /// Serve a temporary instance with made-up traffic, so that the dashboard moves at once
    Demo(demo::DemoArgs),
    /// Print what to paste where
    Snippet(snippet::SnippetArgs),
    /// Who may look at the dashboard
    #[command(subcommand)]
    Access(access::AccessCommand),
    /// Follow events as they become durable
    Tail(tail::TailArgs),
    /// Prove that every acknowledged event is archived, pending or dead-lettered
    Audit(audit::AuditArgs),
    /// What a sink refused, with its reason
    #[command(subcommand)]
    DeadLetter(dead_letter::DeadLetterCommand),
    /// Print the statements that make the archive a table in another engine
    Ddl(ddl::DdlArgs),
    /// Check or print the settings
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  onepixel serve
  onepixel serve --listen 0.0.0.0:80 --data-dir /var/lib/onepixel
  onepixel serve --set archive.batch_size=100 --set archive.batch_window=5s")]
pub(crate) struct ServeArgs {
    /// Address to listen on; port 0 picks a free one and prints it [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where the archive goes: a folder, file:///..., s3://bucket/prefix, gs://... or az://... [default: DATA_DIR/archive]
    #[arg(long, value_name = "URL")]
    archive: Option<String>,
}

/// Why a command ended without success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The check did not hold; what is wrong was printed already.
    CheckFailed,
    /// The work could not be done.
    Error(anyhow::Error),
    /// The configuration is wrong.
    Config(ConfigError),
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure
where
    E: NotConfig,
{
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// Everything but [`ConfigError`], which has an exit code of its own.
pub(crate) trait NotConfig {}
impl NotConfig for anyhow::Error {}
impl NotConfig for std::io::Error {}

impl Cli {
    /// Runs the command and says how it went.
    pub(crate) fn run(self) -> ExitCode {
        telemetry::init(self.global.log_format, self.global.verbose);
        let outcome = match self.command {
            Command::Serve(args) => serve::run(&self.global, &args),
            Command::Demo(args) => demo::run(&self.global, &args),
            Command::Snippet(args) => snippet::run(&self.global, &args),
            Command::Access(command) => access::run(&self.global, &command),
            Command::Tail(args) => tail::run(&self.global, &args),
            Command::Audit(args) => audit::run(&self.global, &args),
            Command::DeadLetter(command) => dead_letter::run(&self.global, command),
            Command::Ddl(args) => ddl::run(&self.global, &args),
            Command::Config(command) => config::run(&self.global, &command),
            Command::Completions { shell } => completions(shell).map_err(Failure::from),
        };
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(Failure::CheckFailed) => ExitCode::from(1),
            Err(Failure::Error(error)) if closed_pipe(&error) => ExitCode::SUCCESS,
            Err(Failure::Error(error)) => complain(&with_causes(&error), 1),
            Err(Failure::Config(error)) => complain(&error.to_string(), 2),
        }
    }
}

/// Into memory first: the generator panics where it cannot write.
fn completions(shell: clap_complete::Shell) -> std::io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "onepixel", &mut script);
    std::io::stdout().write_all(&script)
}

impl Global {
    /// Settings from all layers, `flags` being those of the subcommand.
    fn load(&self, flags: impl IntoIterator<Item = (String, String)>) -> Result<Loaded, ConfigError> {
        let flags = self.settings.iter().cloned().chain(flags).collect();
        Layers { file: self.config.clone(), flags }.load()
    }

    fn data_dir(&self) -> &Path {
        &self.data_dir
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if key.contains('.') => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("write it as section.key=value, such as gateway.rate=0".to_owned()),
    }
}

/// `--archive URL` as the setting it stands for.
fn archive_flag(url: &Option<String>) -> Option<(String, String)> {
    url.clone().map(|url| ("archive.url".to_owned(), url))
}

/// The error and its causes, each said once: many of our errors quote their cause.
pub(crate) fn with_causes(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// A reader such as `head` that has seen enough is not an error.
fn closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// The exit code tells it, too, when nobody reads stderr.
fn complain(message: &str, code: u8) -> ExitCode {
    writeln!(std::io::stderr().lock(), "onepixel: {message}").unwrap_or_default();
    ExitCode::from(code)
}
