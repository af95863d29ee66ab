//! Installing what the tests need and the machine does not have.
//!
//! Asks for packages by name through the machine's own clients: Debian's, npm's and Cargo's. The only part of these
//! commands that uses the network. Installs nothing that is already there, and nothing outside Cargo's target folder
//! except Debian packages.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::process::{program, run as run_program, succeeds};
use crate::workspace::{Workspace, read};

/// A program that is started, and the Debian packages that bring it.
pub(crate) struct DebianProgram {
    pub(crate) program: &'static str,
    pub(crate) packages: &'static [&'static str],
    pub(crate) purpose: &'static str,
}

const DEBIAN_PROGRAMS: [DebianProgram; 5] = [
    DebianProgram {
        program: "node",
        packages: &["nodejs"],
        purpose: "builds the dashboard and drives the browser",
    },
    DebianProgram {
        program: "npm",
        packages: &["npm"],
        purpose: "installs what builds the dashboard and drives the browser",
    },
    DebianProgram {
        program: "python3",
        packages: &["python3", "python3-venv"],
        purpose: "runs what asks the API everything it describes",
    },
    DebianProgram {
        program: "chromium",
        packages: &["chromium", "chromium-sandbox", "fonts-liberation"],
        purpose: "loads a page that carries the pixel",
    },
    DebianProgram { program: "wrk", packages: &["wrk"], purpose: "puts the server under load" },
];

/// The npm packages with their versions. Playwright drives the browser and brings none of its own: the newest that the
/// browser tests were written for. Kinesalite plays Kinesis, velocityjs renders API Gateway's mapping templates.
const NPM_PACKAGES: [(&str, &str); 3] =
    [("playwright-core", "1.61.0"), ("kinesalite", "3.3.3"), ("velocityjs", "2.1.6")];

/// Plays the S3 endpoint; features and version belong together.
const S3S_FS: (&str, &str, &str) = ("s3s-fs", "0.14.1", "binary");

/// The Python packages with their versions. Schemathesis asks the API everything that its description allows, and more;
/// ministack plays DynamoDB and S3; DuckDB reads the archive as Athena does.
const PYTHON_PACKAGES: [(&str, &str); 3] =
    [("schemathesis", "4.32.5"), ("ministack", "1.5.33"), ("duckdb", "2.0.0")];

/// The manifest of the workspace that simulates crashes.
pub(crate) const SIMULATION: &str = "sim/Cargo.toml";

/// The manifest of the workspace of what is fuzzed.
pub(crate) const FUZZING: &str = "fuzz/Cargo.toml";

/// Installs what is missing; true, or an error that says what to do.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<bool> {
    rust_components(workspace)?;
    debian_packages(&DEBIAN_PROGRAMS)?;
    npm_packages(workspace)?;
    web_packages(workspace)?;
    cargo_tool(workspace)?;
    python_packages(workspace)?;
    crate::terraform::install::install(workspace)?;
    for manifest in ["Cargo.toml", SIMULATION, FUZZING] {
        run_program(&mut workspace.cargo(&["fetch", "--locked", "--manifest-path", manifest]))
            .with_context(|| format!("cannot fetch the crates that {manifest} needs"))?;
    }
    Ok(true)
}

/// Where `run` put what is not on the `PATH` under a name of its own: the variables the whole-product tests look for.
pub(crate) fn environment(workspace: &Workspace) -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
    Ok(vec![
        ("XTASK_S3S_FS", workspace.tools().join("bin").join(S3S_FS.0)),
        ("XTASK_NODE_MODULES", workspace.npm().join("node_modules")),
        ("XTASK_SCHEMATHESIS", python(workspace).join("bin").join("schemathesis")),
        ("XTASK_PYTHON", python(workspace).join("bin").join("python")),
        ("XTASK_CHROMIUM", find("chromium").context("chromium is not on the PATH")?),
    ])
}

fn rust_components(workspace: &Workspace) -> anyhow::Result<()> {
    for component in ["fmt", "clippy"] {
        if !succeeds(&mut workspace.cargo(&[component, "--version"]))? {
            bail!("`cargo {component}` is missing; with rustup: `rustup component add rustfmt clippy`");
        }
    }
    Ok(())
}

/// Installs the packages of those programs that are missing.
pub(crate) fn debian_packages(programs: &[DebianProgram]) -> anyhow::Result<()> {
    let missing: Vec<&DebianProgram> =
        programs.iter().filter(|wanted| find(wanted.program).is_none()).collect();
    if missing.is_empty() {
        println!("{} programs from Debian: all there", programs.len());
        return Ok(());
    }
    for wanted in &missing {
        println!("missing: {} ({})", wanted.program, wanted.purpose);
    }
    let packages: Vec<&str> = missing.iter().flat_map(|wanted| wanted.packages).copied().collect();
    let advice = format!("install these packages yourself, then run this again: {}", packages.join(" "));
    apt_get(&["update", "--quiet"]).with_context(|| advice.clone())?;
    let mut arguments = vec!["install", "--quiet", "--yes", "--no-install-recommends"];
    arguments.extend(&packages);
    apt_get(&arguments).context(advice)
}

/// As root directly, otherwise through sudo, which may ask the person for a password.
fn apt_get(arguments: &[&str]) -> anyhow::Result<()> {
    if find("apt-get").is_none() {
        bail!("this machine has no apt-get");
    }
    let mut words = vec!["DEBIAN_FRONTEND=noninteractive", "apt-get"];
    words.extend(arguments);
    if is_root()? {
        return run_program(&mut program("env", &words));
    }
    if find("sudo").is_none() {
        bail!("apt-get needs root, and there is no sudo here");
    }
    words.insert(0, "env");
    run_program(&mut program("sudo", &words))
}

fn is_root() -> anyhow::Result<bool> {
    Ok(crate::process::output(&mut program("id", &["-u"]))?.trim() == "0")
}

/// All in one go, as npm removes what it was not told of.
fn npm_packages(workspace: &Workspace) -> anyhow::Result<()> {
    let folder = workspace.npm();
    let modules = folder.join("node_modules");
    let mut missing = Vec::new();
    for (name, version) in NPM_PACKAGES {
        let installed = installed_version(&modules.join(name).join("package.json"))?;
        missing.extend((installed.as_deref() != Some(version)).then_some(name));
    }
    if missing.is_empty() {
        println!("{} packages from npm: all there", NPM_PACKAGES.len());
        return Ok(());
    }
    println!("missing: {}", missing.join(", "));
    let folder = folder.to_str().context("the target folder's path is not UTF-8")?;
    let quiet = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts"];
    let mut npm = program("npm", &["install", "--prefix", folder]);
    npm.args(quiet).args(NPM_PACKAGES.map(|(name, version)| format!("{name}@{version}")));
    run_program(&mut npm).context("cannot install the npm packages")
}

/// Installs what builds and tests the dashboard, for its tests; the build itself then needs no network either, as it
/// installs from the cache that npm filled.
fn web_packages(workspace: &Workspace) -> anyhow::Result<()> {
    let (web, folder) = (workspace.root.join("web"), web_tests(workspace));
    // Written last, so that an installation that was interrupted is made again.
    let (lock, installed) = (web.join("package-lock.json"), folder.join("node_modules").join(".installed"));
    if installed.exists() && read(&installed)? == read(&lock)? {
        println!("packages of web/: already there");
        return Ok(());
    }
    std::fs::create_dir_all(&folder)?;
    for file in ["package.json", "package-lock.json", ".npmrc"] {
        if web.join(file).exists() {
            std::fs::copy(web.join(file), folder.join(file))?;
        }
    }
    let mut npm = program("npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]);
    run_program(npm.current_dir(&folder)).context("cannot install the packages of web/")?;
    std::fs::copy(lock, installed)?;
    Ok(())
}

/// Where the packages of `web/` are, and a copy of it is tested.
pub(crate) fn web_tests(workspace: &Workspace) -> PathBuf {
    workspace.npm().join("web")
}

/// An environment of its own, apart from the person's Python.
fn python(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("python")
}

fn python_packages(workspace: &Workspace) -> anyhow::Result<()> {
    let folder = python(workspace);
    let python = folder.join("bin").join("python").display().to_string();
    let wanted = PYTHON_PACKAGES.map(|(name, version)| format!("{name}=={version}"));
    if Path::new(&python).exists() && missing_of(&python, &wanted)?.is_empty() {
        println!("{} packages from Python: all there", wanted.len());
        return Ok(());
    }
    let folder = folder.to_str().context("the target folder's path is not UTF-8")?;
    run_program(&mut program("python3", &["-m", "venv", "--clear", folder])).context(
        "cannot make a Python environment; on Debian the package python3-venv brings what it needs",
    )?;
    let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run_program(program(&python, &quiet).args(&wanted))
        .with_context(|| format!("cannot install {}", wanted.join(", ")))
}

/// Which of these, each as `name==version`, the environment of this Python does not have.
fn missing_of(python: &str, wanted: &[String]) -> anyhow::Result<Vec<String>> {
    let list = "from importlib.metadata import distributions as all\n\
                print(*{f'{one.name}=={one.version}' for one in all()}, sep='\\n')";
    let installed = crate::process::output(&mut program(python, &["-c", list]))?;
    let missing = |wanted: &&String| !installed.lines().any(|line| line == *wanted);
    Ok(wanted.iter().filter(missing).cloned().collect())
}

fn installed_version(manifest: &Path) -> anyhow::Result<Option<String>> {
    if !manifest.exists() {
        return Ok(None);
    }
    let manifest: serde_json::Value = serde_json::from_slice(&read(manifest)?)?;
    Ok(manifest["version"].as_str().map(str::to_owned))
}

fn cargo_tool(workspace: &Workspace) -> anyhow::Result<()> {
    let (name, version, features) = S3S_FS;
    let tools = workspace.tools();
    let record = tools.join(".crates.toml");
    if record.exists() && String::from_utf8_lossy(&read(&record)?).contains(&format!("\"{name} {version} ("))
    {
        println!("{name} {version}: already there");
        return Ok(());
    }
    println!("building {name} {version}; this happens once and takes a minute or two");
    let mut install =
        workspace.cargo(&["install", name, "--version", version, "--features", features, "--locked"]);
    // Unoptimised: it is built more often than it works hard.
    install.arg("--debug").env("CARGO_PROFILE_DEV_DEBUG", "0");
    run_program(install.arg("--root").arg(tools)).with_context(|| format!("cannot install {name} {version}"))
}

/// The full path of a program on the `PATH`, or where Debian keeps daemons.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // Debian keeps daemons where an ordinary person's PATH does not look.
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_program_only_if_it_is_there() {
        assert!(find("sh").is_some_and(|path| path.is_absolute()));
        assert_eq!(find("no-such-program-here"), None);
    }

    #[test]
    fn finds_out_what_a_python_does_not_have() {
        let wanted = ["no-such-package-here==1.0".to_owned()];
        assert_eq!(missing_of("python3", &wanted).unwrap(), wanted);
    }

    #[test]
    fn reads_the_version_of_an_npm_package() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("package.json");
        assert_eq!(installed_version(&manifest).unwrap(), None);
        #[expect(clippy::disallowed_methods, reason = "the test makes the file it reads")]
        std::fs::write(&manifest, r#"{"name": "x", "version": "1.2.3"}"#).unwrap();
        assert_eq!(installed_version(&manifest).unwrap().as_deref(), Some("1.2.3"));
    }
}
