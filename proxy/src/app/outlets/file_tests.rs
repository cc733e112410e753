//! What becomes of the file.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::telemetry::{Cell, Settings};

/// A writer of a file in a folder of its own.
struct Bench {
    folder: tempfile::TempDir,
    writer: Writer,
}

impl Bench {
    fn new(path: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let telemetry = Telemetry::new(Settings::default(), clock::now());
        let writer = Writer::new(folder.path().join(path), telemetry);
        Self { folder, writer }
    }

    fn read(&self) -> Option<String> {
        fs::read_to_string(&self.writer.path).ok()
    }

    /// What was written and what could not be.
    fn counts(&self) -> (u64, u64) {
        counts(&self.writer.telemetry)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn counts(telemetry: &Telemetry) -> (u64, u64) {
    let mut counts = (0, 0);
    telemetry.registry().visit(Metric::MetricsFileWrites, |labels, cell| {
        let Cell::Counter(count) = cell else { panic!("it is a counter") };
        let count = count.load(Ordering::SeqCst);
        match labels {
            "result=\"success\"" => counts.0 = count,
            "result=\"failure\"" => counts.1 = count,
            other => panic!("{other}"),
        }
    });
    counts
}

#[test]
fn the_file_holds_all_metrics_and_nothing_lies_beside_it() {
    let mut bench = Bench::new("a.prom");
    bench.writer.tend();
    let text = bench.read().unwrap();
    for family in ["mcp_proxy_build_info", "mcp_proxy_metrics_file_writes_total", "process_open_fds"] {
        assert!(text.contains(&format!("# TYPE {family} ")), "{family}: {text}");
    }
    assert!(text.ends_with('\n') && !text.contains("# EOF"));
    assert_eq!((bench.names(), bench.counts()), (vec!["a.prom".to_owned()], (1, 0)));
    bench.writer.tend();
    assert!(bench.read().unwrap().contains("writes_total{mcp_server=\"\",result=\"success\"} 1\n"));
}

#[test]
fn a_directory_that_comes_later_is_taken_then() {
    let mut bench = Bench::new("late/a.prom");
    bench.writer.tend();
    bench.writer.tend();
    assert_eq!((bench.read(), bench.counts()), (None, (0, 2)));
    assert!(bench.writer.trouble.as_ref().is_some_and(|why| why.contains("cannot write")));
    fs::create_dir(bench.folder.path().join("late")).unwrap();
    bench.writer.tend();
    assert!(bench.read().is_some() && bench.writer.trouble.is_none());
    assert_eq!(bench.counts(), (1, 2));
}

#[test]
fn what_cannot_be_replaced_stays_and_leaves_no_trace() {
    let mut bench = Bench::new("a.prom");
    fs::create_dir(&bench.writer.path).unwrap();
    bench.writer.tend();
    assert!(bench.writer.trouble.as_ref().is_some_and(|why| why.contains("cannot replace")));
    assert_eq!((bench.names(), bench.counts()), (vec!["a.prom".to_owned()], (0, 1)));
}

#[test]
fn a_link_in_the_place_of_the_next_file_is_not_followed() {
    let mut bench = Bench::new("a.prom");
    let other = bench.folder.path().join("other");
    fs::write(&other, "theirs").unwrap();
    symlink(&other, &bench.writer.next).unwrap();
    bench.writer.tend();
    assert_eq!(fs::read_to_string(&other).unwrap(), "theirs");
    assert!(bench.read().unwrap().contains("mcp_proxy_build_info"));
}

#[test]
fn others_may_read_it_as_the_system_says() {
    let mut bench = Bench::new("a.prom");
    bench.writer.tend();
    let plain = bench.folder.path().join("plain");
    fs::write(&plain, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&bench.writer.path), mode(&plain));
}

#[test]
fn the_next_file_is_none_that_readers_take() {
    let next = beside(Path::new("/x/a.prom"));
    assert_eq!(next.parent(), Some(Path::new("/x")));
    assert!(next.extension().is_some_and(|end| end != "prom"), "{next:?}");
    assert_eq!(beside(Path::new("a.prom")).parent(), Some(Path::new("")));
}

#[test]
fn a_reader_never_sees_a_part() {
    let bench = Bench::new("a.prom");
    let (path, telemetry) = (bench.writer.path.clone(), bench.writer.telemetry.clone());
    // Some hundred kilobytes: far more than is written at once.
    for tool in 0..2000 {
        let labels = [(label::TOOL, &*format!("tool-{tool}"))];
        telemetry.registry().counter(Metric::RepeatedCalls, &labels).increment(1);
    }
    let ended = Arc::new(AtomicBool::new(false));
    let writer = {
        let ended = Arc::clone(&ended);
        let mut writer = bench.writer;
        std::thread::spawn(move || {
            while !ended.load(Ordering::Acquire) {
                writer.tend();
            }
        })
    };
    let mut read = 0;
    let start = clock::now();
    while read < 200 {
        assert!(clock::now() - start < Duration::from_secs(60), "{read} readings only");
        let Ok(text) = fs::read_to_string(&path) else { continue };
        // One of the many series in the midst, and a family behind them.
        assert!(text.contains("tool_name=\"tool-1999\"") && text.contains("process_start_time_seconds{"));
        assert!(text.starts_with("# HELP ") && text.ends_with('\n'));
        read += 1;
    }
    ended.store(true, Ordering::Release);
    writer.join().unwrap();
    assert_eq!(counts(&telemetry).1, 0);
}

#[test]
fn the_thread_writes_at_once_and_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.prom");
    let telemetry = Telemetry::new(Settings::default(), clock::now());
    let settings = MetricsFile { path: path.clone(), interval: Duration::from_secs(86_400) };
    let running = start(&settings, telemetry.clone()).unwrap();
    let begun = clock::now();
    while counts(&telemetry).0 == 0 {
        assert!(clock::now() - begun < Duration::from_secs(20), "it is not written at once");
        std::thread::sleep(Duration::from_millis(2));
    }
    telemetry.registry().counter(Metric::UnknownToolCalls, &[]).increment(7);
    running.stop();
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains("mcp_proxy_unknown_tool_calls_total{mcp_server=\"\"} 7\n"), "{text}");
}
