//! The manifests of `deploy/kubernetes/mcp-backend`: valid, restricted, and no right more than what is read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Service, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use mcp_backend::cluster::KINDS;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes/mcp-backend")
}

fn read<T: DeserializeOwned>(file: &str) -> T {
    let text = std::fs::read_to_string(folder().join(file)).expect(file);
    let value: Value = serde_saphyr::from_str(&text).expect(file);
    serde_json::from_value(value).expect(file)
}

/// The manifests that the kustomization names.
fn resources() -> Vec<String> {
    let kustomization: Value = read("kustomization.yaml");
    serde_json::from_value(kustomization["resources"].clone()).expect("a list of files")
}

#[test]
fn the_role_allows_to_get_and_list_what_is_read_and_nothing_else() {
    let mut expected = BTreeMap::new();
    for kind in KINDS {
        let group = kind.prefix.strip_prefix("/apis/").and_then(|named| named.split_once('/'));
        let group = group.map_or("", |(group, _)| group);
        expected.insert((group.to_owned(), kind.plural.to_owned()), BTreeSet::from(["get", "list"]));
    }
    expected.insert((String::new(), "pods/log".to_owned()), BTreeSet::from(["get"]));

    let role: ClusterRole = read("clusterrole.yaml");
    let rules = role.rules.expect("rules");
    let mut allowed = BTreeMap::new();
    for rule in &rules {
        assert_eq!((&rule.non_resource_urls, &rule.resource_names), (&None, &None));
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                let verbs: BTreeSet<&str> = rule.verbs.iter().map(String::as_str).collect();
                let twice = allowed.insert((group.clone(), resource.clone()), verbs);
                assert_eq!(twice, None, "{group} {resource} stands there twice");
            }
        }
    }
    assert_eq!(allowed, expected);
    assert!(!allowed.keys().any(|(group, resource)| group.contains('*') || resource.contains("secret")));
    assert_eq!(role.aggregation_rule, None);
}

#[test]
fn the_parts_fit_together() {
    let namespace: Namespace = read("namespace.yaml");
    let account: ServiceAccount = read("serviceaccount.yaml");
    let role: ClusterRole = read("clusterrole.yaml");
    let binding: ClusterRoleBinding = read("clusterrolebinding.yaml");
    let deployment: Deployment = read("deployment.yaml");
    let service: Service = read("service.yaml");

    let spaces = [&account.metadata, &deployment.metadata, &service.metadata];
    assert!(spaces.iter().all(|metadata| metadata.namespace == namespace.metadata.name));
    let subject = &binding.subjects.as_deref().expect("subjects")[0];
    assert_eq!(
        (Some(&subject.name), &subject.namespace),
        (account.metadata.name.as_ref(), &account.metadata.namespace)
    );
    assert_eq!(
        (binding.role_ref.kind.as_str(), Some(&binding.role_ref.name)),
        ("ClusterRole", role.metadata.name.as_ref())
    );

    let spec = deployment.spec.expect("a spec");
    let labels = spec.template.metadata.expect("metadata").labels;
    assert_eq!(spec.selector.match_labels, labels);
    let service = service.spec.expect("a spec");
    assert_eq!(service.selector, labels);
    let pod = spec.template.spec.expect("a spec");
    assert_eq!(pod.service_account_name, account.metadata.name);
    let ports: BTreeSet<_> = pod.containers[0]
        .ports
        .iter()
        .flatten()
        .map(|port| (port.name.clone(), port.container_port))
        .collect();
    let offered: BTreeSet<_> =
        service.ports.iter().flatten().map(|port| (port.name.clone(), port.port)).collect();
    assert_eq!(ports, offered);

    let listed: BTreeSet<String> = resources().into_iter().collect();
    let files = std::fs::read_dir(folder()).expect("a folder").map(|file| file.expect("a file").file_name());
    let files = files.map(|name| name.into_string().expect("a name")).filter(|name| name.ends_with(".yaml"));
    assert_eq!(files.filter(|name| name != "kustomization.yaml").collect::<BTreeSet<_>>(), listed);
}

#[test]
fn the_pod_keeps_to_the_restricted_standard() {
    let namespace: Namespace = read("namespace.yaml");
    let labels = namespace.metadata.labels.expect("labels");
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "restricted");
    let deployment: Deployment = read("deployment.yaml");
    let pod = deployment.spec.and_then(|spec| spec.template.spec).expect("a pod");
    let all = pod.security_context.expect("a context");
    assert_eq!(all.run_as_non_root, Some(true));
    assert_eq!(all.seccomp_profile.expect("a profile").type_, "RuntimeDefault");
    assert_eq!((pod.host_network, pod.host_pid, pod.host_ipc, pod.volumes), (None, None, None, None));
    assert_eq!(pod.containers.len(), 1, "mcp-backend alone");
    for container in pod.containers {
        let own = container.security_context.expect("a context");
        assert_eq!((own.allow_privilege_escalation, own.privileged), (Some(false), None));
        assert_eq!(own.read_only_root_filesystem, Some(true));
        assert_eq!(own.capabilities.and_then(|sets| sets.drop), Some(vec!["ALL".to_owned()]));
        let resources = container.resources.expect("resources");
        assert!(resources.limits.is_some_and(|limits| limits.contains_key("memory")));
        assert!(resources.requests.is_some_and(|requests| requests.contains_key("cpu")));
        assert!(container.readiness_probe.is_some() && container.liveness_probe.is_some());
        assert!(!container.image.expect("an image").ends_with(":latest"));
    }
}

#[test]
fn the_manifests_are_valid_for_the_oldest_and_the_newest_kubernetes() {
    let broken = tempfile::tempdir().expect("a folder");
    let deployment = std::fs::read_to_string(folder().join("deployment.yaml")).expect("it is there");
    let misspelt = broken.path().join("deployment.yaml");
    std::fs::write(&misspelt, deployment.replace("runAsNonRoot:", "runAsNonroot:")).expect("written");
    for version in ["1.33", "1.37"] {
        for file in resources() {
            let (valid, words) = validate(version, &folder().join(&file));
            assert!(valid, "{file} for {version}: {words}");
        }
        let (valid, words) = validate(version, &misspelt);
        assert!(!valid && words.contains("runAsNonroot"), "the validator lets a misspelt key pass: {words}");
    }
}

/// What kubernetes-validate says of a file.
fn validate(version: &str, file: &Path) -> (bool, String) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.parts/venv/bin/kubernetes-validate");
    assert!(
        program.is_file(),
        "kubernetes-validate, one of the third-party parts of the tests, is missing: run `make parts`"
    );
    let mut command = Command::new(program);
    let output = command.args(["--strict", "-k", version]).arg(file).output().expect("it runs");
    let words = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&words).into_owned())
}
