//! What mcp-tap's metrics say, in the shape of the table.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Serialize;

use super::levels::Level;
use super::scrape::Scrape;

/// Rates are those of this much time.
const WINDOW: Duration = Duration::from_secs(10);
/// Most pages in the window.
const PAGES: usize = 64;
/// Tools without a label of their own.
const OTHER: &str = "_other";

const REQUESTS: &str = "mcp_tool_requests_total";
const RESPONSE_TIME: &str = "tool_response_time_seconds";
const FAULTS: &str = "mcp_proxy_faults_total";
const REPEATED: &str = "mcp_proxy_repeated_calls_total";

/// One tool.
#[derive(Debug, Clone, Default, Serialize, PartialEq)]
pub(super) struct Row {
    /// Its name.
    pub(super) tool: String,
    /// Calls per second of late.
    pub(super) rate: f64,
    /// Calls that ended.
    pub(super) calls: u64,
    /// Quantiles of the last five minutes in seconds; none without an answer.
    pub(super) p50: Option<f64>,
    pub(super) p95: Option<f64>,
    pub(super) p99: Option<f64>,
    /// Failures by the party at fault.
    pub(super) faults: BTreeMap<String, u64>,
    /// Mean of the context tokens of a result.
    pub(super) tokens: Option<f64>,
    /// Calls that repeated an earlier one.
    pub(super) repeated: u64,
}

impl Row {
    /// Failures that this party is to blame for.
    pub(super) fn fault(&self, party: &str) -> u64 {
        self.faults.get(party).copied().unwrap_or(0)
    }

    /// Failures that are nobody's of these.
    pub(super) fn faults_but(&self, parties: &[&str]) -> u64 {
        let others = self.faults.iter().filter(|(party, _)| !parties.contains(&party.as_str()));
        others.map(|(_, count)| count).sum()
    }
}

/// Everything that is shown.
#[derive(Debug, Clone, Default, Serialize, PartialEq)]
pub(super) struct Figures {
    /// The tools, most called first, those without a name of their own last.
    pub(super) tools: Vec<Row>,
    /// All of them together; it has no quantiles, because these cannot be added.
    pub(super) total: Row,
    /// Calls by client, most first.
    pub(super) clients: Vec<(String, u64)>,
    /// Tools of the catalogue, and what it costs every agent in tokens.
    pub(super) catalogue_tools: u64,
    pub(super) catalogue_tokens: u64,
    /// Calls of tools that do not exist.
    pub(super) unknown_tools: u64,
    /// Open connections and sessions of clients.
    pub(super) connections: u64,
    /// The objectives; they are no metric, `/slo` tells them.
    pub(super) levels: Vec<Level>,
}

/// Counts of the past few seconds, for rates.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<(Duration, BTreeMap<String, f64>)>);

impl History {
    /// Takes a page that was read at this time since the start.
    pub(super) fn take(&mut self, at: Duration, scrape: &Scrape) -> Figures {
        let calls = scrape.by(REQUESTS, "tool_name");
        let mut figures = read(scrape, &calls);
        // Until the window is full, the time since the start is: nothing was called before.
        while self.0.len() >= PAGES || self.0.front().is_some_and(|(time, _)| *time + WINDOW < at) {
            self.0.pop_front();
        }
        let nothing = (Duration::ZERO, BTreeMap::new());
        let (since, before) = if at <= WINDOW { &nothing } else { self.0.front().unwrap_or(&nothing) };
        let seconds = at.saturating_sub(*since).as_secs_f64();
        if seconds > 0.0 {
            for row in &mut figures.tools {
                let before = before.get(&row.tool).copied().unwrap_or(0.0);
                row.rate = (row.calls as f64 - before).max(0.0) / seconds;
            }
        }
        // The sum of nothing is -0.
        figures.total.rate = figures.tools.iter().map(|row| row.rate).sum::<f64>() + 0.0;
        self.0.push_back((at, calls));
        figures
    }
}

fn read(scrape: &Scrape, calls: &BTreeMap<String, f64>) -> Figures {
    let (sums, counts) = (
        scrape.by("mcp_proxy_result_tokens_sum", "tool_name"),
        scrape.by("mcp_proxy_result_tokens_count", "tool_name"),
    );
    let repeated = scrape.by(REPEATED, "tool_name");
    let tokens = |tool: &str| mean(*sums.get(tool)?, *counts.get(tool)?);
    let mut tools: Vec<Row> = calls
        .iter()
        .filter(|(_, calls)| **calls > 0.0)
        .map(|(tool, calls)| Row {
            tool: tool.clone(),
            calls: whole(*calls),
            p50: quantile(scrape, tool, "0.5"),
            p95: quantile(scrape, tool, "0.95"),
            p99: quantile(scrape, tool, "0.99"),
            faults: faults(scrape, tool),
            tokens: tokens(tool),
            repeated: whole(repeated.get(tool).copied().unwrap_or(0.0)),
            rate: 0.0,
        })
        .collect();
    tools.sort_by(|a, b| (a.tool == OTHER, b.calls, &a.tool).cmp(&(b.tool == OTHER, a.calls, &b.tool)));
    let mut clients: Vec<(String, u64)> =
        scrape.by(REQUESTS, "client_id").into_iter().map(|(name, calls)| (name, whole(calls))).collect();
    clients.retain(|(_, calls)| *calls > 0);
    clients.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    let mut total = Row {
        tool: "all tools".to_owned(),
        calls: tools.iter().map(|row| row.calls).sum(),
        tokens: mean(sums.values().sum(), counts.values().sum()),
        repeated: tools.iter().map(|row| row.repeated).sum(),
        ..Row::default()
    };
    for (party, count) in tools.iter().flat_map(|row| &row.faults) {
        *total.faults.entry(party.clone()).or_default() += count;
    }
    Figures {
        tools,
        total,
        clients,
        catalogue_tools: whole(scrape.sum("mcp_proxy_catalogue_tools")),
        catalogue_tokens: whole(scrape.sum("mcp_proxy_catalogue_tokens")),
        unknown_tools: whole(scrape.sum("mcp_proxy_unknown_tool_calls_total")),
        connections: whole(scrape.sum("mcp_active_connections")),
        levels: Vec::new(),
    }
}

fn quantile(scrape: &Scrape, tool: &str, quantile: &str) -> Option<f64> {
    scrape
        .all(RESPONSE_TIME)
        .find(|sample| sample.label("tool_name") == tool && sample.label("quantile") == quantile)
        .map(|sample| sample.value)
        .filter(|seconds| seconds.is_finite())
}

fn faults(scrape: &Scrape, tool: &str) -> BTreeMap<String, u64> {
    let mut faults = BTreeMap::new();
    for sample in scrape.all(FAULTS).filter(|sample| sample.label("tool_name") == tool && sample.value > 0.0)
    {
        *faults.entry(sample.label("fault").to_owned()).or_default() += whole(sample.value);
    }
    faults
}

fn mean(sum: f64, count: f64) -> Option<f64> {
    (count > 0.0).then(|| sum / count)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates; counts are positive"
)]
const fn whole(count: f64) -> u64 {
    count as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(calls: u64) -> Scrape {
        Scrape::parse(&format!(
            r#"mcp_tool_requests_total{{client_id="claude-code",result="success",tool_name="list_pods"}} {calls}
mcp_tool_requests_total{{client_id="cursor",result="error",tool_name="list_pods"}} 2
mcp_tool_requests_total{{client_id="cursor",result="error",tool_name="_other"}} 900
mcp_proxy_faults_total{{tool_name="list_pods",fault="caller"}} 1
mcp_proxy_faults_total{{tool_name="list_pods",fault="tool"}} 1
mcp_proxy_faults_total{{tool_name="_other",fault="caller"}} 900
tool_response_time_seconds{{tool_name="list_pods",quantile="0.5"}} 0.02
tool_response_time_seconds{{tool_name="list_pods",quantile="0.95"}} NaN
mcp_proxy_result_tokens_sum{{tool_name="list_pods"}} 300
mcp_proxy_result_tokens_count{{tool_name="list_pods"}} 4
mcp_proxy_repeated_calls_total{{tool_name="list_pods"}} 3
mcp_proxy_catalogue_tokens 4000
mcp_proxy_catalogue_tools 11
"#
        ))
    }

    #[test]
    fn a_page_becomes_rows_with_nameless_tools_last() {
        let figures = History::default().take(Duration::from_secs(2), &page(8));
        let [list, other] = &figures.tools[..] else { panic!("{figures:?}") };
        assert_eq!((list.tool.as_str(), list.calls, list.rate), ("list_pods", 10, 5.0));
        assert_eq!((list.p50, list.p95, list.tokens, list.repeated), (Some(0.02), None, Some(75.0), 3));
        assert_eq!((list.fault("caller"), list.faults_but(&["caller"])), (1, 1));
        assert_eq!((other.tool.as_str(), other.calls), ("_other", 900));
        assert_eq!((figures.total.calls, figures.total.fault("caller")), (910, 901));
        assert_eq!(figures.clients, [("cursor".to_owned(), 902), ("claude-code".to_owned(), 8)]);
        assert_eq!((figures.catalogue_tools, figures.catalogue_tokens), (11, 4000));
    }

    #[test]
    fn rates_are_those_of_the_last_ten_seconds() {
        let mut history = History::default();
        let mut rate = 0.0;
        for second in 1..=40 {
            let calls = if second <= 20 { second * 10 } else { 200 + (second - 20) * 2 };
            rate = history.take(Duration::from_secs(second), &page(calls)).tools[0].rate;
        }
        assert_eq!(rate, 2.0);
    }

    #[test]
    fn the_window_keeps_a_bounded_number_of_pages() {
        let mut history = History::default();
        for millisecond in 0..1000 {
            history.take(Duration::from_millis(millisecond), &page(1));
        }
        assert_eq!(history.0.len(), PAGES);
    }
}
