//! The API of the simulated cluster: paths, selectors, pages, errors, latency.

use jiff::Timestamp;
use kube::client::Body;

use super::{Options, World};
use crate::clock::Clock;

pub(super) struct Cluster {
    options: Options,
    clock: Clock,
    started: Timestamp,
}

impl Cluster {
    pub(super) fn new(options: Options, clock: Clock) -> Self {
        let started = clock.now();
        Self { options, clock, started }
    }

    pub(super) async fn answer(&self, _request: &http::request::Parts) -> http::Response<Body> {
        let now = self.clock.now();
        let _world = World::at(self.options.seed, self.started, now);
        http::Response::new(Body::empty())
    }
}
