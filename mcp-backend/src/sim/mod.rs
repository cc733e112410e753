//! The simulated cluster: a tower service that answers the API of Kubernetes from memory, for `kube::Client`.

mod api;
mod faults;
mod fixed;
mod world;

pub use faults::{Faults, FaultsError, Forced, STATUSES};
pub use fixed::Fixed;
pub use world::{Log, LogLine, World};

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use kube::client::Body;
use serde_json::Value;
use tower::{BoxError, Service};

use crate::clock::Clock;

/// How the simulated cluster behaves. Same options and same times of requests: same bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Names, ages and chances follow from it.
    pub seed: u64,
    /// How much faster than the clock its time runs.
    pub speed: f64,
    /// Whether answers take time as those of a real API do.
    pub latency: bool,
    /// What goes wrong on purpose.
    pub faults: Faults,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, speed: 1.0, latency: false, faults: Faults::default() }
    }
}

/// What a cluster holds at a moment.
pub trait Contents: Send + Sync {
    /// The objects of a kind, sorted by namespace and name; empty for a kind that it does not have.
    fn objects(&self, prefix: &str, plural: &str) -> &[Value];

    /// The log of a container; `None` if it never ran.
    fn log(&self, namespace: &str, pod: &str, container: &str, previous: bool) -> Option<Log>;
}

impl Contents for World {
    fn objects(&self, prefix: &str, plural: &str) -> &[Value] {
        self.objects(prefix, plural)
    }

    fn log(&self, namespace: &str, pod: &str, container: &str, previous: bool) -> Option<Log> {
        self.log(namespace, pod, container, previous)
    }
}

/// The simulated cluster; clones share it.
#[derive(Clone)]
pub struct Sim {
    cluster: Arc<api::Cluster>,
}

impl Sim {
    /// A cluster that starts now.
    pub fn new(options: Options, clock: Clock) -> Self {
        let seed = options.seed;
        let contents = move |started, now| Arc::new(World::at(seed, started, now)) as Arc<dyn Contents>;
        Self { cluster: Arc::new(api::Cluster::new(options, clock, Box::new(contents))) }
    }

    /// A cluster that holds these objects and does not change; for tests.
    pub fn holding(contents: Fixed, options: Options, clock: Clock) -> Self {
        let contents: Arc<dyn Contents> = Arc::new(contents);
        let contents = move |_, _| Arc::clone(&contents);
        Self { cluster: Arc::new(api::Cluster::new(options, clock, Box::new(contents))) }
    }

    /// A client of this cluster.
    pub fn client(&self) -> kube::Client {
        kube::Client::new(self.clone(), "default")
    }
}

impl Service<http::Request<Body>> for Sim {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<http::Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let cluster = Arc::clone(&self.cluster);
        // Counted here and not in the future: requests keep their order, whoever is polled first.
        let turn = cluster.turn();
        let (parts, _) = request.into_parts();
        Box::pin(async move { Ok(cluster.answer(turn, &parts).await) })
    }
}
