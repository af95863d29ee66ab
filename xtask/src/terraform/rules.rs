//! What must hold for a plan: what no schema knows, since it is about this project.
//!
//! Each rule gives findings. The strictest is the one about permissions: a function may do what its source calls, and nothing
//! else.

use std::collections::BTreeSet;

use serde_json::Value;

use super::FUNCTIONS;
use super::calls::Sources;
use super::plan::{Plan, Resource};
use crate::workspace::Workspace;

/// What Lambda does in a function's name.
const LOGS: [&str; 2] = ["logs:CreateLogStream", "logs:PutLogEvents"];
/// What it does in the name of one that reads the stream.
const READER: [&str; 6] = [
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
    "sqs:SendMessage",
];

/// Checks the plans against the source; true if there is no finding.
pub(super) fn check(workspace: &Workspace, plans: &[Plan]) -> anyhow::Result<bool> {
    let files = sources(workspace, "crates/aws/src/")?;
    let sources = Sources::new(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    let model = workspace.text("crates/event/src/model.rs")?.unwrap_or_default();
    let mut findings = Vec::new();
    let (there, missing): (Vec<&str>, Vec<&str>) = FUNCTIONS.iter().partition(|name| sources.has(name));
    findings.extend(missing.iter().map(|name| format!("crates/aws has no src/bin/{name}.rs")));
    for module in sources.unreached(&there)? {
        findings.push(format!("crates/aws, module {module}: calls AWS, and no function reaches it"));
    }
    for plan in plans {
        let mut found = stars(plan);
        found.extend(permissions(plan, &sources)?);
        found.extend(variables(plan, &sources)?);
        found.extend(watched(plan));
        found.extend(columns(plan, &fields(&model)));
        findings.extend(found.into_iter().map(|finding| format!("plan {}: {finding}", plan.name)));
    }
    for finding in &findings {
        println!("{finding}");
    }
    println!("{} plans, {} findings", plans.len(), findings.len());
    Ok(findings.is_empty())
}

/// The Rust files below a folder: path below it, and text.
fn sources(workspace: &Workspace, folder: &str) -> anyhow::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for file in workspace.files()? {
        if let Some(path) = file.strip_prefix(folder).filter(|path| path.ends_with(".rs")) {
            found.push((path.to_owned(), workspace.text(&file)?.unwrap_or_default()));
        }
    }
    Ok(found)
}

/// The statements of a policy, each as its effect, actions and resources.
fn statements(policy: &str) -> Vec<(String, Vec<String>, Vec<String>)> {
    let texts = |value: &Value| match value {
        Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        one => one.as_str().map(str::to_owned).into_iter().collect(),
    };
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let all = policy["Statement"].as_array().cloned().unwrap_or_default();
    all.iter()
        .map(|s| {
            (s["Effect"].as_str().unwrap_or_default().to_owned(), texts(&s["Action"]), texts(&s["Resource"]))
        })
        .collect()
}

/// No role may do anything to anything: no star stands in an action, and none stands for a whole resource.
fn stars(plan: &Plan) -> Vec<String> {
    let mut findings = Vec::new();
    for policy in plan.all("aws_iam_role_policy") {
        let all = statements(policy.text("policy"));
        if all.is_empty() {
            findings.push(format!("{}: its policy is not known before it is applied", policy.address()));
        }
        for (_, actions, resources) in all {
            let wide = |resource: &String| resource.split(':').nth(5).is_none_or(|name| name == "*");
            for action in actions.iter().filter(|action| action.contains('*')) {
                findings.push(format!("{}: {action} is no single action", policy.address()));
            }
            for resource in resources.iter().filter(|resource| wide(resource)) {
                findings.push(format!("{}: {resource} is no single resource", policy.address()));
            }
        }
    }
    findings
}

/// Each function with its short name: the last word of the whole one.
fn functions(plan: &Plan) -> impl Iterator<Item = (String, Resource<'_>)> {
    plan.all("aws_lambda_function").map(|function| {
        let name = function.text("function_name").rsplit('-').next().unwrap_or_default();
        (name.to_owned(), function)
    })
}

/// What a function's source calls it may do, and what it may do its source calls, or Lambda does for it.
fn permissions(plan: &Plan, sources: &Sources) -> anyhow::Result<Vec<String>> {
    let readers: BTreeSet<&str> = plan
        .all("aws_lambda_event_source_mapping")
        .filter_map(|source| source.text("function_name").rsplit(['-', ':']).next())
        .collect();
    let mut findings = Vec::new();
    for (name, function) in functions(plan).filter(|(name, _)| sources.has(name)) {
        let whole = function.text("function_name");
        let granted: BTreeSet<String> = plan
            .all("aws_iam_role_policy")
            .filter(|policy| policy.text("role") == whole)
            .flat_map(|policy| statements(policy.text("policy")))
            .filter(|(effect, _, _)| effect == "Allow")
            .flat_map(|(_, actions, _)| actions)
            .collect();
        let mut needed = sources.permissions(&name)?;
        needed.extend(LOGS.map(str::to_owned));
        if readers.contains(name.as_str()) {
            needed.extend(READER.map(str::to_owned));
        }
        findings.extend(differences(&name, &needed, &granted));
    }
    Ok(findings)
}

fn differences(name: &str, needed: &BTreeSet<String>, granted: &BTreeSet<String>) -> Vec<String> {
    let missing = needed.difference(granted).map(|action| format!("{name} calls {action} and may not"));
    let unused = granted.difference(needed).map(|action| format!("{name} may {action} and never calls it"));
    missing.chain(unused).collect()
}

/// Each function is told what it must be told, and nothing that it does not read.
fn variables(plan: &Plan, sources: &Sources) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for (name, function) in functions(plan).filter(|(name, _)| sources.has(name)) {
        let told: BTreeSet<String> = function.get("environment")[0]["variables"]
            .as_object()
            .map(|variables| variables.keys().cloned().collect())
            .unwrap_or_default();
        let (required, read) = sources.variables(&name)?;
        findings.extend(required.difference(&told).map(|variable| format!("{name} must be told {variable}")));
        findings.extend(told.difference(&read).map(|variable| format!("{name} never reads {variable}")));
    }
    Ok(findings)
}

/// Each function has its own log, which is deleted some day, and alarms for its errors and throttles.
fn watched(plan: &Plan) -> Vec<String> {
    let mut findings = Vec::new();
    let log = |name: &str| plan.all("aws_cloudwatch_log_group").find(|group| group.text("name") == name);
    let alarm = |name: &str, metric: &str| {
        plan.all("aws_cloudwatch_metric_alarm").any(|alarm| {
            alarm.text("metric_name") == metric && alarm.get("dimensions")["FunctionName"] == name
        })
    };
    for (_, function) in functions(plan) {
        let name = function.text("function_name");
        let kept =
            log(&format!("/aws/lambda/{name}")).and_then(|group| group.get("retention_in_days").as_u64());
        if kept.is_none_or(|days| days == 0) {
            findings.push(format!("{name} has no log that is deleted some day"));
        }
        for metric in ["Errors", "Throttles"] {
            if !alarm(name, metric) {
                findings.push(format!("{name} has no alarm for {metric}"));
            }
        }
    }
    for source in plan.all("aws_lambda_event_source_mapping") {
        let name = source.text("function_name").rsplit(':').next().unwrap_or_default();
        if !alarm(name, "IteratorAge") {
            findings.push(format!("{name} has no alarm for falling behind"));
        }
    }
    findings
}

/// The fields of an event, from its declaration.
fn fields(model: &str) -> BTreeSet<String> {
    let body = model.split("pub struct Event<'a> {").nth(1).and_then(|rest| rest.split("\n}").next());
    let lines = body.unwrap_or_default().lines().filter_map(|line| line.trim().strip_prefix("pub "));
    lines.filter_map(|line| line.split(':').next()).map(str::to_owned).collect()
}

/// The columns in Athena are the event's fields.
fn columns(plan: &Plan, fields: &BTreeSet<String>) -> Vec<String> {
    let mut findings = Vec::new();
    for table in plan.all("aws_glue_catalog_table") {
        let columns = table.get("storage_descriptor")[0]["columns"].as_array().cloned().unwrap_or_default();
        let columns: BTreeSet<String> =
            columns.iter().filter_map(|column| column["name"].as_str()).map(str::to_owned).collect();
        findings.extend(
            fields.difference(&columns).map(|name| format!("the archive's table lacks the field {name}")),
        );
        findings.extend(
            columns
                .difference(fields)
                .map(|name| format!("the archive's table has {name}, which no event has")),
        );
    }
    if findings.is_empty() && fields.is_empty() {
        findings.push("crates/event/src/model.rs: the fields of an event cannot be read".to_owned());
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(resources: &Value) -> Plan {
        Plan::of(
            "test",
            &json!({"planned_values": {"root_module": {"child_modules": [{"resources": resources}]}}}),
        )
    }

    fn policy(action: &str, resource: &str) -> Value {
        let policy = json!({"Statement": [{"Effect": "Allow", "Action": [action], "Resource": [resource]}]});
        json!({"type": "aws_iam_role_policy", "address": "p", "values": {"role": "x-live", "policy": policy.to_string()}})
    }

    #[test]
    fn a_star_is_found() {
        fn check(action: &str, resource: &str, findings: usize) {
            let found = stars(&plan(&json!([policy(action, resource)])));
            assert_eq!(found.len(), findings, "{found:?}");
        }
        check("s3:PutObject", "arn:aws:s3:::bucket/events/*", 0);
        check("s3:*", "arn:aws:s3:::bucket/events/*", 1);
        check("s3:PutObject", "*", 1);
        check("s3:Get*", "arn:aws:s3:::*", 2);
    }

    #[test]
    fn permissions_are_compared_both_ways() {
        let function = json!({"type": "aws_lambda_function", "values": {"function_name": "x-live"}});
        let sources = Sources::new([("bin/live.rs", "client.query();")]);
        let found = permissions(
            &plan(&json!([function, policy("dynamodb:Scan", "arn:aws:dynamodb:r:a:table/t")])),
            &sources,
        );
        let found = found.unwrap();
        assert!(found.contains(&"live calls dynamodb:Query and may not".to_owned()), "{found:?}");
        assert!(found.contains(&"live may dynamodb:Scan and never calls it".to_owned()), "{found:?}");
    }

    #[test]
    fn variables_are_compared_both_ways() {
        let function = json!({"type": "aws_lambda_function", "values": {
            "function_name": "x-live", "environment": [{"variables": {"ONEPIXEL_A": "", "ONEPIXEL_B": ""}}]}});
        let sources = Sources::new([("bin/live.rs", "get(\"ONEPIXEL_A\"); required(\"ONEPIXEL_C\")")]);
        let found = variables(&plan(&json!([function])), &sources).unwrap();
        assert_eq!(found, ["live must be told ONEPIXEL_C", "live never reads ONEPIXEL_B"]);
    }

    #[test]
    fn a_function_without_alarm_and_log_is_found() {
        let function = json!({"type": "aws_lambda_function", "values": {"function_name": "x-live"}});
        assert_eq!(watched(&plan(&json!([function]))).len(), 3);
    }

    #[test]
    fn columns_are_compared_both_ways() {
        let fields = fields(
            "pub struct Event<'a> {\n    /// An id.\n    pub id: EventId,\n    #[serde(borrow)]\n    pub site: Cow<'a, str>,\n}\npub struct Other { pub not: u8 }",
        );
        let table = json!({"type": "aws_glue_catalog_table", "values": {"storage_descriptor": [{"columns": [{"name": "id"}, {"name": "day"}]}]}});
        let found = columns(&plan(&json!([table])), &fields);
        assert_eq!(
            found,
            ["the archive's table lacks the field site", "the archive's table has day, which no event has"]
        );
    }
}
