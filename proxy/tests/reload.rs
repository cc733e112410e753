//! Objectives, prices and quality change while the sidecar runs: by another content of the file, and by SIGHUP.

#![expect(clippy::unwrap_used, reason = "this is how a test fails")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::chaos;
use support::client::RawClient;
use support::scrape::{Scrape, page};
use support::server::ScriptedServer;
use support::tap::{EXECUTABLE, Tap, through_proxy_by};

const RELOADS: &str = "mcp_proxy_config_reloads_total";

/// A file of service levels and a sidecar that goes by it.
struct Bench {
    folder: tempfile::TempDir,
    tap: Tap,
}

impl Bench {
    async fn start(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tap.yaml"), text).unwrap();
        Self::with(folder, "tap.yaml").await
    }

    async fn with(folder: tempfile::TempDir, file: &str) -> Self {
        let upstream = format!("http://{}", chaos::start().await);
        let file = folder.path().join(file);
        let flags = ["--config", file.to_str().unwrap()];
        let tap = through_proxy_by(&mut Command::new(EXECUTABLE), &upstream, &flags);
        Self { folder, tap }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("tap.yaml")
    }

    /// As editors and configuration management do it: another file in the old one's place.
    fn write(&self, text: &str) {
        let fresh = self.folder.path().join("fresh");
        std::fs::write(&fresh, text).unwrap();
        std::fs::rename(fresh, self.file()).unwrap();
    }

    fn reloads(&self, result: &str) -> f64 {
        Scrape::of(self.tap.admin).sum_where(RELOADS, &[("result", result)])
    }

    /// Calls a tool, which does what the plan says.
    fn call(&self, plan: &str) {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","arguments":{{"plan":"{plan}"}}}}}}"#
        );
        let mut stream = TcpStream::connect(self.tap.traffic).unwrap();
        let head = "POST /mcp HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\nconnection: close\r\n";
        write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }

    /// Good and bad events of an objective; `None` where one of the two is not exported.
    fn events(&self, slo: &str) -> Option<(f64, f64)> {
        let metrics = page(self.tap.admin, "/metrics");
        let value = |verdict: &str| {
            let labels = [format!(r#"slo="{slo}""#), format!(r#"verdict="{verdict}""#)];
            let ours = |line: &&str| {
                line.starts_with("mcp_proxy_slo_events_total{")
                    && labels.iter().all(|label| line.contains(label))
            };
            metrics.lines().find(ours)?.rsplit_once(' ')?.1.parse().ok()
        };
        Some((value("good")?, value("bad")?))
    }

    /// The events once they are these.
    fn wait_for_events(&self, slo: &str, expected: (f64, f64)) {
        self.tap.wait_until("the events are counted", || (self.events(slo) == Some(expected)).then_some(()));
    }

    fn wait_for(&self, result: &str, count: f64) {
        self.tap.wait_until("the file was read", || (self.reloads(result) == count).then_some(()));
    }
}

fn objectives(names: &[&str]) -> String {
    let each: String =
        names.iter().map(|name| format!("    - {{name: {name}, sli: availability, target: 99}}\n")).collect();
    format!("slo:\n  objectives:\n{each}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_content_is_taken_and_other_settings_are_named() {
    let bench = Bench::start(&objectives(&["first"])).await;
    assert_eq!((bench.reloads("success"), bench.reloads("failure")), (0.0, 0.0));
    bench.write(&format!("name: other\nregion: north\n{}", objectives(&["first", "second"])));
    bench.wait_for("success", 1.0);
    // In place, as an editor on a mounted file has to.
    std::fs::write(bench.file(), objectives(&["third"])).unwrap();
    bench.wait_for("success", 2.0);
    let (status, log) = bench.tap.stop();
    assert!(status.success(), "{log}");
    assert!(log.contains(r#""settings":"name, region""#), "{log}");
    assert!(
        log.contains(r#""objectives":"first, second""#) && log.contains(r#""objectives":"third""#),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_config_map_that_changes_its_link_is_taken() {
    // As the kubelet mounts it: the file is a link into ..data, and ..data is a link that is replaced.
    let folder = tempfile::tempdir().unwrap();
    let version = |name: &str, text: &str| {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join(name).join("tap.yaml"), text).unwrap();
    };
    version("..one", &objectives(&["first"]));
    version("..two", &objectives(&["second"]));
    symlink("..one", folder.path().join("..data")).unwrap();
    symlink(Path::new("..data").join("tap.yaml"), folder.path().join("tap.yaml")).unwrap();
    let bench = Bench::with(folder, "tap.yaml").await;
    let fresh = bench.folder.path().join("..data_tmp");
    symlink("..two", &fresh).unwrap();
    std::fs::rename(fresh, bench.folder.path().join("..data")).unwrap();
    bench.wait_for("success", 1.0);
    let (_, log) = bench.tap.stop();
    assert!(log.contains(r#""objectives":"second""#), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_reads_the_file_at_once_and_kills_nobody() {
    let bench = Bench::start(&objectives(&["first"])).await;
    bench.tap.hang_up();
    bench.wait_for("success", 1.0);
    bench.tap.hang_up();
    bench.wait_for("success", 2.0);
    assert!(bench.tap.stop().0.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_file_a_hangup_is_only_told() {
    let upstream = format!("http://{}", chaos::start().await);
    let tap = through_proxy_by(&mut Command::new(EXECUTABLE), &upstream, &[]);
    tap.hang_up();
    // Answers after the signal: it is still there.
    assert_eq!(Scrape::of(tap.admin).sum(RELOADS), 0.0);
    let (status, log) = tap.stop();
    assert!(status.success() && log.contains("no configuration file"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_file_changes_nothing_until_it_is_repaired() {
    let bench = Bench::start(&objectives(&["first"])).await;
    let taken = || Scrape::of(bench.tap.admin).sum("mcp_proxy_config_last_reload_successful");
    assert_eq!(taken(), 1.0);
    bench.write("slo: {period: 1d, windo: 1h}\ncost: {per_call: -1}\n");
    bench.wait_for("failure", 1.0);
    assert_eq!(taken(), 0.0);
    bench.write("slo: [\n");
    bench.wait_for("failure", 2.0);
    std::fs::remove_file(bench.file()).unwrap();
    bench.wait_for("failure", 3.0);
    bench.write(&objectives(&["first", "second"]));
    bench.wait_for("success", 1.0);
    assert_eq!(taken(), 1.0);
    let (status, log) = bench.tap.stop();
    assert!(status.success(), "{log}");
    for told in ["slo.period", "slo.windo", "cost.per_call", "cannot be read", "first, second"] {
        assert!(log.contains(told), "{told}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_outlive_changes_and_new_objectives_start_at_zero() {
    let bench = Bench::start(&objectives(&["first", "second"])).await;
    assert_eq!((bench.events("first"), bench.events("second")), (Some((0.0, 0.0)), Some((0.0, 0.0))));
    bench.call("Ok");
    bench.call("ToolError");
    bench.wait_for_events("second", (1.0, 1.0));
    // Another target, another objective, and one that is gone.
    bench.write(&objectives(&["first", "third"]).replace("target: 99", "target: 99.9"));
    bench.wait_for("success", 1.0);
    assert_eq!((bench.events("first"), bench.events("third")), (Some((1.0, 1.0)), Some((0.0, 0.0))));
    let report: serde_json::Value = serde_json::from_str(&page(bench.tap.admin, "/slo")).unwrap();
    let targets: Vec<_> =
        report["objectives"].as_array().unwrap().iter().map(|each| &each["target"]).collect();
    assert_eq!(targets, ["99.9", "99.9"], "{report}");
    bench.call("Ok");
    bench.wait_for_events("first", (2.0, 1.0));
    bench.wait_for_events("third", (1.0, 0.0));
    // Whoever comes back goes on.
    bench.write(&objectives(&["first", "second", "third"]));
    bench.wait_for("success", 2.0);
    bench.call("ToolError");
    bench.wait_for_events("first", (2.0, 2.0));
    bench.wait_for_events("second", (1.0, 2.0));
    bench.wait_for_events("third", (1.0, 1.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_changes_leaves_series_and_memory_bounded() {
    const ROUNDS: u32 = 120;
    let many = |round: u32| {
        let names: Vec<_> = (0..64).map(|number| format!("o{round}-{number}")).collect();
        objectives(&names.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let bench = Bench::start(&many(0)).await;
    let mut early = 0;
    for round in 1..=ROUNDS {
        bench.write(&many(round));
        bench.tap.hang_up();
        bench
            .tap
            .wait_until("the file was read", || (bench.reloads("success") >= f64::from(round)).then_some(()));
        bench.call("Ok");
        if round == ROUNDS / 4 {
            early = bench.tap.resident_kib();
        }
    }
    bench.wait_for_events(&format!("o{ROUNDS}-63"), (1.0, 0.0));
    let grown = bench.tap.resident_kib().saturating_sub(early);
    assert!(grown < 12 << 10, "{grown} KiB more, {early} KiB before");
    let metrics = page(bench.tap.admin, "/metrics");
    let series = |name: &str| metrics.lines().filter(|line| line.starts_with(name)).count();
    // Those in force and as many that are gone, each with both verdicts.
    assert_eq!(series("mcp_proxy_slo_events_total{"), 4 * 64);
    assert_eq!(series("sli_error_budget_remaining_percent{"), 64);
    let report: serde_json::Value = serde_json::from_str(&page(bench.tap.admin, "/slo")).unwrap();
    assert_eq!(report["objectives"].as_array().unwrap().len(), 64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_during_a_drain_cut_nothing_short() {
    let server = ScriptedServer::start(|connection| {
        connection.request();
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        connection.wait_for_end();
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tap.yaml");
    std::fs::write(&file, objectives(&["first"])).unwrap();
    let flags = ["--config", file.to_str().unwrap()];
    let upstream = format!("http://{}", server.address);
    let tap = through_proxy_by(&mut Command::new(EXECUTABLE), &upstream, &flags);
    let bench = Bench { folder, tap };
    let mut client = RawClient::connect(bench.tap.traffic);
    client.send(b"GET /mcp HTTP/1.1\r\nHost: t\r\n\r\n");
    client.reader.head().expect("the head passes");
    bench.tap.terminate();
    for round in 0..20 {
        bench.write(&objectives(&["first", &format!("o{round}")]));
        bench.tap.hang_up();
    }
    bench.tap.wait_until("the file was read", || (bench.reloads("success") >= 1.0).then_some(()));
    bench.write("slo: [");
    bench.tap.hang_up();
    bench.tap.wait_until("the file was read", || (bench.reloads("failure") >= 1.0).then_some(()));
    drop(client);
    assert!(bench.tap.ended().success());
}
