//! `cargo xtask terraform`: everything that can be known of the deployment to AWS without AWS.
//!
//! Works on a copy in Cargo's target folder, so that neither lock files nor plans reach the source tree. Against the schema
//! of AWS's provider and AWS's own models of its calls, served by a stand-in (`deploy/terraform/check`): it finds wrong names,
//! types, values and references, and plans whole policies. It does not find what only the provider or AWS know.

mod calls;
pub(crate) mod install;
mod plan;
mod rules;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::process::{program, run, succeeds, watch};
use crate::tally::Tally;
use crate::workspace::Workspace;
use install::{PROVIDER, write};
use plan::Plan;

/// The sources, relative to the root.
const SOURCES: &str = "deploy/terraform";
const MODULE: &str = "modules/onepixel";
const EXAMPLE: &str = "examples/complete";

/// The functions there are; `cargo xtask lambda` builds them.
pub(crate) const FUNCTIONS: [&str; 6] = ["ingest", "archive", "live", "firehose", "redrive", "dashboard"];

/// Any secret that is long enough.
const SECRET: &str = "not-a-secret-0123456789-0123456789";

/// What the rules look at: the example as it comes, and with everything else switched.
const PLANS: [(&str, &[&str]); 2] = [
    ("plain", &[]),
    (
        "other",
        &[
            "acknowledge=after",
            "archive={by=\"firehose\",cold_days=30,expire_days=400}",
            "stream={mode=\"PROVISIONED\",shards=4,retention_hours=8760}",
            "domain={name=\"stats.example.com\",dashboard_name=\"dash.example.com\",zone_id=\"Z00000000000000EXAMPLE\"}",
            "mail=me@example.com",
        ],
    ),
];

/// The copy that is worked on, and how Terraform is called there.
struct Checkout<'a> {
    workspace: &'a Workspace,
    tree: PathBuf,
    schema: PathBuf,
}

/// Checks everything; true if everything held. Installs what is missing first.
pub(crate) fn run_alone(workspace: &Workspace) -> anyhow::Result<bool> {
    install::install(workspace)?;
    let mut tally = Tally::default();
    let held = check(workspace, &mut tally)?;
    println!("{tally}");
    Ok(held)
}

/// Checks everything with what `install` installed, and counts the module's own tests; true if everything held.
fn check(workspace: &Workspace, tally: &mut Tally) -> anyhow::Result<bool> {
    let checkout = Checkout::new(workspace)?;
    // The scan takes as long as much of the rest, and needs nothing of it.
    let scan = checkout.scan().spawn().context("cannot start checkov")?;
    let mut held = checkout.formatted()?;
    checkout.initialised(EXAMPLE)?;
    checkout.initialised(MODULE)?;
    held &= succeeds(&mut checkout.terraform(EXAMPLE, &["validate", "-no-color"]))?;
    held &= checkout.obeys_the_rules()?;
    held &= checkout.passes_its_tests(tally)?;
    let scanned = scan.wait_with_output()?;
    print!("{}", String::from_utf8_lossy(&scanned.stdout));
    held &= scanned.status.success();
    Ok(held)
}

impl<'a> Checkout<'a> {
    fn new(workspace: &'a Workspace) -> anyhow::Result<Self> {
        let folder = install::folder(workspace);
        let tree = folder.join("tree");
        if tree.exists() {
            std::fs::remove_dir_all(&tree)?;
        }
        let mut sources = Vec::new();
        for file in workspace.files()? {
            let Some(inside) = file.strip_prefix(SOURCES).and_then(|file| file.strip_prefix('/')) else {
                continue;
            };
            let to = tree.join(inside);
            std::fs::create_dir_all(to.parent().unwrap_or(&tree))?;
            std::fs::copy(workspace.root.join(&file), to)?;
            if inside.ends_with(".tf") {
                sources.push(workspace.text(&file)?.unwrap_or_default());
            }
        }
        let schema = install::schema(workspace, &types(&sources))?;
        let checkout = Self { workspace, tree, schema };
        checkout.serve_the_stand_in(&folder)?;
        // Only that they are there matters here; what is in them is another command's.
        std::fs::create_dir_all(checkout.zips())?;
        for function in FUNCTIONS {
            write(&checkout.zips().join(format!("onepixel-{function}.zip")), "not a zip")?;
        }
        Ok(checkout)
    }

    /// Puts the stand-in where Terraform looks for the provider, and tells Terraform to look nowhere else.
    fn serve_the_stand_in(&self, folder: &Path) -> anyhow::Result<()> {
        let mirror = folder.join("mirror");
        let place = mirror.join("registry.terraform.io/hashicorp/aws").join(PROVIDER).join("linux_amd64");
        std::fs::create_dir_all(&place)?;
        let (python, script) = (install::python(self.workspace), self.tree.join("check/provider.py"));
        let starter = place.join(format!("terraform-provider-aws_v{PROVIDER}"));
        let line = format!("#!/bin/sh\nexec {python:?} -B {script:?} \"$@\"\n");
        // Only when it changes: a file that is being written cannot be started.
        if !starter.exists() || crate::workspace::read(&starter)? != line.as_bytes() {
            write(&starter, &line)?;
        }
        run(program("chmod", &["755"]).arg(&starter))?;
        let settings =
            format!("provider_installation {{\n  filesystem_mirror {{\n    path = {mirror:?}\n  }}\n}}\n");
        write(&self.settings(), &settings)
    }

    fn settings(&self) -> PathBuf {
        self.tree.join("terraform.rc")
    }

    fn zips(&self) -> PathBuf {
        self.tree.join("zips")
    }

    /// Terraform with these arguments, in a folder of the copy.
    fn terraform(&self, folder: &str, arguments: &[&str]) -> Command {
        let mut command = program(&install::python(self.workspace).display().to_string(), &["-B"]);
        command.arg(self.tree.join("check/terraform.py"));
        command.arg(format!("-chdir={}", self.tree.join(folder).display())).args(arguments);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TF_") {
                command.env_remove(name);
            }
        }
        command.env("TF_CLI_CONFIG_FILE", self.settings()).env("CHECKPOINT_DISABLE", "1");
        command.env("ONEPIXEL_SCHEMA", &self.schema).env("TF_VAR_sign_in", SECRET);
        command.env("TF_VAR_zips", self.zips());
        command
    }

    fn formatted(&self) -> anyhow::Result<bool> {
        let arguments = ["fmt", "-check", "-recursive", "-diff", "-no-color"];
        let ok = succeeds(&mut self.terraform(".", &arguments))?;
        if !ok {
            println!("fix: terraform fmt -recursive {SOURCES}");
        }
        Ok(ok)
    }

    fn initialised(&self, folder: &str) -> anyhow::Result<()> {
        let mut init = self.terraform(folder, &["init", "-no-color", "-input=false"]);
        // It praises itself at length.
        init.stdout(std::process::Stdio::null());
        run(&mut init).with_context(|| format!("{SOURCES}/{folder} cannot be initialised"))
    }

    /// Plans the example in each way, and looks at the plans.
    fn obeys_the_rules(&self) -> anyhow::Result<bool> {
        let mut plans = Vec::new();
        for (name, settings) in PLANS {
            let out = format!("-out={name}.plan");
            let mut command = self.terraform(EXAMPLE, &["plan", "-no-color", "-input=false", &out]);
            command.args(settings.iter().map(|setting| format!("-var={setting}")));
            command.stdout(std::process::Stdio::null());
            run(&mut command).with_context(|| format!("the example cannot be planned ({name})"))?;
            let shown = self.terraform(EXAMPLE, &["show", "-json", &format!("{name}.plan")]);
            plans.push(Plan::read(name, shown)?);
        }
        rules::check(self.workspace, &plans)
    }

    fn passes_its_tests(&self, tally: &mut Tally) -> anyhow::Result<bool> {
        let before = tally.passed + tally.failed;
        let mut command = self.terraform(MODULE, &["test", "-no-color"]);
        command.env("ONEPIXEL_RULES", "off");
        let ok = watch(&mut command, |line| tally.see(line))?;
        if tally.passed + tally.failed == before {
            bail!("`terraform test` told of no test");
        }
        Ok(ok)
    }

    /// The security scan. What it may pass over says why where it stands.
    fn scan(&self) -> Command {
        let mut scan = Command::new(install::checkov(self.workspace));
        scan.args(["--framework", "terraform", "--skip-download", "--quiet", "--compact", "--directory"]);
        scan.arg(&self.tree)
            .env("LOG_LEVEL", "ERROR")
            .env("ANSI_COLORS_DISABLED", "1")
            .stdout(std::process::Stdio::piped());
        scan
    }
}

/// The types of resources and data sources in these texts, as the schema's script wants them: sorted, each once.
fn types(sources: &[String]) -> Vec<String> {
    let mut types: Vec<String> = sources
        .iter()
        .flat_map(|text| text.lines())
        .filter_map(|line| {
            let (word, rest) = line.split_once(" \"")?;
            let kind = rest.split('"').next().filter(|kind| kind.starts_with("aws_"))?;
            match word {
                "resource" => Some(kind.to_owned()),
                "data" => Some(format!("data.{kind}")),
                _ => None,
            }
        })
        .collect();
    types.sort();
    types.dedup();
    types
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_types_of_a_module() {
        let text = "resource \"aws_b\" \"x\" {\n}\ndata \"aws_a\" \"y\" {}\nresource \"aws_b\" \"z\" {\n  resource = \"aws_c\"\n";
        assert_eq!(types(&[text.to_owned()]), ["aws_b", "data.aws_a"]);
    }
}
