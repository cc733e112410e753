//! From the plan to what others evaluate: Prometheus rules, their tests, and dashboards. Pure and deterministic.

pub mod alerts;
pub mod dashboards;
pub mod duration;
pub mod series;

pub use alerts::runbook_name;

/// What rules are told by configuration beyond the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How often rules are evaluated.
    pub interval: std::time::Duration,
    /// How often Prometheus scrapes the sidecars; ranges of `rate` are at least four times as long.
    pub scrape_interval: std::time::Duration,
    /// Where runbooks are: `{alert}` stands for the name of the alert in lower case with dashes.
    pub runbook_url: String,
    /// Where dashboards are: `{dashboard}` stands for the uid of the dashboard.
    pub dashboard_url: String,
    /// Labels that every alert gets beside its own.
    pub labels: Vec<(String, String)>,
    /// Whether servers whose series are gone are an alert; not where scaling to zero is normal.
    pub absence: bool,
    /// Servers that must always be there; without any, those that were there within the last hour.
    pub expected: Vec<Expected>,
}

/// A server that must always be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Its label `mcp_server`.
    pub server: String,
    /// Its namespace; empty where there is none.
    pub namespace: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: std::time::Duration::from_secs(60),
            scrape_interval: std::time::Duration::from_secs(30),
            runbook_url: "deploy/docs/runbooks/{alert}.md".to_owned(),
            dashboard_url: "/d/{dashboard}".to_owned(),
            labels: Vec::new(),
            absence: true,
            expected: Vec::new(),
        }
    }
}
