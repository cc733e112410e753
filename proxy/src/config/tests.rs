//! From texts to settings and to problems.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::http::forward::UpstreamProtocol;

/// All settings of `mcp-tap run`.
#[derive(Debug)]
struct Settings {
    http: HttpFront,
    config: Config,
}

impl std::ops::Deref for Settings {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.config
    }
}

/// The settings of these sources, where a server is demanded.
fn resolve(raw: &RawConfig, environment: Environment, problems: Problems) -> Result<Settings, Problems> {
    let settings = super::resolve(raw, SloConfig::default(), environment, problems, &Purpose::Run)?;
    match settings.expect("the server is known or missed") {
        (Front::Http(http), config) => Ok(Settings { http: *http, config }),
        (Front::Stdio(_), _) => panic!("a command was wrapped"),
    }
}

/// Settings from flags written as `name value`.
fn from_flags(flags: &[(&Key, &str)]) -> Result<Settings, Problems> {
    let mut raw = RawConfig::default();
    raw.add_flags(flags.iter().map(|(key, text)| {
        let key = *keys::ALL.iter().find(|known| known.name == key.name).expect("a known key");
        (key, (*text).to_owned())
    }));
    resolve(&raw, Environment::default(), Problems::default())
}

fn problems_of(flags: &[(&Key, &str)]) -> String {
    from_flags(flags).map(|_| ()).expect_err("something is wrong").to_string()
}

const UPSTREAM: (&Key, &str) = (&keys::UPSTREAM, "http://127.0.0.1:3001");

#[test]
fn every_default_is_valid_and_the_upstream_alone_is_a_complete_start() {
    let config = from_flags(&[UPSTREAM]).expect("nothing else is required");
    assert_eq!(config.http.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.admin.to_string(), "127.0.0.1:9464");
    assert_eq!(config.http.server.drain, Duration::from_secs(25));
    assert_eq!(config.telemetry.server_name, "127.0.0.1:3001");
    assert_eq!(config.http.upstream.response_timeout, None);
    assert_eq!(config.http.upstream.protocol, UpstreamProtocol::Http1);
}

#[test]
fn upstreams_are_urls_without_a_path() {
    let tcp = |host: &str, port| UpstreamAddress::Tcp { host: host.into(), port };
    let tls = |host: &str, port| UpstreamAddress::Tls { host: host.into(), port };
    let cases = [
        ("http://localhost:3001", Some(tcp("localhost", 3001))),
        ("http://localhost:3001/", Some(tcp("localhost", 3001))),
        ("http://example.com", Some(tcp("example.com", 80))),
        ("http://[::1]:99", Some(tcp("::1", 99))),
        ("https://example.com", Some(tls("example.com", 443))),
        ("HTTPS://example.com:8443", Some(tls("example.com", 8443))),
        ("unix:/run/mcp.sock", Some(UpstreamAddress::Unix("/run/mcp.sock".into()))),
        ("unix:relative.sock", None),
        ("unix:", None),
        ("http://localhost:3001/mcp", None),
        ("http://user@localhost:3001", None),
        ("http://localhost:0", None),
        ("localhost:3001", None),
        ("ftp://localhost", None),
        ("", None),
    ];
    for (text, expected) in cases {
        let address = from_flags(&[(&keys::UPSTREAM, text)]).ok().map(|config| config.http.upstream.address);
        assert_eq!(address, expected, "{text}");
    }
}

#[test]
fn all_problems_are_told_at_once_with_place_value_and_remedy() {
    let text = problems_of(&[
        (&keys::UPSTREAM, "http://localhost:3001/mcp"),
        (&keys::LISTEN, "8080"),
        (&keys::WORKERS, "many"),
        (&keys::DRAIN_TIME, "25"),
        (&keys::MESSAGE_LIMIT, "huge"),
        (&keys::CLIENT_ID, "full"),
        (&keys::COMPLEXITY, "echo=low,search=extreme,broken"),
        (&keys::LOG_LEVEL, "loud"),
    ]);
    insta::assert_snapshot!(text);
}

#[test]
fn a_missing_upstream_is_named_with_an_example() {
    insta::assert_snapshot!(problems_of(&[]), @r"
    1 problem in the configuration:
      --upstream: is required: the URL of the MCP server, for example --upstream http://127.0.0.1:3001
    ");
}

#[test]
fn one_address_for_traffic_and_admin_is_a_problem() {
    let text = problems_of(&[UPSTREAM, (&keys::LISTEN, "127.0.0.1:9000"), (&keys::ADMIN, "127.0.0.1:9000")]);
    assert!(text.contains("--admin: 127.0.0.1:9000 is the address of listen too"), "{text}");
}

#[test]
fn the_sidecar_in_front_of_itself_is_a_problem() {
    for (upstream, listen, admin, setting) in [
        ("http://127.0.0.1:9000", "127.0.0.1:9000", "127.0.0.1:9001", Some("listen")),
        ("http://localhost:9000", "127.0.0.1:9000", "127.0.0.1:9001", Some("listen")),
        ("http://localhost:9000", "0.0.0.0:9000", "127.0.0.1:9001", Some("listen")),
        ("http://[::1]:9000", "[::]:9000", "127.0.0.1:9001", Some("listen")),
        ("http://127.0.0.1:9001", "127.0.0.1:9000", "127.0.0.1:9001", Some("admin")),
        ("http://127.0.0.2:9000", "127.0.0.1:9000", "127.0.0.1:9001", None),
        ("http://server:9000", "0.0.0.0:9000", "127.0.0.1:9001", None),
        ("unix:/9000", "127.0.0.1:9000", "127.0.0.1:9001", None),
        ("unix:/9000", "127.0.0.1:9000", "unix:/9001", None),
        ("unix:/9000", "127.0.0.1:9000", "unix:/9000", Some("admin")),
        ("http://127.0.0.1:9001", "127.0.0.1:9000", "auto", None),
    ] {
        let flags = [(&keys::UPSTREAM, upstream), (&keys::LISTEN, listen), (&keys::ADMIN, admin)];
        let text = from_flags(&flags).err().map(|problems| problems.to_string());
        let expected = setting.map(|setting| format!("is the address of {setting} too"));
        match (&text, &expected) {
            (Some(text), Some(expected)) => assert!(text.contains(expected.as_str()), "{text}"),
            _ => assert_eq!(text, expected, "{upstream} {listen}"),
        }
    }
}

#[test]
fn the_admin_port_is_an_address_a_socket_or_nowhere() {
    let admin = |text| from_flags(&[UPSTREAM, (&keys::ADMIN, text)]).map(|settings| settings.config.admin);
    for (text, expected) in [
        ("[::1]:0", Address::Tcp("[::1]:0".parse().expect("an address"))),
        ("unix:/run/tap.sock", Address::Unix("/run/tap.sock".into())),
        ("auto", Address::Auto),
        ("off", Address::Off),
    ] {
        assert_eq!(admin(text).expect("right"), expected);
    }
    let wrong = problems_of(&[UPSTREAM, (&keys::ADMIN, "unix:tap.sock"), (&keys::RUNTIME_DIR, "run")]);
    insta::assert_snapshot!(wrong, @r#"
    2 problems in the configuration:
      --admin: "unix:tap.sock" is not an address for the admin port; write IP:PORT (for example 127.0.0.1:9464), unix:/PATH, auto or off
      --runtime-dir: "run" is not the path of a directory from the root, like /run/mcp-tap
    "#);
}

#[test]
fn processes_are_listed_where_it_is_said() {
    let running = from_flags(&[UPSTREAM, (&keys::RUNTIME_DIR, "/run/taps")]).expect("right").config.running;
    assert_eq!(running, Folders::new(Some("/run/taps".into())));
    assert_eq!(from_flags(&[UPSTREAM]).expect("right").running, Folders::new(None));
}

#[test]
fn flags_go_before_variables_and_variables_before_the_file() {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    writeln!(
        file,
        "upstream: http://file:1\nname: from-file\nregion: from-file\nworkers: 3\ncomplexity: {{echo: low}}"
    )
    .expect("it is written");
    let mut raw = RawConfig::default();
    let mut problems = Problems::default();
    raw.add_flags([(&keys::UPSTREAM, "http://flag:1".to_owned())]);
    let unknown = raw.add_variables([
        ("MCP_TAP_UPSTREAM".to_owned(), "http://variable:1".to_owned()),
        ("MCP_TAP_NAME".to_owned(), "from-variable".to_owned()),
        ("MCP_TAP_REGION".to_owned(), String::new()),
        ("MCP_TAP_SERVICE_HOST".to_owned(), "10.0.0.1".to_owned()),
    ]);
    raw.add_file(file.path(), &mut problems);
    let config = resolve(&raw, Environment::default(), problems).expect("it is right");
    assert_eq!(unknown, ["MCP_TAP_SERVICE_HOST"]);
    assert_eq!(config.http.upstream.address, UpstreamAddress::Tcp { host: "flag".into(), port: 1 });
    assert_eq!(config.telemetry.server_name, "from-variable");
    assert_eq!(config.telemetry.region, "from-file");
    assert_eq!(config.http.server.workers, 3);
    assert_eq!(config.telemetry.complexity.get("echo"), Some(&Complexity::Low));
}

#[test]
fn problems_of_the_file_name_file_line_and_key() {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    writeln!(file, "upstream: http://localhost:1\n\nworker: 3\nworkers: many\nlisten: [1, 2]")
        .expect("it is written");
    let mut raw = RawConfig::default();
    let mut problems = Problems::default();
    raw.add_file(file.path(), &mut problems);
    let text =
        resolve(&raw, Environment::default(), problems).map(|_| ()).expect_err("three are wrong").to_string();
    let text = text.replace(&file.path().display().to_string(), "tap.yaml");
    insta::assert_snapshot!(text);
}

#[test]
fn an_endless_file_is_not_read_to_its_end() {
    let mut raw = RawConfig::default();
    let mut problems = Problems::default();
    raw.add_file(Path::new("/dev/zero"), &mut problems);
    // What the file may have said is not asked for again.
    let text =
        resolve(&raw, Environment::default(), problems).map(|_| ()).expect_err("it is no file").to_string();
    insta::assert_snapshot!(text, @r"
    1 problem in the configuration:
      /dev/zero: cannot be read: it is longer than 1 MiB
    ");
}

#[test]
fn unreadable_and_foreign_files_are_problems() {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    writeln!(file, "- a\n- b").expect("it is written");
    for path in [file.path(), Path::new("does-not-exist.yaml")] {
        let mut raw = RawConfig::default();
        let mut problems = Problems::default();
        raw.add_file(path, &mut problems);
        let text = problems.to_string();
        assert!(text.contains(&path.display().to_string()), "{text}");
    }
}

#[test]
fn a_state_is_kept_where_a_directory_is_named() {
    let state = |flags: &[(&Key, &str)]| {
        let flags: Vec<_> = [UPSTREAM].iter().chain(flags).map(|(key, text)| (*key, *text)).collect();
        from_flags(&flags).map(|settings| settings.config.state)
    };
    let dir = (&keys::STATE_DIR, "/not/there/yet");
    let saved = |interval| Some(StateSettings { dir: "/not/there/yet".into(), interval });
    assert_eq!(state(&[]).expect("right"), None);
    assert_eq!(state(&[(&keys::STATE_INTERVAL, "1s")]).expect("right"), None);
    assert_eq!(state(&[dir]).expect("right"), saved(Duration::from_secs(10)));
    let often = (&keys::STATE_INTERVAL, "100ms");
    assert_eq!(state(&[dir, often]).expect("right"), saved(Duration::from_millis(100)));
    let wrong = state(&[(&keys::STATE_DIR, ""), (&keys::STATE_INTERVAL, "99ms")]).expect_err("wrong");
    insta::assert_snapshot!(wrong, @r#"
    2 problems in the configuration:
      --state-interval: "99ms" is not a duration of 100ms or more; write a number and its unit, for example 10s
      --state-dir: "" is not a directory; leave it out to save nothing
    "#);
}
