//! From the path of a request to what it asks for.

use crate::cluster::{KINDS, KindInfo};

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Objects, one object, or a log.
    Resource(Resource),
    /// The kinds of a group in a version: its prefix.
    Kinds(&'static str),
    /// `/version`.
    Version,
    /// `/api`.
    CoreVersions,
    /// `/apis`.
    Groups,
    /// `/livez` and its like.
    Health,
    /// A kind that the API does not have.
    UnknownResource,
    /// Nothing that an API server has.
    Unknown,
}

/// Objects, one object, or a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resource {
    /// The kind; `None`: it is there, but nobody here may read it.
    pub(super) kind: Option<&'static KindInfo>,
    /// As `apps`; empty for the core.
    pub(super) group: &'static str,
    /// As `pods`.
    pub(super) plural: &'static str,
    /// The namespace; `None` for all of them, or for a kind outside of them.
    pub(super) namespace: Option<String>,
    /// The object; `None` for a list.
    pub(super) name: Option<String>,
    /// Its log.
    pub(super) log: bool,
}

impl Resource {
    /// As `pods` or `deployments.apps`.
    pub(super) fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Whether a fault for this word is one for this request.
    pub(super) fn is(&self, target: &str) -> bool {
        let metrics = self.group == "metrics.k8s.io";
        match target {
            "metrics" => metrics,
            "log" => self.log,
            plural => !metrics && !self.log && plural == self.plural,
        }
    }
}

/// As `apps` of `/apis/apps/v1`.
pub(super) fn group(prefix: &'static str) -> &'static str {
    let named = prefix.strip_prefix("/apis/").and_then(|named| named.split_once('/'));
    named.map_or("", |(group, _)| group)
}

/// What this path asks for.
pub(super) fn route(path: &str) -> Route {
    let path = path.trim_end_matches('/');
    match path {
        "/version" => return Route::Version,
        "/api" => return Route::CoreVersions,
        "/apis" => return Route::Groups,
        "/livez" | "/readyz" | "/healthz" => return Route::Health,
        _ => {}
    }
    let mut prefixes = KINDS.iter().map(|kind| kind.prefix);
    let rest = prefixes.find_map(|prefix| {
        let rest = path.strip_prefix(prefix)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((prefix, rest))
    });
    let Some((prefix, rest)) = rest else {
        let known = path.starts_with("/api/") || path.starts_with("/apis/");
        return if known { Route::UnknownResource } else { Route::Unknown };
    };
    let segments: Vec<String> = rest.split('/').skip(1).map(super::query::decode_path).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    resource(prefix, &segments)
}

fn resource(prefix: &'static str, segments: &[&str]) -> Route {
    let (namespace, plural, rest) = match segments {
        [] => return Route::Kinds(prefix),
        ["namespaces", namespace, plural, rest @ ..] => (Some((*namespace).to_owned()), *plural, rest),
        [plural, rest @ ..] => (None, *plural, rest),
    };
    let (name, log) = match rest {
        [] => (None, false),
        [name] => (Some((*name).to_owned()), false),
        [name, "log"] if (prefix, plural) == ("/api/v1", "pods") => (Some((*name).to_owned()), true),
        _ => return Route::UnknownResource,
    };
    if (prefix, plural) == ("/api/v1", "secrets") {
        let group = group(prefix);
        return Route::Resource(Resource { kind: None, group, plural: "secrets", namespace, name, log });
    }
    let found = KINDS.iter().find(|kind| kind.prefix == prefix && kind.plural == plural);
    match found {
        // An object in a namespace has no path without it, and one outside of them none with one.
        Some(kind) if kind.namespaced && (namespace.is_some() || name.is_none()) => {
            let (kind, group, plural) = (Some(*kind), group(prefix), kind.plural);
            Route::Resource(Resource { kind, group, plural, namespace, name, log })
        }
        Some(kind) if !kind.namespaced && namespace.is_none() => {
            let (kind, group, plural) = (Some(*kind), group(prefix), kind.plural);
            Route::Resource(Resource { kind, group, plural, namespace: None, name, log })
        }
        _ => Route::UnknownResource,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_paths() {
        for kind in KINDS {
            for (namespace, name) in [(None, None), (Some("shop"), None), (Some("shop"), Some("web"))] {
                let path = kind.path(namespace) + &name.map(|name| format!("/{name}")).unwrap_or_default();
                let Route::Resource(found) = route(&path) else { panic!("{path}") };
                assert_eq!((found.kind, found.name.as_deref()), (Some(*kind), name), "{path}");
                assert_eq!(found.namespace.as_deref(), namespace.filter(|_| kind.namespaced), "{path}");
            }
        }
    }

    #[test]
    fn other_paths_are_told_apart() {
        for (path, expected) in [
            ("/version", Route::Version),
            ("/api", Route::CoreVersions),
            ("/apis/", Route::Groups),
            ("/livez", Route::Health),
            ("/api/v1", Route::Kinds("/api/v1")),
            ("/apis/apps/v1", Route::Kinds("/apis/apps/v1")),
            ("/apis/apps/v1beta1", Route::UnknownResource),
            ("/api/v1/podss", Route::UnknownResource),
            ("/api/v1/pods/web", Route::UnknownResource),
            ("/api/v1/namespaces/shop/nodes", Route::UnknownResource),
            ("/api/v1/namespaces/shop/pods/web/exec", Route::UnknownResource),
            ("/api/v1/namespaces/shop/services/web/log", Route::UnknownResource),
            ("/metrics", Route::Unknown),
            ("/", Route::Unknown),
        ] {
            assert_eq!(route(path), expected, "{path}");
        }
        for path in ["/api/v1/secrets", "/api/v1/namespaces/a/secrets", "/api/v1/namespaces/a/secrets/b"] {
            assert!(matches!(route(path), Route::Resource(Resource { kind: None, .. })), "{path}");
        }
    }

    #[test]
    fn faults_tell_pods_from_their_logs_and_their_metrics() {
        for (path, target) in [
            ("/api/v1/pods", "pods"),
            ("/api/v1/namespaces/a/pods/b/log", "log"),
            ("/apis/metrics.k8s.io/v1beta1/pods", "metrics"),
        ] {
            let Route::Resource(found) = route(path) else { panic!("{path}") };
            for word in ["pods", "log", "metrics"] {
                assert_eq!(found.is(word), word == target, "{path} {word}");
            }
        }
    }
}
