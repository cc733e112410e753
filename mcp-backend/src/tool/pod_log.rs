//! The log of one container of a pod, as both tools about logs read it.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use crate::cluster::{LOG_BYTES, LogQuery, ReadError, Reader};
use crate::report::{Truncated, clean, clip};

use super::{ErrorType, Name, Namespace, ToolError};

/// How often a log that is too large is asked for again.
const ATTEMPTS: usize = 6;

/// Which log.
pub(super) struct Which<'a> {
    pub(super) namespace: &'a Namespace,
    pub(super) pod: &'a Name,
    pub(super) container: Option<&'a Name>,
    pub(super) previous: bool,
    pub(super) tail_lines: u32,
    pub(super) since_seconds: Option<u32>,
}

/// A log, and whose it is.
pub(super) struct PodLog {
    /// The container that was read.
    pub(super) container: String,
    /// All of the pod, in its order.
    pub(super) containers: Vec<String>,
    /// How often this one was restarted.
    pub(super) restarts: i32,
    /// The lines, with the timestamps of the API.
    pub(super) text: Arc<String>,
    /// Said if fewer lines were read than were asked for, because they are too long.
    pub(super) truncated: Option<Truncated>,
}

/// Reads the log. Several containers and none named: that of the default container.
pub(super) async fn read(reader: &Reader, which: &Which<'_>) -> Result<PodLog, ToolError> {
    let pod: Arc<Pod> = reader.get(Some(which.namespace.as_str()), which.pod.as_str()).await?;
    let containers = containers(&pod);
    let container = match which.container {
        None => default_container(&pod, &containers),
        Some(wanted) if containers.iter().any(|name| name == wanted.as_str()) => wanted.as_str().to_owned(),
        Some(wanted) => {
            return Err(ToolError::new(
                ErrorType::NotFound,
                format!("pod \"{}\" has no container \"{}\"", which.pod.as_str(), wanted.as_str()),
                format!("it has {}", clip(&containers.join(", "), 500)),
            ));
        }
    };
    let query = LogQuery {
        namespace: which.namespace.as_str().to_owned(),
        pod: which.pod.as_str().to_owned(),
        container: Some(container.clone()),
        previous: which.previous,
        tail_lines: Some(which.tail_lines),
        since_seconds: which.since_seconds,
    };
    let status = status(&pod, &container);
    let (text, truncated) =
        newest(reader, query).await.map_err(|error| failure(error, which, &container, status))?;
    let restarts = status.map_or(0, |status| status.restart_count);
    Ok(PodLog { container, containers, restarts, text, truncated })
}

/// The newest lines. The API cuts what is too large at its end, where the newest lines are: then fewer are asked for.
pub(super) async fn newest(
    reader: &Reader,
    mut query: LogQuery,
) -> Result<(Arc<String>, Option<Truncated>), ReadError> {
    let asked = query.tail_lines.unwrap_or(1);
    let mut text = reader.log(&query).await?;
    for _ in 0..ATTEMPTS {
        let tail = query.tail_lines.unwrap_or(1);
        if text.len() < LOG_BYTES as usize || tail <= 1 {
            break;
        }
        // So many as would take three quarters if all were as long as those that came.
        let lines = u32::try_from(text.lines().count()).unwrap_or(tail);
        query.tail_lines = Some((lines / 4 * 3).clamp(1, tail / 2));
        text = reader.log(&query).await?;
    }
    let read = query.tail_lines.unwrap_or(1);
    let full = text.len() >= LOG_BYTES as usize;
    let truncated = (full || read < asked).then(|| Truncated {
        what: "tail_lines".to_owned(),
        shown: read.into(),
        total: asked.into(),
        hint: match full {
            true => "the lines are so long that the end of the last ones is missing: ask by since_seconds"
                .to_owned(),
            false => "the lines are too long to read more of them: the newest were read".to_owned(),
        },
    });
    Ok((text, truncated))
}

/// Names of all containers: first those that serve, then those before them, then those for debugging.
fn containers(pod: &Pod) -> Vec<String> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let main = spec.containers.iter().map(|container| &container.name);
    let init = spec.init_containers.iter().flatten().map(|container| &container.name);
    let debug = spec.ephemeral_containers.iter().flatten().map(|container| &container.name);
    main.chain(init).chain(debug).cloned().collect()
}

/// As `kubectl logs` chooses.
fn default_container(pod: &Pod, containers: &[String]) -> String {
    let annotations = pod.metadata.annotations.as_ref();
    let wanted = annotations.and_then(|all| all.get("kubectl.kubernetes.io/default-container"));
    let wanted = wanted.filter(|wanted| containers.contains(wanted));
    wanted.or_else(|| containers.first()).cloned().unwrap_or_default()
}

fn status<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    [&status.container_statuses, &status.init_container_statuses, &status.ephemeral_container_statuses]
        .into_iter()
        .flat_map(|statuses| statuses.iter().flatten())
        .find(|status| status.name == container)
}

/// The API answers 400 for a container that has no log.
fn failure(
    error: ReadError,
    which: &Which<'_>,
    container: &str,
    status: Option<&ContainerStatus>,
) -> ToolError {
    if !matches!(error.status, Some(400 | 404)) {
        return error.into();
    }
    if which.previous {
        return ToolError::new(
            ErrorType::NotFound,
            format!("container \"{container}\" has no previous instance with a log"),
            "ask with previous=false",
        );
    }
    let waiting = status.and_then(|status| status.state.as_ref()).and_then(|state| state.waiting.as_ref());
    let reason = waiting.and_then(|waiting| waiting.reason.as_deref()).unwrap_or("it has not started");
    ToolError::new(
        ErrorType::NotFound,
        format!("container \"{container}\" has no log yet ({})", clip(&clean(reason), 100)),
        "diagnose_pod tells why it does not start; after a crash try previous=true",
    )
}
