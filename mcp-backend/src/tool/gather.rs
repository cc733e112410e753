//! Reads what the rules about one pod look at.
//!
//! The pod comes first, since the rest follows from it: its uid chooses the events, its states choose the logs, its
//! specification names claims and configuration maps. All of that is read at once, each with a limit of its own; what
//! could not be read is told, and the rules that need it are skipped.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Node, PersistentVolumeClaim, Pod};

use crate::check::pod::references::{claim_names, config_map_names, event_uid};
use crate::check::pod::{ContainerLog, LogChoice, PodFacts, log_choices, owner_of_kind};
use crate::check::{Input, look};
use crate::cluster::{Kind, LogQuery, PodMetrics, Query, ReadError, ReadErrorKind, Reader};
use crate::log::parse_line;
use crate::report::Partial;

use super::{ErrorType, ToolError, pod_log};

/// How long each input may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most logs that are read of a pod.
const LOGS: usize = 4;

/// The last lines that are read of a log.
const LINES: u32 = 100;

/// Beyond so many names, the whole list of the namespace is the smaller question.
const NAMES: usize = 8;

/// What to read besides the pod.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) events: bool,
    pub(super) logs: bool,
    pub(super) deep: bool,
}

/// The facts, and what is missing among them.
pub(super) struct Gathered {
    pub(super) facts: PodFacts,
    pub(super) partial: Vec<Partial>,
}

/// Reads the pod and what is around it. Without the pod there is nothing to judge: that is an error.
pub(super) async fn pod_facts(
    reader: &Reader,
    namespace: &str,
    name: &str,
    wanted: Wanted,
    now: Timestamp,
) -> Result<Gathered, ToolError> {
    let pod = match tokio::time::timeout(PATIENCE, reader.get::<Pod>(Some(namespace), name)).await {
        Ok(pod) => pod?,
        Err(_) => {
            let failed = format!("pods \"{name}\" in namespace \"{namespace}\": {}", late());
            return Err(ToolError::new(ErrorType::Timeout, failed, "try again"));
        }
    };
    let place = Place { reader, namespace };
    let (events, logs, usage, node, claims, config_maps, job) = tokio::join!(
        limited(wanted.events.then(|| place.events(&pod))),
        place.logs(&pod, wanted.logs, now),
        limited((look::phase(&pod) == "Running").then(|| place.usage(name))),
        limited(look::node_name(&pod).map(|node| reader.get::<Node>(None, node))),
        limited(Some(place.named::<PersistentVolumeClaim>(claim_names(&pod)))),
        limited(Some(place.named::<ConfigMap>(config_map_names(&pod)))),
        limited(owner_of_kind(&pod, "Job").map(|job| reader.get::<Job>(Some(namespace), job))),
    );
    let mut missing = Missing(Vec::new());
    let facts = PodFacts {
        deep: wanted.deep,
        events: missing.or_note(Input::Events, events),
        logs: missing.logs(logs),
        usage: missing.or_note(Input::Usage, usage),
        node: missing.or_note(Input::Node, node),
        claims: missing.or_note(Input::Claims, claims),
        config_maps: missing.or_note(Input::ConfigMaps, config_maps),
        job: missing.or_note(Input::Related, job),
        ..PodFacts::of_pod(pod, now)
    };
    Ok(Gathered { facts, partial: missing.0 })
}

fn late() -> String {
    format!("no answer within {} s", PATIENCE.as_secs())
}

/// What came of reading something; `None`: it was not to be read.
type Outcome<T> = Option<Result<T, String>>;

/// Waits for the answer, if there is a question, but not for ever.
async fn limited<T>(question: Option<impl Future<Output = Result<T, ReadError>>>) -> Outcome<T> {
    Some(match tokio::time::timeout(PATIENCE, question?).await {
        Ok(answer) => answer.map_err(|error| error.message),
        Err(_) => Err(late()),
    })
}

/// What could not be read.
struct Missing(Vec<Partial>);

impl Missing {
    fn or_note<T>(&mut self, input: Input, outcome: Outcome<T>) -> Option<T> {
        match outcome? {
            Ok(value) => Some(value),
            Err(reason) => {
                self.0.push(input.missing(&reason));
                None
            }
        }
    }

    /// Some logs are better than none: all that failed are one note.
    fn logs(&mut self, outcomes: Option<Vec<Result<ContainerLog, String>>>) -> Option<Vec<ContainerLog>> {
        let mut logs = Vec::new();
        let mut reason = None;
        for outcome in outcomes? {
            match outcome {
                Ok(log) => logs.push(log),
                Err(message) => reason = reason.or(Some(message)),
            }
        }
        let failed = reason.is_some();
        if let Some(reason) = reason {
            self.or_note::<()>(Input::Logs, Some(Err(reason)));
        }
        (!failed || !logs.is_empty()).then_some(logs)
    }
}

/// Where the pod stands, and how to read there.
#[derive(Clone, Copy)]
struct Place<'a> {
    reader: &'a Reader,
    namespace: &'a str,
}

impl Place<'_> {
    /// The events about this very pod: one that was made anew keeps its name.
    async fn events(self, pod: &Pod) -> Result<Vec<Arc<Event>>, ReadError> {
        let name = look::name(&pod.metadata);
        let uid = event_uid(pod).unwrap_or_default();
        let fields = format!("involvedObject.name={name},involvedObject.uid={uid}");
        let query = Query { labels: None, fields: Some(fields) };
        Ok(self.reader.list::<Event>(Some(self.namespace), &query).await?.items)
    }

    /// What the pod uses. That nothing is known of it must not read as if the pod were not there.
    async fn usage(self, name: &str) -> Result<Arc<PodMetrics>, ReadError> {
        let found = self.reader.get::<PodMetrics>(Some(self.namespace), name).await;
        found.map_err(|error| error.of_metrics("pod"))
    }

    /// The objects of these names, as far as they are there.
    async fn named<K: Kind>(self, names: BTreeSet<String>) -> Result<Vec<Arc<K>>, ReadError> {
        if names.len() > NAMES {
            let listed = self.reader.list::<K>(Some(self.namespace), &Query::default()).await?;
            return match listed.complete {
                true => Ok(listed.items),
                // What is beyond the end of the list would count as missing.
                false => {
                    let message = format!("{} in namespace \"{}\": too many", K::INFO.plural, self.namespace);
                    Err(ReadError::new(ReadErrorKind::Api, message))
                }
            };
        }
        let reads = names.iter().map(|name| self.reader.get::<K>(Some(self.namespace), name));
        let mut found = Vec::new();
        for answer in join_all(reads).await {
            match answer {
                Ok(object) => found.push(object),
                Err(error) if error.kind == ReadErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    async fn logs(
        self,
        pod: &Pod,
        wanted: bool,
        now: Timestamp,
    ) -> Option<Vec<Result<ContainerLog, String>>> {
        if !wanted {
            return None;
        }
        let name = look::name(&pod.metadata);
        let reads = log_choices(pod, now, LOGS).into_iter().map(|choice| async move {
            let read = limited(Some(self.log(name, choice))).await;
            read.unwrap_or_else(|| Err(late()))
        });
        Some(join_all(reads).await)
    }

    /// The end of a log. The node may have removed what the previous instance wrote: then the present one is read.
    async fn log(self, pod: &str, choice: LogChoice) -> Result<ContainerLog, ReadError> {
        let query = |previous: bool| LogQuery {
            namespace: self.namespace.to_owned(),
            pod: pod.to_owned(),
            container: Some(choice.container.clone()),
            previous,
            tail_lines: Some(LINES),
            since_seconds: None,
        };
        let (mut previous, mut answer) =
            (choice.previous, pod_log::newest(self.reader, query(choice.previous)).await);
        let gone =
            |error: &ReadError| !matches!(error.kind, ReadErrorKind::Forbidden | ReadErrorKind::Timeout);
        if previous && answer.as_ref().is_err_and(gone) {
            previous = false;
            answer = pod_log::newest(self.reader, query(false)).await;
        }
        let (text, _) = answer?;
        let lines = text.lines().map(|line| parse_line(line).text.to_owned()).collect();
        Ok(ContainerLog { container: choice.container, previous, lines })
    }
}
