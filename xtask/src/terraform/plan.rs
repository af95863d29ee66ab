//! A plan of Terraform's, as JSON: what would be made, with the values that are known before.

use std::process::Command;

use anyhow::Context;
use serde_json::Value;

use crate::process::output;

/// One plan.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Which one, for messages.
    pub(crate) name: &'static str,
    resources: Vec<Value>,
}

/// One resource of a plan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resource<'a> {
    value: &'a Value,
}

impl Plan {
    /// Runs `terraform show -json`.
    pub(crate) fn read(name: &'static str, mut show: Command) -> anyhow::Result<Self> {
        let plan: Value = serde_json::from_str(&output(&mut show)?).context("a plan is not JSON")?;
        Ok(Self::of(name, &plan))
    }

    pub(super) fn of(name: &'static str, plan: &Value) -> Self {
        let mut resources = Vec::new();
        gather(&plan["planned_values"]["root_module"], &mut resources);
        Self { name, resources }
    }

    /// The resources of a type.
    pub(crate) fn all<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = Resource<'a>> {
        self.resources.iter().filter(move |value| value["type"] == kind).map(|value| Resource { value })
    }
}

impl<'a> Resource<'a> {
    /// Where it stands in the configuration.
    pub(crate) fn address(self) -> &'a str {
        self.value["address"].as_str().unwrap_or_default()
    }

    /// The value of an argument; null when it is not known.
    pub(crate) fn get(self, argument: &str) -> &'a Value {
        &self.value["values"][argument]
    }

    /// The same of a text; empty when it is not known.
    pub(crate) fn text(self, argument: &str) -> &'a str {
        self.get(argument).as_str().unwrap_or_default()
    }
}

fn gather(module: &Value, into: &mut Vec<Value>) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    into.extend(list(&module["resources"]));
    for child in list(&module["child_modules"]) {
        gather(&child, into);
    }
}
