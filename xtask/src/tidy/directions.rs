//! Who may depend on whom: the path of an event, and nothing points back up it.

use serde_json::Value;

use super::Finding;

/// Each member with the members it may name.
const MAY_DEPEND_ON: [(&str, &[&str]); 12] = [
    ("onepixel-event", &[]),
    ("onepixel-stream", &[]),
    ("onepixel-consumer", &["onepixel-stream"]),
    ("onepixel-archive", &["onepixel-consumer", "onepixel-event"]),
    ("onepixel-view", &["onepixel-event"]),
    ("onepixel-live", &["onepixel-consumer", "onepixel-event", "onepixel-view"]),
    ("onepixel-gateway", &["onepixel-stream", "onepixel-event"]),
    (
        "onepixel-dashboard",
        &["onepixel-consumer", "onepixel-event", "onepixel-gateway", "onepixel-stream", "onepixel-view"],
    ),
    (
        "onepixel-aws",
        &[
            "onepixel-archive",
            "onepixel-consumer",
            "onepixel-dashboard",
            "onepixel-event",
            "onepixel-gateway",
            "onepixel-stream",
            "onepixel-view",
        ],
    ),
    (
        "onepixel",
        &[
            "onepixel-archive",
            "onepixel-aws",
            "onepixel-consumer",
            "onepixel-dashboard",
            "onepixel-event",
            "onepixel-gateway",
            "onepixel-live",
            "onepixel-stream",
            "onepixel-view",
        ],
    ),
    (
        "onepixel-aws-tests",
        &[
            "onepixel-archive",
            "onepixel-aws",
            "onepixel-consumer",
            "onepixel-dashboard",
            "onepixel-event",
            "onepixel-gateway",
            "onepixel-live",
            "onepixel-stream",
            "onepixel-view",
        ],
    ),
    ("xtask", &[]),
];

/// Checks the dependencies of every member, those for tests included, in the output of `cargo metadata`.
pub(super) fn check(metadata: &Value) -> Vec<Finding> {
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let members = packages.iter().filter(|package| package["source"].is_null());
    let root = metadata["workspace_root"].as_str().unwrap_or_default();
    members.flat_map(|member| check_member(member, root)).collect()
}

fn check_member(package: &Value, root: &str) -> Vec<Finding> {
    let name = package["name"].as_str().unwrap_or_default();
    let manifest = manifest(package, root);
    let Some((_, allowed)) = MAY_DEPEND_ON.iter().find(|(member, _)| *member == name) else {
        let message = format!("{name} is a new member; say in `cargo xtask tidy` whom it may depend on");
        return vec![Finding::new(&manifest, 1, message)];
    };
    let dependencies = package["dependencies"].as_array().map_or(&[][..], Vec::as_slice);
    let members = dependencies.iter().filter(|dependency| dependency["path"].is_string());
    let names = members.filter_map(|dependency| dependency["name"].as_str());
    // A member that names itself only turns on a feature for its own tests.
    let wrong = names.filter(|dependency| *dependency != name && !allowed.contains(dependency));
    wrong
        .map(|dependency| {
            let message = format!("{name} must not depend on {dependency}; it may name {allowed:?} only");
            Finding::new(&manifest, 1, message)
        })
        .collect()
}

/// The member's manifest, relative to the root as findings are.
fn manifest(package: &Value, root: &str) -> String {
    let path = package["manifest_path"].as_str().unwrap_or_default();
    path.strip_prefix(root).unwrap_or(path).trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check_one(name: &str, dependencies: &[&str], expected: Option<&str>) {
        let dependency = |name: &&str| json!({ "name": name, "path": "somewhere" });
        let dependencies: Vec<Value> = dependencies.iter().map(dependency).collect();
        let metadata = json!({ "packages": [
            { "name": name, "source": null, "manifest_path": "root/m/Cargo.toml", "dependencies": dependencies },
            { "name": "serde", "source": "registry", "manifest_path": "s", "dependencies": [] },
        ], "workspace_root": "root" });
        let findings = check(&metadata);
        match expected {
            None => assert_eq!(findings, []),
            Some(part) => {
                assert!(findings.len() == 1 && findings[0].message.contains(part), "{findings:?}");
                assert_eq!(findings[0].file, "m/Cargo.toml");
            }
        }
    }

    #[test]
    fn down_the_path_is_allowed() {
        check_one("onepixel-consumer", &["onepixel-stream"], None);
        check_one("onepixel", &["onepixel-gateway", "onepixel-live"], None);
        check_one("onepixel-consumer", &["onepixel-consumer"], None);
    }

    #[test]
    fn up_the_path_is_not() {
        check_one(
            "onepixel-stream",
            &["onepixel-event"],
            Some("onepixel-stream must not depend on onepixel-event"),
        );
        check_one("onepixel-gateway", &["onepixel-live"], Some("must not depend on onepixel-live"));
        check_one("onepixel-consumer", &["onepixel-stream", "onepixel-event"], Some("onepixel-event"));
    }

    #[test]
    fn a_new_member_has_to_be_placed() {
        check_one("onepixel-relay", &[], Some("new member"));
    }

    #[test]
    fn crates_from_elsewhere_are_free() {
        let metadata = json!({ "packages": [{ "name": "onepixel-event", "source": null, "manifest_path": "m",
            "dependencies": [{ "name": "serde", "path": null }] }]});
        assert_eq!(check(&metadata), []);
    }
}
