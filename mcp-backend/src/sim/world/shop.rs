//! The shop: most of what goes wrong.

use serde_json::json;

use super::build::{Builder, DAY, HOUR, MINUTE, after, before};
use super::events::{Subject, Times};
use super::job::Course;
use super::logs;
use super::nodes::{FULL, ONE, THREE, TWO};
use super::pod::{Ended, Pod, State, Status};
use super::template::{Container, Template, http_probe};

pub(super) fn fill(b: &mut Builder) {
    web(b);
    catalog(b);
    frontend(b);
    canary(b);
    recommender(b);
    cart(b);
    search(b);
    checkout(b);
    thumbnailer(b);
    import(b);
    b.ingress(
        "shop",
        "shop",
        "shop.example.com",
        &[("/", "frontend", 80), ("/api", "web", 80), ("/api/catalog", "catalog", 80)],
    );
}

/// Containers that serve HTTP on 8080, with probes, requests and limits.
pub(super) fn server(name: &'static str, image: &str, memory: u32) -> Container {
    Container::new(name, image, logs::HTTP)
        .port("http", 8080)
        .probes("http", "/ready", "/live")
        .resources((100, memory), (500, memory * 2))
}

/// Healthy, with twelve restarts of long ago.
fn web(b: &mut Builder) {
    let web = server("web", "shop/web:1.8.2", 256)
        .env("LOG_LEVEL", "info")
        .env("PAYMENT_TOKEN", "sk-live-PLANTED-SECRET-web")
        .env_secret("DB_PASSWORD", "shop-db", "password")
        .env_from("web-settings");
    let template = Template::new("web", web)
        .label("app.kubernetes.io/part-of", "shop")
        .annotation("example.com/deploy-token", "ghp-PLANTED-SECRET-web-annotation")
        .annotation("prometheus.io/scrape", "true");
    let pods = b.deployment("shop", "web", 40 * DAY, template, &[ONE, TWO]);
    let last = b.about(9 * DAY, "web-restart");
    let end = Ended { reason: "Error", code: 1, started: before(last, DAY), finished: last };
    if let Some(pod) = b.plan.pods[pods].first_mut() {
        pod.statuses = vec![Status::running(after(last, 2)).restarted(12, end)];
        pod.turned = after(last, 12);
    }
    b.service("shop", "web", "web", 80, "http", "ClusterIP");
    b.config_map(
        "shop",
        "web-settings",
        json!({
            "PAGE_SIZE": "24", "api_key": "sk-test-PLANTED-SECRET-web-settings",
        }),
    );
    b.autoscaler("shop", "web", (2, 6, 2), Ok(46));
    b.budget("shop", "web", 2);
}

/// Healthy pods behind a service that misspells their label.
fn catalog(b: &mut Builder) {
    let template = Template::new("catalog", server("catalog", "shop/catalog:3.1.0", 256));
    b.deployment("shop", "catalog", 12 * DAY, template, &[TWO, ONE]);
    b.service("shop", "catalog", "catlog", 80, "http", "ClusterIP");
}

fn frontend(b: &mut Builder) {
    let template = Template::new("frontend", server("frontend", "shop/frontend:2.40.3", 128));
    b.deployment("shop", "frontend", 6 * DAY, template, &[ONE, TWO]);
    b.service("shop", "frontend", "frontend", 80, "http", "ClusterIP");
    b.budget("shop", "frontend", 2);
}

/// Its tag does not exist.
fn canary(b: &mut Builder) {
    let canary = server("frontend", "shop/frontend:2.41.0-rc9", 128);
    let image = canary.image.clone();
    let template = Template::new("frontend-canary", canary);
    let pods = b.deployment("shop", "frontend-canary", 25 * MINUTE, template, &[ONE]);
    b.stuck();
    let pull = format!(
        "rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": failed to resolve reference \
         \"{image}\": {image}: not found"
    );
    let back_off = format!("Back-off pulling image \"{image}\"");
    for index in pods {
        let pod = &mut b.plan.pods[index];
        pod.never_started("ImagePullBackOff", format!("{back_off}: ErrImagePull: {pull}"));
        let subject = Subject::pod(pod, Some("frontend"));
        let first = after(pod.created, 2);
        let slow = b.every(first, 5 * MINUTE);
        let quick = b.every(after(first, 15), 13);
        b.warn(
            subject.clone(),
            "kubelet",
            "Failed",
            format!("Failed to pull image \"{image}\": {pull}"),
            slow,
        );
        b.warn(subject.clone(), "kubelet", "Failed", "Error: ErrImagePull", slow);
        b.warn(subject.clone(), "kubelet", "Failed", "Error: ImagePullBackOff", quick);
        b.note(subject, "kubelet", "BackOff", back_off.clone(), quick);
    }
}

/// Grows until it is killed for memory, every 18 minutes, so that no back-off is ever in force.
fn recommender(b: &mut Builder) {
    const LIFE: i64 = 18 * MINUTE;
    let container = server("recommender", "shop/recommender:0.9.4", 256).uses(80, 190);
    let template = Template::new("recommender", container.log(logs::GROWING));
    let pods = b.deployment("shop", "recommender", 2 * DAY, template, &[TWO]);
    b.service("shop", "recommender", "recommender", 80, "http", "ClusterIP");
    let first = b.ago(5 * MINUTE + (b.hash(&["recommender"]) % 240) as i64);
    let kills = b.every(first, LIFE);
    let node = b.subject("v1", "Node", "", TWO);
    b.warn(
        node,
        "kernel-monitor",
        "OOMKilling",
        "Memory cgroup out of memory: Killed process (recommender)",
        kills,
    );
    for pod in &mut b.plan.pods[pods] {
        let last = kills.last;
        let end = Ended { reason: "OOMKilled", code: 137, started: before(last, LIFE - 1), finished: last };
        pod.statuses = vec![Status::running(after(last, 1)).restarted(9 + kills.count, end)];
        pod.turned = after(last, 1);
    }
}

/// Runs but is not ready: its store was scaled to nothing.
fn cart(b: &mut Builder) {
    let container = server("cart", "shop/cart:4.2.7", 192).env("REDIS_ADDR", "redis.shop:6379");
    let template = Template::new("cart", container.log(logs::REFUSED));
    let pods = b.deployment("shop", "cart", 9 * DAY, template, &[ONE, TWO]);
    b.service("shop", "cart", "cart", 80, "http", "ClusterIP");
    let since = b.ago(26 * MINUTE);
    for index in pods {
        let pod = &mut b.plan.pods[index];
        pod.turned = after(since, 30);
        for status in &mut pod.statuses {
            status.ready = false;
        }
        let subject = Subject::pod(pod, Some("cart"));
        let failing = b.every(since, 10);
        b.warn(
            subject,
            "kubelet",
            "Unhealthy",
            "Readiness probe failed: HTTP probe failed with statuscode: 503",
            failing,
        );
    }
    let redis = Container::new("redis", "mirror/redis:7.4.1", logs::PLAIN)
        .port("redis", 6379)
        .with("readinessProbe", json!({"tcpSocket": {"port": "redis"}, "periodSeconds": 10}))
        .resources((100, 256), (500, 512));
    b.set("StatefulSet", "shop", "redis", 90 * DAY, Template::new("redis", redis), &[]);
    b.service("shop", "redis", "redis", 6379, "redis", "ClusterIP");
    let set = b.subject("apps/v1", "StatefulSet", "shop", "redis");
    let gone = "delete Pod redis-0 in StatefulSet redis successful";
    b.note(set, "statefulset-controller", "SuccessfulDelete", gone, Times::once(before(since, 5)));
}

/// Its start takes longer than the liveness probe has patience, which is longer than a back-off lasts.
fn search(b: &mut Builder) {
    const LIFE: i64 = 12 * MINUTE;
    let container = Container::new("search", "shop/search:5.0.1", logs::SLOW_START)
        .port("http", 9200)
        .with("livenessProbe", http_probe("http", "/health", 600, 30, 3))
        .resources((500, 1024), (1000, 2048));
    let pods = b.deployment("shop", "search", 3 * HOUR, Template::new("search", container), &[ONE]);
    b.service("shop", "search", "search", 9200, "http", "ClusterIP");
    let restarts = b.every(b.ago(2 * MINUTE + (b.hash(&["search"]) % 180) as i64), LIFE);
    let (killed, begun) = (before(restarts.last, 30), before(restarts.first, 3 * LIFE));
    for index in pods {
        let pod = &mut b.plan.pods[index];
        let end = Ended {
            reason: "Error",
            code: 137,
            started: before(restarts.last, LIFE - 2),
            finished: restarts.last,
        };
        pod.statuses = vec![Status::running(after(restarts.last, 2)).restarted(13 + restarts.count, end)];
        pod.turned = after(restarts.last, 2);
        let refused = format!(
            "Liveness probe failed: Get \"http://{}:9200/health\": dial tcp {}:9200: connect: connection refused",
            pod.ip, pod.ip
        );
        let subject = Subject::pod(pod, Some("search"));
        let kills = Times { first: begun, last: killed, count: 3 + restarts.count };
        let failures = Times { count: kills.count * 3, ..kills };
        b.warn(subject.clone(), "kubelet", "Unhealthy", refused, failures);
        let killing = "Container search failed liveness probe, will be restarted";
        b.note(subject, "kubelet", "Killing", killing, kills);
    }
}

/// A rollout that is past its deadline: three old pods serve, the one new pod does not get ready.
fn checkout(b: &mut Builder) {
    let old = server("checkout", "shop/checkout:2.3.1", 256);
    b.deployment("shop", "checkout", 20 * DAY, Template::new("checkout", old), &[ONE, TWO, ONE]);
    let new = server("checkout", "shop/checkout:2.4.0", 256);
    let template = Template::new("checkout", new.log(logs::MIGRATION_MISSING));
    let pods = b.revise(35 * MINUTE, template, &[TWO]);
    b.stuck();
    b.service("shop", "checkout", "checkout", 80, "http", "ClusterIP");
    b.budget("shop", "checkout", 3);
    for index in pods {
        let pod = &mut b.plan.pods[index];
        pod.turned = pod.created;
        pod.statuses = vec![Status::running(after(pod.created, 4)).not_ready()];
        let subject = Subject::pod(pod, Some("checkout"));
        let failing = b.every(after(b.plan.pods[index].created, 10), 10);
        b.warn(
            subject,
            "kubelet",
            "Unhealthy",
            "Readiness probe failed: HTTP probe failed with statuscode: 500",
            failing,
        );
    }
}

/// One pod was evicted from the full node; the one in its place runs elsewhere.
fn thumbnailer(b: &mut Builder) {
    let dedicated =
        json!([{"key": "dedicated", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"}]);
    let container = server("thumbnailer", "shop/thumbnailer:1.2.0", 512);
    let template = Template::new("thumbnailer", container).with("tolerations", dedicated);
    let pods = b.deployment("shop", "thumbnailer", 5 * DAY, template, &[TWO]);
    let Some(new) = b.plan.pods[pods].first_mut() else { return };
    let (at, begun) = (before(b.started, FULL), new.created);
    (new.created, new.turned) = (at, after(at, 15));
    new.statuses = vec![Status::running(after(at, 4))];
    let (template, owner, labels) = (new.template.clone(), new.owner.clone(), new.labels.clone());
    let set = owner.as_ref().map_or("thumbnailer", |owner| owner.name.as_str());
    let name = format!("{set}-{}", b.suffix("thumbnailer-evicted"));
    let mut old = Pod::healthy(b, "shop", name, &template, THREE, begun);
    let message = "The node was low on resource: ephemeral-storage. Threshold quantity: 10307921510, available: \
                   7948Mi. Container thumbnailer was using 41Gi, request is 0, has larger consumption of \
                   ephemeral-storage.";
    old.owner = owner;
    old.labels = labels;
    old.phase = "Failed";
    old.reason = Some(("Evicted", message.to_owned()));
    old.turned = before(at, 2);
    old.statuses.clear();
    let subject = Subject::pod(&old, None);
    b.warn(subject, "kubelet", "Evicted", message, Times::once(before(at, 3)));
    b.plan.pods.push(old);
}

/// A job whose first container waits for a host that is no more.
fn import(b: &mut Builder) {
    let wait = Container::new("wait-for-legacy", "mirror/busybox:1.37", logs::WAITING)
        .with("command", json!(["sh", "-c", "until nc -z legacy-db.internal 5432; do sleep 2; done"]))
        .resources((10, 16), (50, 32));
    let import = Container::new("import", "shop/import:0.7.0", logs::PLAIN).resources((200, 256), (500, 512));
    let template = Template::new("import", import).init(wait).restart("Never");
    let created = b.about(48 * MINUTE, "import");
    let pods = b.job("shop", "import", created, template, &[TWO], Course::Active);
    for pod in &mut b.plan.pods[pods] {
        pod.phase = "Pending";
        pod.turned = created;
        let running = State::Running(after(created, 3));
        pod.init = vec![Status { state: running, last: None, restarts: 0, ready: false }];
        pod.statuses = vec![Status::waiting("PodInitializing", "")];
    }
}
