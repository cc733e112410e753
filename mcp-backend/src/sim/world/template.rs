//! Pod templates and their containers.

use serde_json::{Map, Value, json};

use super::logs::Profile;

/// The registry of every image.
const REGISTRY: &str = "registry.example.com";

/// What the pods of a workload are made from.
#[derive(Clone)]
pub(super) struct Template {
    pub(super) labels: Vec<(String, String)>,
    pub(super) annotations: Vec<(String, String)>,
    pub(super) init: Vec<Container>,
    pub(super) containers: Vec<Container>,
    pub(super) volumes: Vec<Value>,
    /// Further members of the pod's specification.
    pub(super) more: Map<String, Value>,
    pub(super) restart_policy: &'static str,
}

impl Template {
    pub(super) fn new(app: &str, container: Container) -> Self {
        Self {
            labels: vec![("app".to_owned(), app.to_owned())],
            annotations: Vec::new(),
            init: Vec::new(),
            containers: vec![container],
            volumes: Vec::new(),
            more: Map::new(),
            restart_policy: "Always",
        }
    }

    pub(super) fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.push((key.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.push((key.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn init(mut self, container: Container) -> Self {
        self.init.push(container);
        self
    }

    pub(super) fn container(mut self, container: Container) -> Self {
        self.containers.push(container);
        self
    }

    pub(super) fn volume(mut self, volume: Value) -> Self {
        self.volumes.push(volume);
        self
    }

    pub(super) fn with(mut self, member: &str, value: Value) -> Self {
        self.more.insert(member.to_owned(), value);
        self
    }

    pub(super) fn restart(mut self, policy: &'static str) -> Self {
        self.restart_policy = policy;
        self
    }

    pub(super) fn labels(&self) -> Value {
        map(&self.labels)
    }

    /// As in a workload: metadata and specification.
    pub(super) fn render(&self) -> Value {
        let mut meta = json!({"labels": self.labels()});
        if !self.annotations.is_empty() {
            meta["annotations"] = map(&self.annotations);
        }
        json!({"metadata": meta, "spec": self.spec()})
    }

    pub(super) fn spec(&self) -> Value {
        let specs = |containers: &[Container]| containers.iter().map(Container::render).collect::<Vec<_>>();
        let mut spec = json!({
            "containers": specs(&self.containers),
            "restartPolicy": self.restart_policy,
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default",
            "schedulerName": "default-scheduler",
            "securityContext": {"runAsNonRoot": true, "runAsUser": 10001},
        });
        if !self.init.is_empty() {
            spec["initContainers"] = json!(specs(&self.init));
        }
        if !self.volumes.is_empty() {
            spec["volumes"] = json!(self.volumes);
        }
        for (member, value) in &self.more {
            spec[member] = value.clone();
        }
        spec
    }

    /// As the API derives it from requests and limits.
    pub(super) fn qos(&self) -> &'static str {
        let all = || self.init.iter().chain(&self.containers);
        if all().all(|c| c.requests == (0, 0) && c.limits == (0, 0)) {
            "BestEffort"
        } else if all().all(|c| c.requests == c.limits && c.limits.0 > 0 && c.limits.1 > 0) {
            "Guaranteed"
        } else {
            "Burstable"
        }
    }
}

pub(super) fn map(pairs: &[(String, String)]) -> Value {
    pairs.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect::<Map<_, _>>().into()
}

/// A container of a template.
#[derive(Clone)]
pub(super) struct Container {
    pub(super) name: &'static str,
    pub(super) image: String,
    spec: Map<String, Value>,
    /// Thousandths of a processor, and MiB; 0: none.
    pub(super) requests: (u32, u32),
    pub(super) limits: (u32, u32),
    /// What it uses, about.
    pub(super) uses: (u32, u32),
    pub(super) log: Profile,
}

impl Container {
    /// With an image of the one registry, as `shop/web:1.8.2`.
    pub(super) fn new(name: &'static str, image: &str, log: Profile) -> Self {
        let image = format!("{REGISTRY}/{image}");
        let mut spec = Map::new();
        spec.insert("name".to_owned(), json!(name));
        spec.insert("image".to_owned(), json!(image));
        spec.insert("imagePullPolicy".to_owned(), json!("IfNotPresent"));
        spec.insert("terminationMessagePath".to_owned(), json!("/dev/termination-log"));
        spec.insert(
            "securityContext".to_owned(),
            json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}),
        );
        Self { name, image, spec, requests: (0, 0), limits: (0, 0), uses: (1, 8), log }
    }

    /// A member of the specification as it is.
    pub(super) fn with(mut self, member: &str, value: Value) -> Self {
        self.spec.insert(member.to_owned(), value);
        self
    }

    fn push(mut self, member: &str, value: Value) -> Self {
        let list = self.spec.entry(member).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(value);
        }
        self
    }

    pub(super) fn port(self, name: &str, port: u16) -> Self {
        self.push("ports", json!({"name": name, "containerPort": port, "protocol": "TCP"}))
    }

    pub(super) fn log(mut self, log: Profile) -> Self {
        self.log = log;
        self
    }

    pub(super) fn ports(&self) -> &[Value] {
        self.spec.get("ports").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub(super) fn env(self, name: &str, value: &str) -> Self {
        self.push("env", json!({"name": name, "value": value}))
    }

    pub(super) fn env_secret(self, name: &str, secret: &str, key: &str) -> Self {
        self.push("env", json!({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}))
    }

    pub(super) fn env_from(self, config_map: &str) -> Self {
        self.push("envFrom", json!({"configMapRef": {"name": config_map}}))
    }

    pub(super) fn mount(self, volume: &str, path: &str) -> Self {
        self.push("volumeMounts", json!({"name": volume, "mountPath": path}))
    }

    /// Probes over HTTP: readiness on one path, liveness, more patient, on another.
    pub(super) fn probes(self, port: &str, ready: &str, live: &str) -> Self {
        self.with("readinessProbe", http_probe(port, ready, 5, 10, 3))
            .with("livenessProbe", http_probe(port, live, 30, 15, 4))
    }

    /// Requests and limits, as thousandths of a processor and MiB.
    pub(super) fn resources(mut self, requests: (u32, u32), limits: (u32, u32)) -> Self {
        (self.requests, self.limits) = (requests, limits);
        let basis = if requests == (0, 0) { (100, 128) } else { requests };
        self.uses = (basis.0 * 45 / 100 + 1, basis.1 * 60 / 100 + 1);
        self
    }

    pub(super) fn uses(mut self, cpu: u32, memory: u32) -> Self {
        self.uses = (cpu, memory);
        self
    }

    fn render(&self) -> Value {
        let mut spec = self.spec.clone();
        let mut resources = json!({});
        if self.requests != (0, 0) {
            resources["requests"] = amounts(self.requests);
        }
        if self.limits != (0, 0) {
            resources["limits"] = amounts(self.limits);
        }
        spec.insert("resources".to_owned(), resources);
        spec.into()
    }
}

fn amounts((cpu, memory): (u32, u32)) -> Value {
    let mut amounts = json!({});
    if cpu > 0 {
        amounts["cpu"] = json!(cpu_text(cpu));
    }
    if memory > 0 {
        amounts["memory"] = json!(memory_text(memory));
    }
    amounts
}

/// In the spelling of Kubernetes: whole processors without a unit.
pub(super) fn cpu_text(milli: u32) -> String {
    if milli.is_multiple_of(1000) { (milli / 1000).to_string() } else { format!("{milli}m") }
}

/// Of MiB; whole GiB as such.
pub(super) fn memory_text(mebi: u32) -> String {
    if mebi.is_multiple_of(1024) { format!("{}Gi", mebi / 1024) } else { format!("{mebi}Mi") }
}

pub(super) fn http_probe(port: &str, path: &str, delay: u32, period: u32, failures: u32) -> Value {
    json!({
        "httpGet": {"path": path, "port": port, "scheme": "HTTP"},
        "initialDelaySeconds": delay,
        "periodSeconds": period,
        "timeoutSeconds": 2,
        "successThreshold": 1,
        "failureThreshold": failures,
    })
}
