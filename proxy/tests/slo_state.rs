//! Counts of error budgets outlast the process: clean ends, crashes, bad files, full disks, two processes.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::UNIX_EPOCH;

use mcp_tap::clock;
use mcp_tap::slo::{Engine, Plan, Report, Time};
use serde_json::{Value, json};
use support::client::RawClient;
use support::scrape::{Scrape, page};
use support::server::ScriptedServer;
use support::tap::{EXECUTABLE, Tap, through_proxy_by, through_proxy_with};

/// A server of which every call fails that says so.
fn server() -> ScriptedServer {
    ScriptedServer::start(|connection| {
        while let Some(request) = connection.request() {
            let request: Value = serde_json::from_slice(&request.body).expect("the test sends JSON");
            let failed = request["params"]["arguments"]["fails"] == true;
            let result = json!({"content": [{"type": "text", "text": "done"}], "isError": failed});
            let answer = json!({"jsonrpc": "2.0", "id": request["id"], "result": result}).to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                answer.len()
            );
            connection.send(format!("{head}{answer}").as_bytes());
        }
    })
}

fn call(id: u64, fails: bool) -> Vec<u8> {
    let params = json!({"name": "work", "arguments": {"fails": fails}});
    let body = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nAccept: application/json, \
         text/event-stream\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    format!("{head}{body}").into_bytes()
}

/// Sends so many calls, every third of which fails; gives good and bad ones.
fn send(tap: &Tap, calls: u64) -> (f64, f64) {
    let mut client = RawClient::connect(tap.traffic);
    for id in 0..calls {
        assert_eq!(client.exchange(&call(id, id % 3 == 0)).status(), 200);
    }
    let bad = calls.div_ceil(3);
    ((calls - bad) as f64, bad as f64)
}

fn flags(dir: &Path) -> Vec<&str> {
    let dir = dir.to_str().expect("temporary names are text");
    vec!["--name", "demo", "--state-dir", dir, "--state-interval", "200ms"]
}

fn tap(server: &ScriptedServer, dir: &Path) -> Tap {
    through_proxy_with(&format!("http://{}", server.address), &flags(dir))
}

/// Good and bad events of availability in the period, and for how many seconds there is history.
fn budget(tap: &Tap) -> (f64, f64, f64) {
    let report: Report = serde_json::from_str(&page(tap.admin, "/slo")).expect("a report");
    let found = report.objectives.into_iter().find(|objective| objective.slo == "availability");
    let budget = found.expect("an objective of the default plan").budget;
    (budget.events.good, budget.events.bad, budget.coverage_seconds)
}

fn saves(tap: &Tap, result: &str) -> f64 {
    Scrape::of(tap.admin).sum_where("mcp_proxy_state_saves_total", &[("result", result)])
}

/// Waits for the end of so many saves from now on.
fn wait_for_saves(tap: &Tap, result: &str, more: f64) {
    let before = saves(tap, result);
    tap.wait_until("it saved", || (saves(tap, result) >= before + more).then_some(()));
}

fn unix_ms() -> u64 {
    let since = clock::wall().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    u64::try_from(since.as_millis()).expect("and not that late")
}

/// The state that a server's process saved at this moment.
fn saved(server: &str, at: u64) -> Vec<u8> {
    let mut engine = Engine::new(Arc::new(Plan::default()), server, Time(at));
    engine.observe("availability", 7, 3, Time(at));
    engine.save(Time(at))
}

#[test]
fn a_budget_goes_on_after_a_clean_end() {
    let (server, dir) = (server(), tempfile::tempdir().expect("a directory"));
    let first = tap(&server, dir.path());
    let sent = send(&first, 100);
    let (status, log) = first.stop_with_log();
    assert!(status.success() && !log.contains("WARN"), "{log}");

    let second = tap(&server, dir.path());
    let (good, bad, covered) = budget(&second);
    assert_eq!((good, bad), sent);
    let more = send(&second, 10);
    let (good, bad, later) = budget(&second);
    assert_eq!((good, bad), (sent.0 + more.0, sent.1 + more.1));
    assert!(later > covered, "{later} {covered}");
    let (_, log) = second.stop_with_log();
    assert!(log.contains("error budgets go on"), "{log}");
}

/// Calls that go on until they fail or are stopped.
struct Load {
    answered: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Load {
    fn start(tap: &Tap) -> Self {
        let (answered, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (counter, stopped) = (Arc::clone(&answered), Arc::clone(&stop));
        let mut client = RawClient::connect(tap.traffic);
        let thread = std::thread::spawn(move || {
            let mut sent = 0;
            while !stopped.load(Ordering::SeqCst) {
                client.send(&call(sent, sent % 3 == 0));
                sent += 1;
                if client.response(false).is_none() {
                    break;
                }
                counter.fetch_add(1, Ordering::SeqCst);
            }
            sent
        });
        Self { answered, stop, thread: Some(thread) }
    }

    fn answered(&self) -> f64 {
        self.answered.load(Ordering::SeqCst) as f64
    }

    /// How many calls were sent.
    fn end(mut self) -> f64 {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().expect("it ends once").join().expect("it does not panic") as f64
    }
}

#[test]
fn a_crash_under_load_loses_no_more_than_one_interval() {
    let (server, dir) = (server(), tempfile::tempdir().expect("a directory"));
    let mut before = 0.0;
    for round in 0..3 {
        let tap = tap(&server, dir.path());
        let (good, bad, _) = budget(&tap);
        let load = Load::start(&tap);
        wait_for_saves(&tap, "success", 1.0);
        let (answered, scraped) = (load.answered(), Scrape::of(tap.admin));
        let scraped = scraped.sum_where("mcp_proxy_slo_events_total", &[("slo", "availability")]);
        // One of these began after that: the next interval.
        wait_for_saves(&tap, "success", 2.0);
        // The group of processes is killed by SIGKILL.
        drop(tap);
        let sent = load.end();
        let after = self::tap(&server, dir.path());
        let (now_good, now_bad, _) = budget(&after);
        let restored = now_good + now_bad - good - bad;
        assert!(
            answered > 0.0 && restored >= answered.max(scraped),
            "round {round}: {restored} of {answered}"
        );
        assert!(restored <= sent, "round {round}: {restored} of {sent}");
        assert!(now_good + now_bad >= before, "nothing of earlier rounds is lost");
        before = now_good + now_bad;
        assert!(after.stop().0.success());
    }
}

#[test]
fn files_that_are_no_state_of_this_server_are_named_and_set_aside() {
    let server = server();
    let now = unix_ms();
    let whole = saved("demo", now);
    for (content, reason) in [
        (whole[..whole.len() - 1].to_vec(), "it is truncated or damaged"),
        (Vec::new(), "it is truncated or damaged"),
        (b"name: value\n".to_vec(), "it is no saved state of error budgets"),
        (saved("other", now), "it is the state of the server"),
        (saved("demo", now + 24 * 3_600_000), "later than now"),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("demo.slo"), &content).expect("it is ours");
        let tap = tap(&server, dir.path());
        let sent = send(&tap, 3);
        wait_for_saves(&tap, "success", 1.0);
        let (good, bad, _) = budget(&tap);
        assert_eq!((good, bad), sent);
        let (status, log) = tap.stop_with_log();
        assert!(status.success() && log.contains(reason) && log.contains("set_aside"), "{reason}: {log}");
        assert_eq!(log.matches("WARN").count(), 1, "{log}");
        let aside = fs::read_dir(dir.path())
            .expect("it is there")
            .map(|entry| entry.expect("it can be read").path())
            .find(|path| path.to_string_lossy().contains(".set-aside-"))
            .expect("it was set aside");
        assert_eq!(fs::read(aside).expect("it can be read"), content);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_set_aside_too() {
    let (server, dir) = (server(), tempfile::tempdir().expect("a directory"));
    fs::create_dir(dir.path().join("demo.slo")).expect("it is ours");
    let tap = tap(&server, dir.path());
    send(&tap, 3);
    wait_for_saves(&tap, "success", 1.0);
    let (_, log) = tap.stop_with_log();
    assert!(log.contains("it cannot be read: it is no regular file"), "{log}");
    assert!(dir.path().join("demo.slo").is_file());
}

#[test]
fn a_missing_directory_is_said_once_and_traffic_goes_on() {
    let (server, dir) = (server(), tempfile::tempdir().expect("a directory"));
    let volume = dir.path().join("volume");
    let tap = tap(&server, &volume);
    wait_for_saves(&tap, "failure", 3.0);
    send(&tap, 3);
    fs::create_dir(&volume).expect("it is ours");
    wait_for_saves(&tap, "success", 1.0);
    let (status, log) = tap.stop_with_log();
    assert!(status.success(), "{log}");
    assert_eq!(log.matches("error budgets are not saved").count(), 1, "{log}");
    assert_eq!(log.matches("error budgets are saved again").count(), 1, "{log}");
    assert!(log.contains("demo.lock: No such file or directory"), "{log}");
}

#[test]
fn a_full_disk_is_said_once_and_traffic_goes_on() {
    let (server, dir) = (server(), tempfile::tempdir().expect("a directory"));
    // No file may have a byte: as on a full disk, names can be made and contents cannot.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"", EXECUTABLE]);
    let tap = through_proxy_by(&mut shell, &format!("http://{}", server.address), &flags(dir.path()));
    wait_for_saves(&tap, "failure", 3.0);
    let sent = send(&tap, 3);
    let (good, bad, _) = budget(&tap);
    assert_eq!((good, bad), sent);
    assert_eq!(saves(&tap, "success"), 0.0);
    let (status, log) = tap.stop_with_log();
    assert!(status.success(), "{log}");
    assert_eq!(log.matches("error budgets are not saved").count(), 1, "{log}");
    let names: Vec<_> = fs::read_dir(dir.path()).expect("it is there").collect();
    assert_eq!(names.len(), 1, "only the lock is left: {names:?}");
}

#[test]
fn a_second_process_says_so_goes_on_and_takes_over() {
    let (server, dir) = (server(), tempfile::tempdir().expect("a directory"));
    let first = tap(&server, dir.path());
    wait_for_saves(&first, "success", 1.0);
    let second = tap(&server, dir.path());
    let (one, two) = (send(&first, 30), send(&second, 3));
    wait_for_saves(&second, "failure", 2.0);
    assert_eq!(saves(&second, "success"), 0.0);
    first.stop();
    wait_for_saves(&second, "success", 1.0);
    let (good, bad, _) = budget(&second);
    assert_eq!((good, bad), (one.0 + two.0, one.1 + two.1));
    let (_, log) = second.stop_with_log();
    assert_eq!(log.matches("another process of this server saves them there").count(), 1, "{log}");
}
