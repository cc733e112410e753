//! What people and programs are told.

use std::io::Write as _;

use super::*;
use crate::config;
use crate::config::keys;

/// The report of a file with that text, for a server unless there is none.
fn report(text: &str, upstream: Option<&str>) -> Report {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let runtime_dir = (&keys::RUNTIME_DIR, Some("/run/user/1000/mcp-tap"));
    let flags = [(&keys::UPSTREAM, upstream), (&keys::WORKERS, Some("2")), runtime_dir];
    let flags = flags.into_iter().filter_map(|(key, text)| {
        let key = *keys::ALL.iter().find(|known| known.name == key.name)?;
        Some((key, text?.to_owned()))
    });
    let checked = config::check(flags, Some(file.path())).unwrap();
    Report::new(&checked, Some(Path::new("tap.yaml")))
}

const FULL: &str = "
name: search
state_dir: /var/lib/mcp-tap
otlp_endpoint: http://collector:4318/secret
otlp_metrics: on
metrics_file: /var/lib/node_exporter/search.prom
metrics_file_interval: 30s
slo:
  period: 28d
  runbook_url: https://wiki/{alert}
  dashboard_url: https://grafana/{dashboard}
  tool_errors: good
  objectives:
    - {name: availability, sli: availability, target: 99.95}
    - {name: quick, sli: latency, target: 90, threshold: 250ms, tools: [find, 'get_*']}
    - {name: rough, sli: quality, target: 60}
    - {name: other, sli: quality, target: 99, servers: [payments]}
cost: {per_second: 0.00002, tools: {find: {per_call: 0.005}}}
quality: {sample: 10%, may_be_empty: [list_*]}
";

#[test]
fn people_are_told_what_is_in_effect() {
    insta::assert_snapshot!("full", report(FULL, Some("http://[::1]:3001")).to_string());
    insta::assert_snapshot!("default", report("", Some("unix:/run/mcp.sock")).to_string());
    insta::assert_snapshot!("without_upstream", report("slo: {objectives: []}", None).to_string());
}

#[test]
fn programs_are_told_the_same() {
    insta::assert_snapshot!("json", report(FULL, Some("https://example.com")).json());
}
