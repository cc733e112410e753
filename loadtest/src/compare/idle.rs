//! Memory that an idle event stream costs a proxy.

use std::time::Duration;

use serde::Serialize;

use super::CompareError;
use super::target::Target;
use crate::clock;
use crate::load;

/// Between the last stream's head and the reading: what a proxy does after a head was sent is done by then.
const SETTLE: Duration = Duration::from_millis(500);

/// The memory of one target before and after.
#[derive(Debug, Clone, Serialize)]
pub struct IdleFigures {
    /// The target.
    pub name: String,
    /// Open streams.
    pub streams: usize,
    /// Resident memory before the first.
    pub before_kib: u64,
    /// Resident memory with all of them open.
    pub after_kib: u64,
    /// The difference per stream.
    pub kib_per_stream: f64,
    /// Streams opened per second, one after the other.
    pub opened_per_second: f64,
}

pub(crate) async fn measure(target: &Target, streams: usize) -> Result<IdleFigures, CompareError> {
    let idle = |source| CompareError::Idle { name: target.name.clone(), source };
    let resident = || match &target.processes {
        Some(processes) => processes
            .resident_kib()
            .map_err(|source| CompareError::Process { name: target.name.clone(), source }),
        None => Ok(0),
    };
    let before_kib = resident()?;
    let started = clock::now();
    let open = load::open_idle(&target.url, streams).await.map_err(idle)?;
    let opening = clock::now() - started;
    tokio::time::sleep(SETTLE).await;
    let after_kib = resident()?;
    let still_open = open.still_open();
    if still_open < streams {
        return Err(idle(std::io::Error::other(format!(
            "only {still_open} of {streams} streams stayed open"
        ))));
    }
    Ok(IdleFigures {
        name: target.name.clone(),
        streams,
        before_kib,
        after_kib,
        kib_per_stream: after_kib.saturating_sub(before_kib) as f64 / streams as f64,
        opened_per_second: streams as f64 / opening.as_secs_f64(),
    })
}
