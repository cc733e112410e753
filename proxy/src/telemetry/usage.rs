//! What a wrapped server used: whoever runs it knows its process.

use super::Telemetry;
use super::names::{Metric, label};

impl Telemetry {
    /// Calls of a tool used so many processor seconds more; the server has so many bytes resident.
    pub fn tool_used(&self, tool: &str, cpu: f64, resident: u64) {
        let (tools, registry) = (&self.0.metrics.tools, self.registry());
        let tool = tools.get(tool);
        let labels = [(label::TOOL, tool.as_ref().unwrap_or_else(|| tools.other()).name())];
        registry.float_counter(Metric::ComputeCpu, &labels).add(cpu);
        registry.gauge(Metric::ComputeResident, &labels).set(resident as f64);
    }

    /// The server used so many processor seconds so far, and has so many bytes resident.
    pub fn server_used(&self, cpu: f64, resident: u64) {
        self.registry().float_counter(Metric::ServerCpu, &[]).raise_to(cpu);
        self.registry().gauge(Metric::ServerResident, &[]).set(resident as f64);
    }
}
