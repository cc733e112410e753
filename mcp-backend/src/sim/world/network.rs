//! Services, their endpoint slices as they follow from pods, and ingresses.

use serde_json::{Value, json};

use super::build::{Builder, DAY, time};
use super::pod::Pod;

/// A service.
pub(super) struct Service {
    pub(super) namespace: &'static str,
    pub(super) name: &'static str,
    /// Value of the label `app`.
    pub(super) app: &'static str,
    pub(super) port: u16,
    /// The named port of a container.
    pub(super) target: &'static str,
    /// `ClusterIP`, `None` (headless) or `LoadBalancer`.
    pub(super) kind: &'static str,
}

impl Builder {
    /// A service in front of the pods with this label `app`.
    pub(super) fn service(
        &mut self,
        namespace: &'static str,
        name: &'static str,
        app: &'static str,
        port: u16,
        target: &'static str,
        kind: &'static str,
    ) {
        self.plan.services.push(Service { namespace, name, app, port, target, kind });
    }

    pub(super) fn services(&self) -> Vec<Value> {
        self.plan.services.iter().map(|service| self.render_service(service)).collect()
    }

    fn render_service(&self, service: &Service) -> Value {
        let mut meta =
            self.meta("Service", service.namespace, service.name, self.about(120 * DAY, service.name));
        meta["labels"] = json!({"app": service.name});
        let ip = match service.kind {
            "None" => "None".to_owned(),
            _ => self.cluster_ip(service.namespace, service.name),
        };
        let kind = if service.kind == "None" { "ClusterIP" } else { service.kind };
        let mut status = json!({"loadBalancer": {}});
        if kind == "LoadBalancer" {
            status["loadBalancer"] = json!({"ingress": [{"ip": "203.0.113.10", "ipMode": "VIP"}]});
        }
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": meta,
            "spec": {
                "type": kind, "clusterIP": ip, "clusterIPs": [ip], "ipFamilies": ["IPv4"],
                "ipFamilyPolicy": "SingleStack", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
                "selector": {"app": service.app},
                "ports": [{
                    "name": service.target, "port": service.port, "targetPort": service.target, "protocol": "TCP",
                }],
            },
            "status": status,
        })
    }

    pub(super) fn slices(&self) -> Vec<Value> {
        self.plan.services.iter().map(|service| self.slice(service)).collect()
    }

    fn slice(&self, service: &Service) -> Value {
        let label = ("app".to_owned(), service.app.to_owned());
        let pods: Vec<&Pod> = self
            .plan
            .pods
            .iter()
            .filter(|pod| pod.namespace == service.namespace && !pod.over() && !pod.ip.is_empty())
            .filter(|pod| pod.all_labels().any(|has| *has == label))
            .collect();
        let name = format!("{}-{}", service.name, self.suffix(&format!("slice/{}", service.name)));
        let mut meta =
            self.meta("EndpointSlice", service.namespace, &name, self.about(120 * DAY, service.name));
        meta["generateName"] = json!(format!("{}-", service.name));
        meta["labels"] = json!({
            "kubernetes.io/service-name": service.name,
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        });
        let uid = self.uid("Service", service.namespace, service.name);
        meta["ownerReferences"] = json!([{
            "apiVersion": "v1", "kind": "Service", "name": service.name, "uid": uid,
            "controller": true, "blockOwnerDeletion": true,
        }]);
        if let Some(turned) = pods.iter().map(|pod| pod.turned).max() {
            meta["annotations"] = json!({"endpoints.kubernetes.io/last-change-trigger-time": time(turned)});
        }
        let port = pods.iter().find_map(|pod| named_port(pod, service.target));
        let ports = match port {
            Some(port) => json!([{"name": service.target, "port": port, "protocol": "TCP"}]),
            None => json!([]),
        };
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": meta,
            "addressType": "IPv4",
            "endpoints": pods.iter().map(|pod| endpoint(pod)).collect::<Vec<_>>(),
            "ports": ports,
        })
    }

    /// An ingress of the one class, for a host, to a service.
    pub(super) fn ingress(&mut self, namespace: &str, name: &str, host: &str, paths: &[(&str, &str, u16)]) {
        let meta = self.meta("Ingress", namespace, name, self.about(120 * DAY, name));
        let paths: Vec<Value> = paths
            .iter()
            .map(|(path, service, port)| {
                json!({
                    "path": path, "pathType": "Prefix",
                    "backend": {"service": {"name": service, "port": {"number": port}}},
                })
            })
            .collect();
        let object = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta,
            "spec": {
                "ingressClassName": "nginx",
                "rules": [{"host": host, "http": {"paths": paths}}],
                "tls": [{"hosts": [host], "secretName": format!("{name}-tls")}],
            },
            "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}},
        });
        self.put("/apis/networking.k8s.io/v1", "ingresses", object);
    }
}

fn endpoint(pod: &Pod) -> Value {
    let terminating = pod.deleted.is_some();
    json!({
        "addresses": [pod.ip],
        "conditions": {"ready": pod.ready() && !terminating, "serving": pod.ready(), "terminating": terminating},
        "nodeName": pod.node,
        "targetRef": {"kind": "Pod", "namespace": pod.namespace, "name": pod.name, "uid": pod.uid},
    })
}

/// The number of a port that a container of the pod names.
fn named_port(pod: &Pod, name: &str) -> Option<u64> {
    let ports = pod.template.containers.iter().flat_map(|container| container.ports());
    ports.into_iter().find(|port| port["name"] == name).and_then(|port| port["containerPort"].as_u64())
}
