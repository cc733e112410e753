//! What is said about this process with every span and metric.

use std::sync::LazyLock;

use super::SDK_VERSION;
use super::environment::Environment;
use crate::exchange::trace::Ids;

/// What the configuration knows about this process and its server. Empty texts are left out.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// The configured name of the server.
    pub name: String,
    /// Version of this proxy.
    pub version: String,
    /// Deployment environment.
    pub environment: String,
    /// Region.
    pub region: String,
}

/// The id of this process, the same for all signals.
static INSTANCE: LazyLock<String> = LazyLock::new(instance);

/// All attributes, each key once. What the user wrote wins over what we know.
pub(super) fn attributes(environment: &Environment, identity: &Identity) -> Vec<(String, String)> {
    let service_name = environment.service_name.as_deref();
    let given = |key: &str| environment.resource.iter().rev().find(|(given, _)| given == key);
    let name = service_name
        .or_else(|| given("service.name").map(|(_, name)| name.as_str()))
        .filter(|name| !name.is_empty())
        .or_else(|| Some(identity.name.as_str()).filter(|name| !name.is_empty()))
        .unwrap_or("mcp-tap");
    // Either name of the environment answers for both.
    let deployment = given("deployment.environment.name")
        .or_else(|| given("deployment.environment"))
        .map_or(identity.environment.as_str(), |(_, name)| name);
    let known = [
        ("service.version", identity.version.as_str()),
        ("service.instance.id", INSTANCE.as_str()),
        ("deployment.environment.name", deployment),
        ("deployment.environment", deployment),
        ("cloud.region", &identity.region),
        ("k8s.namespace.name", environment.namespace.as_deref().unwrap_or_default()),
        ("k8s.pod.name", environment.pod.as_deref().unwrap_or_default()),
        ("host.name", environment.host.as_deref().unwrap_or_default()),
        ("telemetry.sdk.name", "opentelemetry"),
        ("telemetry.sdk.language", "rust"),
        ("telemetry.sdk.version", SDK_VERSION),
    ];
    let mut attributes = vec![("service.name".to_owned(), name.to_owned())];
    let theirs = environment.resource.iter().rev().map(|(key, value)| (key.as_str(), value.as_str()));
    for (key, value) in theirs.chain(known) {
        if !value.is_empty() && !attributes.iter().any(|(taken, _)| taken == key) {
            attributes.push((key.to_owned(), value.to_owned()));
        }
    }
    attributes
}

/// A random UUID (version 4).
fn instance() -> String {
    let mut id = u128::from_be_bytes(Ids::Random.trace_id());
    id = id & !(0xf << 76) | 0x4 << 76;
    id = id & !(0x3 << 62) | 0x2 << 62;
    let digits = format!("{id:032x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_library_is_that_of_the_lock_file() {
        let lock = include_str!("../../../../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"opentelemetry_sdk\"\nversion = \"{SDK_VERSION}\"\n")));
    }

    #[test]
    fn instances_are_random_uuids() {
        let (one, other) = (instance(), instance());
        assert_ne!(one, other);
        let parts: Vec<_> = one.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert!(one[14..].starts_with('4') && one[19..].starts_with(['8', '9', 'a', 'b']), "{one}");
    }
}
