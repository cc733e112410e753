//! What a wrapped server used: whoever runs it knows its process.

use std::sync::{Mutex, MutexGuard, PoisonError};

use compact_str::CompactString;

use super::names::{Metric, label};
use super::{Inner, Telemetry};

/// Tools whose usage waits for a label, at most.
const MOST: usize = 64;

/// What calls used of tools that have no label yet, as long as that may be on a page of the catalogue that was not read
/// (`backlog`): they are counted together with the calls.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<Vec<Used>>);

#[derive(Debug)]
struct Used {
    tool: CompactString,
    cpu: f64,
    resident: u64,
}

impl Waiting {
    fn all(&self) -> MutexGuard<'_, Vec<Used>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there was room.
    fn push(&self, tool: &str, cpu: f64, resident: u64) -> bool {
        let mut all = self.all();
        if let Some(used) = all.iter_mut().find(|used| used.tool == tool) {
            used.cpu += cpu;
            used.resident = resident;
            return true;
        }
        let room = all.len() < MOST;
        if room {
            all.push(Used { tool: tool.into(), cpu, resident });
        }
        room
    }
}

impl Telemetry {
    /// Calls of a tool used so many processor seconds more; the server has so many bytes resident.
    pub fn tool_used(&self, tool: &str, cpu: f64, resident: u64) {
        let inner = &self.0;
        let waits = inner.backlog.has_unread() && inner.metrics.tools.get(tool).is_none();
        if !waits || !inner.used.push(tool, cpu, resident) {
            inner.record_used(tool, cpu, resident);
        }
    }

    /// The server used so many processor seconds so far, and has so many bytes resident.
    pub fn server_used(&self, cpu: f64, resident: u64) {
        self.registry().float_counter(Metric::ServerCpu, &[]).raise_to(cpu);
        self.registry().gauge(Metric::ServerResident, &[]).set(resident as f64);
    }
}

impl Inner {
    fn record_used(&self, tool: &str, cpu: f64, resident: u64) {
        let (tools, registry) = (&self.metrics.tools, self.metrics.registry());
        let tool = tools.get(tool);
        let labels = [(label::TOOL, tool.as_ref().unwrap_or_else(|| tools.other()).name())];
        registry.float_counter(Metric::ComputeCpu, &labels).add(cpu);
        registry.gauge(Metric::ComputeResident, &labels).set(resident as f64);
    }

    /// Records what waited, now that the labels are known.
    pub(super) fn record_waiting_use(&self) {
        let all = std::mem::take(&mut *self.used.all());
        for Used { tool, cpu, resident } in all {
            self.record_used(&tool, cpu, resident);
        }
    }
}
