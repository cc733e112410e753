//! The API of the simulated cluster: paths, selectors, pages, errors, latency.

mod chance;
mod discovery;
mod list;
mod log;
mod page;
mod query;
mod route;
mod selector;
mod status;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use jiff::Timestamp;

use self::chance::{Chance, Purpose};
use self::page::Place;
use self::query::Query;
use self::route::{Resource, Route, route};
use self::status::Response;
use super::{Contents, Options};
use crate::clock::Clock;

/// Makes what the cluster holds: of the time it started, and the time it is, in its own time.
type Make = Box<dyn Fn(Timestamp, Timestamp) -> Arc<dyn Contents> + Send + Sync>;

pub(super) struct Cluster {
    options: Options,
    clock: Clock,
    started: Timestamp,
    make: Make,
    /// How many requests there were.
    turns: AtomicU64,
    /// What it held at the last moment that was asked for.
    latest: Mutex<Option<(u64, Arc<dyn Contents>)>>,
}

/// What the cluster holds at a moment.
struct Snapshot {
    /// In its own time.
    now: Timestamp,
    contents: Arc<dyn Contents>,
}

impl Cluster {
    pub(super) fn new(options: Options, clock: Clock, make: Make) -> Self {
        let started = clock.now();
        Self { options, clock, started, make, turns: AtomicU64::new(0), latest: Mutex::new(None) }
    }

    /// The number of a request.
    pub(super) fn turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) async fn answer(&self, turn: u64, request: &http::request::Parts) -> Response {
        let query = Query::parse(request.uri.query());
        let resource = match route(request.uri.path()) {
            _ if request.method != Method::GET => return status::method_not_allowed(),
            Route::Resource(resource) => resource,
            Route::Kinds(prefix) => return discovery::kinds(prefix),
            Route::Version => return discovery::version(),
            Route::CoreVersions => return discovery::core_versions(),
            Route::Groups => return discovery::groups(),
            Route::Health => return status::text(StatusCode::OK, "ok"),
            Route::UnknownResource => return status::no_such_resource(),
            Route::Unknown => return status::text(StatusCode::NOT_FOUND, "404 page not found\n"),
        };
        // What it holds when it is asked, however long the answer takes.
        let moment = self.moment();
        let chance = Chance::new(self.options.seed, turn);
        self.take_time(chance, &resource).await;
        if let Some(fault) = self.fault(chance, &resource, &query) {
            return fault;
        }
        self.serve(moment, &resource, &query)
    }

    /// Takes as long as a real API would, and longer if that was asked for.
    async fn take_time(&self, chance: Chance, resource: &Resource) {
        let faults = &self.options.faults;
        if faults.hang.iter().any(|target| resource.is(target)) {
            std::future::pending::<()>().await;
        }
        let mut time = Duration::ZERO;
        if self.options.latency {
            let median = match (resource.log, &resource.name) {
                (true, _) => 30,
                (false, Some(_)) => 4,
                (false, None) => 15,
            };
            time += chance.latency(Duration::from_millis(median));
        }
        if let Some((share, slow)) = faults.slow
            && chance.happens(Purpose::Slow, share)
        {
            time += slow;
        }
        if !time.is_zero() {
            tokio::time::sleep(time).await;
        }
    }

    /// What goes wrong with this request, if anything does.
    fn fault(&self, chance: Chance, resource: &Resource, query: &Query) -> Option<Response> {
        let faults = &self.options.faults;
        let verb = match &resource.name {
            Some(_) => "get",
            None if query.flag("watch") => "watch",
            None => "list",
        };
        let denied = resource.kind.is_none() || verb == "watch";
        if denied || faults.forbidden.iter().any(|target| resource.is(target)) {
            return Some(status::forbidden(resource, verb));
        }
        let forced = faults
            .forced
            .iter()
            .find(|forced| resource.is(&forced.target) && chance.happens(Purpose::Forced, forced.share));
        if let Some(forced) = forced {
            return Some(status::forced(forced.status, resource, verb));
        }
        chance.happens(Purpose::ApiError, faults.api_error).then(status::internal_error)
    }

    fn serve(&self, moment: u64, resource: &Resource, query: &Query) -> Response {
        let Some(kind) = resource.kind else { return status::no_such_resource() };
        let Some(name) = &resource.name else {
            let mut at = moment;
            let mut place = None;
            if let Some(token) = query.text("continue") {
                let list = list::identity(resource, query);
                let read = Place::read(token, &list, self.options.seed);
                let Some(read) = read.filter(|place| self.is_alive(place, moment)) else {
                    return status::expired();
                };
                at = read.moment;
                place = Some(read);
            }
            let snapshot = self.snapshot(at);
            let seed = self.options.seed;
            let request = list::Request { kind, resource, query, seed, moment: at, place };
            return list::answer(&request, &*snapshot.contents);
        };
        let snapshot = self.snapshot(moment);
        let found = snapshot.contents.objects(kind.prefix, kind.plural).iter().find(|object| {
            let metadata = &object["metadata"];
            metadata["name"] == name.as_str()
                && resource.namespace.as_deref().is_none_or(|namespace| metadata["namespace"] == namespace)
        });
        match found {
            None => status::not_found(resource),
            Some(pod) if resource.log => log::answer(&*snapshot.contents, pod, query, snapshot.now),
            Some(object) => status::json(StatusCode::OK, object.to_string().into_bytes()),
        }
    }

    /// Whether a list of that moment can still be continued.
    fn is_alive(&self, place: &Place, moment: u64) -> bool {
        let age = moment.checked_sub(place.moment);
        age.is_some_and(|age| age as f64 <= page::LIFE as f64 * self.options.speed.max(1.0))
    }

    /// Whole seconds since the start, in the time of the cluster.
    fn moment(&self) -> u64 {
        let passed = self.clock.now().duration_since(self.started).as_secs_f64();
        // A cast from a double stays within the bounds of the integer.
        (passed * self.options.speed).max(0.0) as u64
    }

    fn snapshot(&self, moment: u64) -> Snapshot {
        let now = self.started.saturating_add(Duration::from_secs(moment)).unwrap_or(Timestamp::MAX);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = latest.as_ref().filter(|(at, _)| *at == moment).map(|(_, contents)| Arc::clone(contents));
        let contents = kept.unwrap_or_else(|| {
            let made = (self.make)(self.started, now);
            *latest = Some((moment, Arc::clone(&made)));
            made
        });
        Snapshot { now, contents }
    }
}
