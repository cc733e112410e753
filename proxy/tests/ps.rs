//! The directory of running processes and `mcp-tap ps`, with admin ports on Unix sockets, as users start them.

#![expect(clippy::unwrap_used, reason = "this is how a test fails")]

mod support;

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use support::PATIENCE;
use support::client::RawClient;
use support::process::{Process, without_variables};
use support::server::ScriptedServer;
use support::tap::{EXECUTABLE, RUNTIME_DIR};

/// A server of which every call fails that says so.
fn server() -> ScriptedServer {
    ScriptedServer::start(|connection| {
        while let Some(request) = connection.request() {
            let request: Value = serde_json::from_slice(&request.body).unwrap();
            let failed = request["params"]["arguments"]["fails"] == true;
            let result = json!({"content": [{"type": "text", "text": "done"}], "isError": failed});
            let answer = json!({"jsonrpc": "2.0", "id": request["id"], "result": result}).to_string();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length";
            connection.send(format!("{head}: {}\r\n\r\n{answer}", answer.len()).as_bytes());
        }
    })
}

/// The directory of one test.
struct Place {
    outer: tempfile::TempDir,
    server: ScriptedServer,
}

/// What a command said.
struct Said {
    status: i32,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Self {
        Self { outer: tempfile::tempdir().unwrap(), server: server() }
    }

    fn folder(&self) -> PathBuf {
        self.outer.path().join("running")
    }

    /// The names of the files in it.
    fn files(&self) -> BTreeSet<String> {
        let Ok(files) = fs::read_dir(self.folder()) else { return BTreeSet::new() };
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(EXECUTABLE);
        command.env(RUNTIME_DIR, self.folder()).args(arguments);
        without_variables(&mut command, &["MCP_TAP_", "OTEL_"]);
        command
    }

    /// Runs a command to its end, which comes by itself.
    fn say(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).stdin(Stdio::null()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said {
            status: output.status.code().expect("it ended by itself"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// The processes that `ps` lists.
    fn listed(&self) -> Vec<Value> {
        let said = self.say(&["ps", "--json"]);
        assert_eq!(said.status, 0, "{}", said.err);
        serde_json::from_str(&said.out).unwrap()
    }

    fn tap(&self, name: &str, flags: &[&str]) -> Running {
        let upstream = format!("http://{}", self.server.address);
        let mut arguments = vec!["run", "--upstream", &upstream, "--name", name, "--listen", "127.0.0.1:0"];
        arguments.extend(["--log-format", "json"]);
        arguments.extend(flags);
        let process = Process::start(name, &mut self.command(&arguments));
        let (traffic, admin) = process.wait_for_line("its addresses", |line| {
            let line: Value = serde_json::from_str(line).ok()?;
            let fields = line.get("fields").unwrap_or(&line);
            let text = |name: &str| Some(fields.get(name)?.as_str()?.to_owned());
            (fields["message"] == "listening").then_some((text("traffic")?.parse().ok()?, text("admin")?))
        });
        Running { traffic, admin, process }
    }
}

struct Running {
    traffic: SocketAddr,
    /// As its log says it.
    admin: String,
    process: Process,
}

impl Running {
    fn call(&self, calls: u64, fails: bool) {
        let mut client = RawClient::connect(self.traffic);
        for id in 0..calls {
            let params = json!({"name": "work", "arguments": {"fails": fails}});
            let body = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
            let body = body.to_string();
            let head = "POST /mcp HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nAccept: application/json, \
                text/event-stream\r\nContent-Length";
            let answer = client.exchange(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes());
            assert_eq!(answer.status(), 200);
        }
    }

    fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The path of its Unix socket.
    fn socket(&self) -> &Path {
        Path::new(self.admin.strip_prefix("unix:").unwrap())
    }

    /// Ends it as Kubernetes does; gives its log after it listened.
    fn stop(self) -> String {
        self.process.terminate();
        let (status, lines) = self.process.finish(PATIENCE);
        assert!(status.success());
        lines.join("\n")
    }
}

/// A page over a Unix socket.
fn page(socket: &Path, path: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    answer
}

#[test]
fn two_processes_are_listed_with_their_own_figures_until_they_end() {
    let place = Place::new();
    let search = place.tap("search", &["--admin", "auto"]);
    let files = place.tap("files", &["--admin", "auto"]);
    search.call(3, false);
    search.call(1, true);
    let said = search.process.wait_until("its calls are counted", || {
        let said = place.say(&["ps"]);
        said.out.contains("25%").then_some(said)
    });
    assert_eq!((said.status, said.err.as_str()), (0, ""));
    let rows: Vec<Vec<&str>> = said.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["PID", "NAME", "KIND", "UPTIME", "CALLS", "ERRORS", "P95", "SLO", "ADMIN"]);
    let [busy, idle] = &rows[1..] else { panic!("{}", said.out) };
    let pids = [search.pid(), files.pid()].map(|pid| pid.to_string());
    assert_eq!([busy[0], busy[1], busy[2], busy[4], busy[5]], [&pids[0], "search", "http", "4", "25%"]);
    assert!(busy[6].ends_with('s') && busy[7] == "exhausted", "{}", said.out);
    assert_eq!(busy.last(), Some(&search.admin.as_str()));
    assert_eq!(idle[1..3], ["files", "http"]);
    assert_eq!(idle[4..], ["0", "-", "-", "idle", &files.admin]);
    assert!(!said.out.contains('\x1b'), "no colours for pipes");

    let listed = place.listed();
    let summary = &listed[0]["summary"];
    assert_eq!((&summary["calls"], &summary["failures"]), (&json!(4), &json!(1)));
    assert_eq!(summary["slo"]["objective"], "availability");
    assert_eq!(listed[0]["serves"], place.server.address.to_string());
    assert_eq!(listed[1]["problem"], Value::Null);

    let entry = place.folder().join(format!("{}.json", pids[0]));
    for (path, mode) in [(&*place.folder(), 0o700), (&entry, 0o600), (search.socket(), 0o600)] {
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, mode, "{}", path.display());
    }
    search.stop();
    files.stop();
    assert_eq!(place.files(), BTreeSet::new(), "nothing is left behind");
    assert_eq!(place.listed(), [] as [Value; 0]);
}

#[test]
fn one_that_was_killed_is_no_longer_listed_and_cleared_away() {
    let place = Place::new();
    let killed = place.tap("killed", &["--admin", "auto"]);
    let other = place.tap("other", &["--admin", "127.0.0.1:0"]);
    assert_eq!((place.listed().len(), place.files().len()), (2, 3));
    killed.process.kill();
    let only = other.process.wait_until("the killed one is gone", || {
        let listed = place.listed();
        (listed.len() == 1).then(|| listed[0].clone())
    });
    assert_eq!((&only["name"], &only["admin"]), (&json!("other"), &json!(format!("http://{}", other.admin))));
    assert_eq!(place.files(), BTreeSet::from([format!("{}.json", other.pid())]));
}

#[test]
fn one_that_hangs_is_listed_without_figures_and_in_time() {
    let place = Place::new();
    let hanging: Vec<_> = (0..3).map(|_| place.tap("hangs", &["--admin", "auto"])).collect();
    let well = place.tap("well", &["--admin", "auto"]);
    hanging.iter().for_each(|tap| tap.process.freeze());
    let start = mcp_tap::clock::now();
    let said = place.say(&["ps"]);
    // Together, and not one after the other: that would be six seconds.
    let took = start.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(6)).contains(&took), "{took:?}");
    assert_eq!(said.status, 0);
    let row = |name: &str| {
        let line = said.out.lines().find(|line| line.contains(name)).unwrap();
        line.split_whitespace().skip(4).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row("hangs"), ["-", "-", "-", "-", &hanging[0].admin]);
    assert_eq!(row("well"), ["0", "-", "-", "idle", &well.admin]);
    assert_eq!(said.err.lines().count(), 3, "{}", said.err);
    let expected = format!(
        "mcp-tap: {} (hangs) does not say how it goes: cannot read /summary at {}: no answer within 2s; is it \
         stopped, or too busy?",
        hanging[0].pid(),
        hanging[0].admin
    );
    assert!(said.err.contains(&expected), "{}\n{expected}", said.err);
}

#[test]
fn pages_are_read_over_the_socket_by_hand_and_by_curl() {
    let place = Place::new();
    let path = place.outer.path().join("tap.sock");
    let admin = format!("unix:{}", path.display());
    let tap = place.tap("files", &["--admin", &admin]);
    assert_eq!(tap.admin, admin);
    tap.call(2, false);
    tap.process.wait_until("its calls are counted", || {
        page(&path, "/metrics").contains(r#"result="success",tool_name="work"} 2"#).then_some(())
    });
    assert!(page(&path, "/readyz").ends_with("\r\n\r\nready\n"));
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--unix-socket"]).arg(&path).arg("http://localhost/livez");
    match curl.output() {
        Ok(output) => assert_eq!(output.stdout, b"ok\n", "{output:?}"),
        // It is not on every machine.
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
    }
    tap.stop();
    assert!(!path.exists());
}

#[test]
fn a_socket_is_replaced_when_its_process_is_gone_and_not_before() {
    let place = Place::new();
    let path = place.outer.path().join("tap.sock");
    let admin = format!("unix:{}", path.display());
    let first = place.tap("first", &["--admin", &admin]);
    let upstream = format!("http://{}", place.server.address);
    let flags = ["run", "--upstream", &upstream, "--listen", "127.0.0.1:0", "--admin", &admin];
    let said = place.say(&flags);
    let expected =
        format!("mcp-tap: cannot listen on {admin} (admin): another process listens there; end it, or");
    assert!(said.status == 1 && said.err.starts_with(&expected), "{}", said.err);
    first.process.kill();
    first.process.wait_until("nobody listens any more", || UnixStream::connect(&path).err());
    assert!(path.exists(), "it left its socket behind");
    let second = place.tap("second", &["--admin", &admin]);
    assert!(page(&path, "/summary").contains(r#""name":"second""#));
    second.stop();
    assert!(!path.exists());
}

#[test]
fn a_directory_that_is_open_to_others_is_refused() {
    let place = Place::new();
    fs::create_dir(place.folder()).unwrap();
    fs::set_permissions(place.folder(), Permissions::from_mode(0o777)).unwrap();
    let refusal = format!("{} is open to others (mode 0777): `chmod 700", place.folder().display());
    let said = place.say(&["ps"]);
    assert!(said.status == 1 && said.err.starts_with(&format!("mcp-tap: {refusal}")), "{}", said.err);
    let upstream = format!("http://{}", place.server.address);
    let said = place.say(&["run", "--upstream", &upstream, "--listen", "127.0.0.1:0", "--admin", "auto"]);
    assert!(said.status == 1 && said.err.contains(&format!("on auto (admin): {refusal}")), "{}", said.err);
    // Where the directory is not needed, traffic goes on: without a word in containers, which have no use for it.
    let quiet = place.tap("quiet", &["--admin", "127.0.0.1:0"]);
    quiet.call(1, false);
    let printed = quiet.process.printed();
    quiet.stop();
    assert!(!printed.lock().unwrap().contains("mcp-tap ps"));
    let socket = format!("unix:{}", place.outer.path().join("a.sock").display());
    let warned = place.tap("warned", &["--admin", &socket]);
    warned.call(1, false);
    let printed = warned.process.printed();
    warned.stop();
    let printed = printed.lock().unwrap();
    assert!(printed.contains("WARN") && printed.contains(&refusal), "{printed}");
    assert_eq!(place.files(), BTreeSet::new());
}

#[test]
fn without_an_admin_port_traffic_passes_and_nothing_is_listed() {
    let place = Place::new();
    let tap = place.tap("dark", &["--admin", "off"]);
    assert_eq!(tap.admin, "off");
    tap.call(2, false);
    assert_eq!(place.listed(), [] as [Value; 0]);
    assert!(!place.folder().exists());
    let printed = tap.process.printed();
    tap.stop();
    let printed = printed.lock().unwrap();
    assert!(printed.contains("--admin: there is no admin port") && printed.contains("WARN"), "{printed}");
}

#[test]
fn where_nothing_runs_that_is_said_and_nothing_is_made() {
    let place = Place::new();
    let said = place.say(&["ps"]);
    assert_eq!((said.status, said.out.as_str()), (0, ""));
    let expected =
        format!("no mcp-tap with an admin port runs here (looked in {})\n", place.folder().display());
    assert_eq!(said.err, format!("mcp-tap: {expected}"));
    let said = place.say(&["ps", "--json"]);
    assert_eq!((said.status, said.out.as_str()), (0, "[]\n"));
    assert!(!place.folder().exists());
    assert_eq!(place.say(&["ps", "--watch", "--json"]).status, 64);
}

#[test]
fn watching_prints_again() {
    let place = Place::new();
    let _tap = place.tap("files", &["--admin", "auto"]);
    let watch = Process::start("mcp-tap ps --watch", &mut place.command(&["ps", "--watch"]));
    for _ in 0..2 {
        watch.wait_for_line("a heading", |line| line.contains("UPTIME").then_some(()));
        watch.wait_for_line("a process", |line| line.contains(" files ").then_some(()));
    }
}

#[test]
fn a_port_on_all_addresses_is_dialled_at_loopback() {
    let place = Place::new();
    let tap = place.tap("everywhere", &["--admin", "0.0.0.0:0"]);
    let listed = place.listed();
    assert_eq!(listed[0]["admin"], json!(format!("http://{}", tap.admin.replace("0.0.0.0", "127.0.0.1"))));
    assert_eq!(listed[0]["summary"]["pid"], tap.pid());
}

#[test]
fn service_levels_are_read_by_socket_process_id_and_name() {
    let place = Place::new();
    let taps = ["search", "twin", "twin"].map(|name| place.tap(name, &["--admin", "auto"]));
    let pids = taps.each_ref().map(|tap| tap.pid().to_string());
    for flags in [["--admin", &taps[0].admin], ["--pid", &pids[0]], ["--name", "search"]] {
        let said = place.say(&["slo", flags[0], flags[1]]);
        assert_eq!((said.status, said.err.as_str()), (0, ""), "{flags:?}");
        assert!(said.out.contains("availability") && said.out.contains("search"), "{}", said.out);
    }
    let said = place.say(&["slo", "--name", "twin"]);
    assert!(
        said.status == 1 && said.err.contains("2 mcp-taps of the name `twin` run; choose one:"),
        "{}",
        said.err
    );
    for (pid, tap) in pids.iter().zip(&taps).skip(1) {
        assert!(said.err.contains(&format!("--pid {pid}  at {}", tap.admin)), "{}", said.err);
        assert!(place.say(&["slo", "--pid", pid]).out.contains("twin"));
    }
    for (flags, status, expected) in [
        (&["--name", "nobody"][..], 1, "no mcp-tap of the name `nobody` runs: see `mcp-tap ps`"),
        (&["--pid", "4000000"], 1, "no mcp-tap with process id 4000000 runs"),
        (&["--pid", "x"], 64, "invalid value 'x'"),
        (&["--pid", &pids[0], "--name", "search"], 64, "cannot be used with"),
        (&["--admin", "unix:tap.sock"], 64, "write unix:/PATH"),
        (&["--admin", "unix:/nowhere/tap.sock"], 1, "cannot read /slo at unix:/nowhere/tap.sock: "),
    ] {
        let said = place.say(&[&["slo"], flags].concat());
        assert!(
            said.status == status && said.err.contains(expected),
            "{flags:?} {}: {}",
            said.status,
            said.err
        );
    }
}
