//! What `mcp-tap slo` does: reads service levels of one process or of a fleet, and shows them.
//!
//! [`http`] fetches, [`prometheus`] asks for recorded series, [`fleet`] makes a report of them, [`table`] writes it for
//! people. Not on the path of traffic: one short-lived client.

pub mod fleet;
pub mod http;
pub mod prometheus;
pub mod table;

use crate::slo::Report;
use crate::slo::report::{ObjectiveReport, State};

use http::{Answer, Client, Problem};

/// Which objectives are wanted; `None`: all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The label `namespace`; empty: those without.
    pub namespace: Option<String>,
    /// The label `mcp_server`.
    pub server: Option<String>,
    /// The name of the objective.
    pub slo: Option<String>,
}

impl Filter {
    /// Whether the objective is wanted.
    #[must_use]
    pub fn takes(&self, objective: &ObjectiveReport) -> bool {
        let is =
            |wanted: &Option<String>, given: &str| wanted.as_deref().is_none_or(|wanted| wanted == given);
        is(&self.namespace, objective.namespace.as_deref().unwrap_or_default())
            && is(&self.server, &objective.mcp_server)
            && is(&self.slo, &objective.slo)
    }
}

/// Reads the report of one process from its admin port.
///
/// # Errors
/// Nothing answers, or what answers is no report.
pub async fn of_process(client: &Client, filter: &Filter) -> Result<Report, Problem> {
    let answer = client.get("/slo").await?;
    let mut report = read_process(&answer)?;
    report.objectives.retain(|objective| filter.takes(objective));
    Ok(report)
}

fn read_process(answer: &Answer) -> Result<Report, Problem> {
    if answer.status == ::http::StatusCode::NOT_FOUND {
        return Err(answer.problem(
            "answered 404".to_owned(),
            "this is not the admin port of an mcp-tap that knows service levels: check --admin",
        ));
    }
    answer.json("is it the admin port of an mcp-tap? Check --admin")
}

/// Whether any objective asks for somebody's attention: it burns, nothing is left of its budget (also while it is idle),
/// or its numbers contradict each other.
#[must_use]
pub fn alarming(report: &Report) -> bool {
    report.objectives.iter().any(|objective| {
        !matches!(objective.state, State::Ok | State::Idle)
            || objective.budget.remaining.is_some_and(|remaining| remaining <= 0.0)
    })
}

#[cfg(test)]
mod tests;
