//! The simulated cluster: a tower service that answers the API of Kubernetes from memory, for `kube::Client`.

mod api;
mod world;

pub use world::{Log, LogLine, World};

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use kube::client::Body;
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

/// What goes wrong on purpose at the API.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// Share of requests that are answered 500.
    pub api_error: f64,
    /// Share of requests that take longer, and how long.
    pub slow: Option<(f64, Duration)>,
    /// Plurals of kinds, or `metrics`, that are answered 403.
    pub forbidden: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, speed: 1.0, latency: false, faults: Faults::default() }
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
        Self { cluster: Arc::new(api::Cluster::new(options, clock)) }
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
        let (parts, _) = request.into_parts();
        Box::pin(async move { Ok(cluster.answer(&parts).await) })
    }
}
