//! `pods/NAME/log`.

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;

use super::query::Query;
use super::status::{self, Response};
use crate::sim::{Contents, Log};

/// Which lines, and how they are written.
#[derive(Debug)]
struct Options {
    tail: Option<usize>,
    since: Option<Timestamp>,
    limit: Option<usize>,
    timestamps: bool,
}

/// The log of a container of this pod, as it is now.
pub(super) fn answer(contents: &dyn Contents, pod: &Value, query: &Query, now: Timestamp) -> Response {
    let options = match options(query, now) {
        Ok(options) => options,
        Err(response) => return *response,
    };
    let container = match container(pod, query.text("container")) {
        Ok(container) => container,
        Err(message) => return status::bad_request(&message),
    };
    match log(contents, pod, container, query.flag("previous")) {
        Ok(log) => status::text(StatusCode::OK, write(&log, &options)),
        Err(message) => status::bad_request(&message),
    }
}

fn options(query: &Query, now: Timestamp) -> Result<Options, Box<Response>> {
    let number = |name: &str, least: i64| match query.number(name) {
        Err(message) => Err(Box::new(status::bad_request(&message))),
        Ok(Some(given)) if given < least => {
            let message = format!(
                "PodLogOptions is invalid: {name}: Invalid value: {given}: must be greater than or equal to {least}"
            );
            Err(Box::new(status::invalid(&message)))
        }
        Ok(given) => Ok(given.map(|given| usize::try_from(given).unwrap_or(usize::MAX))),
    };
    let (tail, seconds, limit) =
        (number("tailLines", 0)?, number("sinceSeconds", 1)?, number("limitBytes", 1)?);
    let time = query.text("sinceTime").map(str::parse::<Timestamp>).transpose();
    let time = time.map_err(|_| Box::new(status::bad_request("sinceTime is no time of RFC 3339")))?;
    if seconds.is_some() && time.is_some() {
        let message =
            "PodLogOptions is invalid: at most one of `sinceTime` or `sinceSeconds` may be specified";
        return Err(Box::new(status::invalid(message)));
    }
    let ago = seconds
        .map(|seconds| now.saturating_sub(Duration::from_secs(seconds as u64)).unwrap_or(Timestamp::MIN));
    Ok(Options { tail, since: ago.or(time), limit, timestamps: query.flag("timestamps") })
}

fn names<'a>(pod: &'a Value, list: &str) -> Vec<&'a str> {
    let containers = pod["spec"][list].as_array().map_or(&[][..], Vec::as_slice);
    containers.iter().filter_map(|container| container["name"].as_str()).collect()
}

/// The container that is meant, or why it is not known.
fn container<'a>(pod: &'a Value, named: Option<&str>) -> Result<&'a str, String> {
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let (regular, init) = (names(pod, "containers"), names(pod, "initContainers"));
    match (named, regular.as_slice()) {
        (None, [only]) => Ok(only),
        (None, several) => {
            let init = if init.is_empty() {
                String::new()
            } else {
                format!(" or one of the init containers: [{}]", init.join(" "))
            };
            let several = several.join(" ");
            Err(format!(
                "a container name must be specified for pod {pod_name}, choose one of: [{several}]{init}"
            ))
        }
        (Some(named), _) => {
            let ephemeral = names(pod, "ephemeralContainers");
            let found = regular.into_iter().chain(init).chain(ephemeral).find(|name| *name == named);
            found.ok_or_else(|| format!("container {named} is not valid for pod {pod_name}"))
        }
    }
}

/// The log, or why there is none.
fn log(contents: &dyn Contents, pod: &Value, container: &str, previous: bool) -> Result<Log, String> {
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    if pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty) {
        return Err(format!("pod {name} does not have a host assigned"));
    }
    let status = status_of(pod, container);
    let ended_before = status.is_some_and(|status| status["lastState"]["terminated"].is_object());
    let found = match contents.log(namespace, name, container, previous) {
        // Between back-offs nothing runs: the kubelet gives what the last instance wrote.
        None if !previous && ended_before => contents.log(namespace, name, container, true),
        found => found,
    };
    found.ok_or_else(|| {
        if previous {
            return format!("previous terminated container \"{container}\" in pod \"{name}\" not found");
        }
        let reason = status.and_then(|status| status["state"]["waiting"]["reason"].as_str());
        match reason {
            Some("ErrImagePull" | "ImagePullBackOff") => format!(
                "container \"{container}\" in pod \"{name}\" is waiting to start: trying and failing to pull image"
            ),
            reason => format!(
                "container \"{container}\" in pod \"{name}\" is waiting to start: {}",
                reason.unwrap_or("ContainerCreating")
            ),
        }
    })
}

fn status_of<'a>(pod: &'a Value, container: &str) -> Option<&'a Value> {
    let lists = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];
    let mut statuses = lists.iter().filter_map(|list| pod["status"][list].as_array()).flatten();
    statuses.find(|status| status["name"] == container)
}

/// The text. As the real one: the last lines first of all, and of these the first bytes, cut within a line and even
/// within a character.
fn write(log: &Log, options: &Options) -> Vec<u8> {
    let oldest = options.since.map_or(0, |since| first_since(log, since));
    let first = options.tail.map_or(oldest, |tail| oldest.max(log.len.saturating_sub(tail)));
    let limit = options.limit.unwrap_or(usize::MAX);
    let mut text = Vec::new();
    for index in first..log.len {
        if text.len() >= limit {
            break;
        }
        let line = (log.line)(index);
        if options.timestamps {
            text.extend_from_slice(format!("{:.9} ", line.at).as_bytes());
        }
        text.extend_from_slice(line.text.as_bytes());
        text.push(b'\n');
    }
    text.truncate(limit);
    text
}

/// The index of the first line that is not older; lines are in order of time.
fn first_since(log: &Log, since: Timestamp) -> usize {
    let (mut low, mut high) = (0, log.len);
    while low < high {
        let middle = low + (high - low) / 2;
        if (log.line)(middle).at < since {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
