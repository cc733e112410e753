//! Logs: lines made by their index when they are asked for, so that a long log takes no memory.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::build::{Builder, hash, mix};
use super::pod::{Ended, Pod, State, Status};
use super::template::Container;
use super::{Log, LogLine};

/// How a line is written around its message.
#[derive(Clone, Copy, PartialEq)]
enum Style {
    Json,
    Klog,
    Plain,
}

type Lines = &'static [(&'static str, &'static str)];

/// What a container writes: level and message of each line. In messages `{n}` is a small number, `{i}` counts up,
/// `{id}` is an id, `{path}` a path.
#[derive(Clone, Copy)]
pub(super) struct Profile {
    style: Style,
    /// When it starts.
    start: Lines,
    /// Every so many milliseconds after that, one of these.
    steady: Lines,
    every: i64,
    /// Before it ends badly.
    end: Lines,
    /// Older lines are rotated away.
    keep: usize,
}

const BASE: Profile =
    Profile { style: Style::Json, start: &[], steady: &[], every: 2_000, end: &[], keep: 5_000 };

const STARTED: Lines =
    &[("INFO", "starting"), ("INFO", "configuration loaded"), ("INFO", "listening on :8080")];

/// A service that does well.
pub(super) const HTTP: Profile = Profile {
    start: STARTED,
    steady: &[
        ("INFO", "GET {path} 200 {n}ms request_id={id}"),
        ("INFO", "GET {path} 200 {n}ms request_id={id}"),
        ("INFO", "POST {path} 201 {n}ms request_id={id}"),
        ("INFO", "GET {path} 304 {n}ms request_id={id}"),
        ("DEBUG", "cache refreshed, {n} entries, 0 errors"),
    ],
    ..BASE
};

/// Lines without structure.
pub(super) const PLAIN: Profile = Profile {
    style: Style::Plain,
    start: &[("INFO", "starting"), ("INFO", "ready to accept connections")],
    steady: &[("INFO", "checkpoint complete: wrote {n} buffers"), ("INFO", "tick {i}: {n} items, 0 failed")],
    every: 30_000,
    ..BASE
};

pub(super) const POSTGRES: Profile = Profile {
    start: &[("LOG", "database system is ready to accept connections")],
    steady: &[
        ("LOG", "checkpoint starting: time"),
        ("LOG", "checkpoint complete: wrote {n} buffers; sync files=12, longest=0.011 s"),
    ],
    ..PLAIN
};

/// As the components of Kubernetes write.
pub(super) const KLOG: Profile = Profile {
    style: Style::Klog,
    start: &[
        ("INFO", "server.go:{n}] \"Starting\" version=\"v1.33.4\""),
        ("INFO", "shared_informer.go:357] Caches are synced"),
    ],
    steady: &[
        ("INFO", "reflector.go:{n}] \"Watch close\" total=\"{n} items received\""),
        ("INFO", "proxier.go:{n}] \"SyncProxyRules complete\" elapsed=\"{n}ms\""),
    ],
    every: 60_000,
    ..BASE
};

pub(super) const CRASH: Profile = Profile {
    start: &[("INFO", "payments api 2.7.0 starting"), ("INFO", "reading configuration from the environment")],
    end: &[
        ("ERROR", "missing required environment variable DATABASE_URL"),
        ("FATAL", "cannot start: configuration is incomplete, exit 1"),
    ],
    ..BASE
};

pub(super) const GROWING: Profile = Profile {
    steady: &[
        ("INFO", "scored {n} products for session {id}"),
        ("INFO", "model cache holds {i} vectors"),
        ("WARN", "model cache is above its target size, nothing to evict"),
    ],
    start: STARTED,
    end: &[("WARN", "heap is almost at the limit of the container")],
    ..BASE
};

pub(super) const REFUSED: Profile = Profile {
    start: STARTED,
    steady: &[
        ("ERROR", "redis: dial tcp redis.shop:6379: connect: connection refused"),
        ("WARN", "GET /ready 503 store unavailable"),
        ("ERROR", "cannot load cart {id}: redis: connection refused"),
    ],
    every: 5_000,
    ..BASE
};

pub(super) const SLOW_START: Profile = Profile {
    style: Style::Plain,
    start: &[
        ("INFO", "opening index, 1900000 documents"),
        ("INFO", "HTTP server starts when the index is loaded"),
    ],
    steady: &[
        ("INFO", "loading index: segment {i} of 420, {n} MB/s"),
        ("WARN", "loading index is slow: disk reads wait"),
    ],
    every: 4_000,
    end: &[("WARN", "received SIGTERM while loading the index"), ("ERROR", "index not loaded, giving up")],
    ..BASE
};

pub(super) const MIGRATION_MISSING: Profile = Profile {
    start: STARTED,
    steady: &[
        ("ERROR", "readiness: relation \"coupons_v2\" does not exist"),
        ("ERROR", "GET /ready 500 database schema is older than this version"),
    ],
    every: 5_000,
    ..BASE
};

pub(super) const WAITING: Profile = Profile {
    style: Style::Plain,
    steady: &[
        ("", "nc: bad address 'legacy-db.internal'"),
        ("", "waiting for legacy-db.internal:5432, attempt {i}"),
    ],
    every: 2_000,
    ..BASE
};

pub(super) const HANGING: Profile = Profile {
    start: STARTED,
    steady: &[
        ("INFO", "synchronized {n} files"),
        ("WARN", "nfs: server files.internal not responding, timed out"),
    ],
    every: 15_000,
    ..BASE
};

pub(super) const MIGRATE: Profile = Profile {
    start: &[("INFO", "applying 3 migrations"), ("INFO", "0041_add_coupons: ok")],
    steady: &[("INFO", "0042_backfill: {n} rows")],
    end: &[
        ("ERROR", "0042_backfill: deadlock detected, transaction rolled back"),
        ("ERROR", "migration failed: 0042_backfill"),
    ],
    ..BASE
};

pub(super) const NIGHTLY: Profile = Profile {
    start: &[("INFO", "run started")],
    steady: &[("INFO", "batch {i}: {n} records written, 0 errors")],
    every: 3_000,
    ..BASE
};

pub(super) const CHATTY: Profile = Profile {
    steady: &[
        ("DEBUG", "event {i} received from partition {n}"),
        ("DEBUG", "event {i} dispatched in {n}us"),
        ("INFO", "offset {i} committed"),
        ("DEBUG", "heartbeat {id}"),
    ],
    every: 250,
    keep: 200_000,
    ..BASE
};

/// Time between lines at a start, in milliseconds.
const STEP: i64 = 120;

/// One run of a container.
struct Run {
    profile: Profile,
    seed: u64,
    from: Timestamp,
    /// End of the run, or now.
    to: Timestamp,
    /// How many lines of each part there are.
    start: usize,
    steady: usize,
    end: usize,
}

pub(super) fn log(
    b: &Builder,
    pod: &Pod,
    container: &Container,
    status: &Status,
    previous: bool,
) -> Option<Log> {
    let last = status.last.as_ref();
    let seed = hash(b.seed, &["log", &pod.uid, container.name]);
    let run = match &status.state {
        State::Running(since) if !previous => Run::new(container.log, seed, *since, b.now, false),
        State::Ended(end) if !previous => Run::ended(container.log, seed, end),
        // While it waits for the next run, the log is that of the last one.
        _ => Run::ended(container.log, seed, last?),
    };
    let all = run.start + run.steady + run.end;
    let len = all.min(run.profile.keep);
    let skipped = all - len;
    Some(Log { len, line: Box::new(move |index| run.line(skipped + index)) })
}

impl Run {
    fn ended(profile: Profile, seed: u64, end: &Ended) -> Self {
        Self::new(profile, seed, end.started, end.finished, end.code != 0)
    }

    fn new(profile: Profile, seed: u64, from: Timestamp, to: Timestamp, badly: bool) -> Self {
        let millis = (to.as_millisecond() - from.as_millisecond()).max(0);
        let start = profile.start.len().min((millis / STEP) as usize);
        let end = if badly { profile.end.len() } else { 0 };
        let left = millis - STEP * (profile.start.len() + 1) as i64 - STEP * end as i64;
        let steady = if profile.steady.is_empty() { 0 } else { (left / profile.every).max(0) as usize };
        Self { profile, seed: mix(seed ^ from.as_second() as u64), from, to, start, steady, end }
    }

    fn line(&self, index: usize) -> LogLine {
        let chance = mix(self.seed ^ index as u64);
        let nanos = (chance >> 20) % 1_000_000;
        let (millis, (level, message)) = if index < self.start {
            (STEP * (index + 1) as i64 - 20, self.profile.start[index])
        } else if index < self.start + self.steady || self.end == 0 {
            let at = index - self.start;
            let jitter = (chance >> 8) as i64 % (self.profile.every * 4 / 5).max(1);
            let after = STEP * (self.profile.start.len() + 1) as i64 + self.profile.every * at as i64;
            let lines = self.profile.steady;
            let choice = (chance >> 40) as usize % lines.len().max(1);
            (after + jitter.abs(), lines.get(choice).copied().unwrap_or(("INFO", "")))
        } else {
            let at = (index - self.start - self.steady).min(self.end.saturating_sub(1));
            let whole = self.to.as_millisecond() - self.from.as_millisecond();
            (whole - STEP * (self.end - at) as i64 + 10, self.profile.end[at])
        };
        let passed = SignedDuration::from_millis(millis) + SignedDuration::from_nanos(nanos as i64);
        let at = self.from.saturating_add(passed).unwrap_or(self.to).min(self.to);
        LogLine { at, text: self.write(at, level, &fill(message, index, chance)) }
    }

    fn write(&self, at: Timestamp, level: &str, message: &str) -> String {
        match self.profile.style {
            Style::Json => {
                let at = at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
                json!({"time": at, "level": level.to_lowercase(), "msg": message}).to_string()
            }
            Style::Klog => {
                let letter = level.chars().next().unwrap_or('I');
                format!("{letter}{}       1 {message}", at.strftime("%m%d %H:%M:%S%.6f"))
            }
            Style::Plain if level.is_empty() => message.to_owned(),
            Style::Plain => format!("{} {level} {message}", at.strftime("%Y-%m-%d %H:%M:%S%.3f")),
        }
    }
}

const PATHS: &[&str] = &["/", "/items", "/items/42", "/cart", "/search?q=tea", "/ready"];

fn fill(message: &str, index: usize, chance: u64) -> String {
    if !message.contains('{') {
        return message.to_owned();
    }
    message
        .replace("{n}", &(chance % 997 + 1).to_string())
        .replace("{id}", &format!("{:08x}", chance as u32))
        .replace("{i}", &index.to_string())
        .replace("{path}", PATHS[chance as usize % PATHS.len()])
}
