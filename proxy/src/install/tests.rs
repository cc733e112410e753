//! Wrapping and putting back, as tables of texts.

use super::*;

/// The shape of a client.
fn shape(client: &str) -> Shape {
    Client::named(client).unwrap().shape
}

fn wrapper(options: &[&str]) -> Wrapper {
    Wrapper { tap: "/t/mcp-tap".into(), options: options.iter().map(|word| (*word).to_owned()).collect() }
}

fn install(text: &str, client: &str, options: &[&str]) -> Plan {
    plan(text, shape(client), Task::Install(&wrapper(options)), &[]).unwrap()
}

fn uninstall(text: &str, client: &str) -> String {
    plan(text, shape(client), Task::Uninstall(None), &[]).unwrap().after
}

/// What stands for the words of a wrapper, in expectations.
const WORDS: &str = r#""stdio", "--admin", "auto", "--name", "x","#;

/// Clients, texts, and what these become.
const WRAPPED: &[(&str, &str, &str)] = &[
    (
        "cursor",
        r#"{"mcpServers":{"x":{"command":"npx","args":["-y","s"]}}}"#,
        r#"{"mcpServers":{"x":{"command":"/t/mcp-tap","args":[WORDS "--", "npx", "-y","s"]}}}"#,
    ),
    (
        "cursor",
        r#"{"mcpServers":{"x":{"command":"npx","args":[ ]}}}"#,
        r#"{"mcpServers":{"x":{"command":"/t/mcp-tap","args":[WORDS "--", "npx" ]}}}"#,
    ),
    (
        "cursor",
        "{\"mcpServers\": {\"x\": {\n\t\"command\": \"n\\u0070x\" // why\n}}}",
        "{\"mcpServers\": {\"x\": {\n\t\"command\": \"/t/mcp-tap\",\n\t\"args\": [WORDS \"--bare\", \"--\", \
                \"n\\u0070x\"] // why\n}}}",
    ),
    (
        "cursor",
        r#"{"mcpServers":{"x":{"command":"a b","env":{}}}}"#,
        r#"{"mcpServers":{"x":{"command":"/t/mcp-tap", "args":[WORDS "--bare", "--", "a b"],"env":{}}}}"#,
    ),
    (
        "cursor",
        r#"{"mcpServers":{"x":{"args":[/* first */ "-y", /* last */],"command":/*:*/"npx"}}}"#,
        r#"{"mcpServers":{"x":{"args":[/* first */ WORDS "--", "npx", "-y", /* last */],"command":/*:*/"/t/mcp-tap"}}}"#,
    ),
    (
        "zed",
        r#"{"context_servers":{"x":{"command":{"path":"p","args":["a"],"env":{}},"settings":{}}}}"#,
        r#"{"context_servers":{"x":{"command":{"path":"/t/mcp-tap","args":[WORDS "--", "p", "a"],"env":{}},"settings":{}}}}"#,
    ),
    (
        "zed",
        r#"{"context_servers":{"x":{"command":{"path":"p"}}}}"#,
        r#"{"context_servers":{"x":{"command":{"path":"/t/mcp-tap", "args":[WORDS "--bare", "--", "p"]}}}}"#,
    ),
    (
        "opencode",
        r#"{"mcp":{"x":{"type":"local","command":["npx", "s"]}}}"#,
        r#"{"mcp":{"x":{"type":"local","command":["/t/mcp-tap", WORDS "--", "npx", "s"]}}}"#,
    ),
    (
        "codex",
        "[mcp_servers.x]\ncommand = 'npx'\nargs = [\n  '-y', # yes\n  's',\n]\n",
        "[mcp_servers.x]\ncommand = \"/t/mcp-tap\"\nargs = [\n  WORDS \"--\", 'npx', '-y', # yes\n  's',\n]\n",
    ),
    (
        "codex",
        "[mcp_servers.x]\r\n  command='s' # it\r\n[mcp_servers.x.env]\r\nK='v'",
        "[mcp_servers.x]\r\n  command=\"/t/mcp-tap\" # it\r\n  args=[WORDS \"--bare\", \"--\", \
                's']\r\n[mcp_servers.x.env]\r\nK='v'",
    ),
    (
        "codex",
        "mcp_servers.x.command = 's'",
        "mcp_servers.x.command = \"/t/mcp-tap\"\nmcp_servers.x.args = [WORDS \"--bare\", \"--\", 's']",
    ),
    (
        "codex",
        "mcp_servers = { x = { command = 's', env = { K = 'v' } } }",
        "mcp_servers = { x = { command = \"/t/mcp-tap\", args = [WORDS \"--bare\", \"--\", 's'], env = { K = \
                'v' } } }",
    ),
];

#[test]
fn a_command_moves_behind_the_wrapper_and_back() {
    for (client, before, expected) in WRAPPED {
        let expected = expected.replace("WORDS", WORDS);
        let wrapped = install(before, client, &[]);
        assert_eq!(wrapped.after, expected);
        assert!(!install(&expected, client, &[]).changes(), "{expected}");
        assert_eq!(uninstall(&expected, client), *before);
        let updated = install(&expected, client, &["--log", "debug"]);
        assert_eq!(updated.servers[0].verdict, Verdict::Update);
        assert_eq!(uninstall(&updated.after, client), *before);
    }
}

#[test]
fn what_others_changed_meanwhile_stays_and_commands_go_back_all_the_same() {
    let before = r#"{"mcpServers": {"x": {"command": "npx", "args": ["-y", "s"]}, "b": {"command": "s"}}}"#;
    let wrapped = install(before, "cursor", &[]).after;
    // A program that writes all of it anew, with sorted keys.
    let tree: serde_json::Value = serde_json::from_str(&wrapped).unwrap();
    let pretty = serde_json::to_string_pretty(&tree).unwrap();
    let back: serde_json::Value = serde_json::from_str(&uninstall(&pretty, "cursor")).unwrap();
    assert_eq!(back, serde_json::from_str::<serde_json::Value>(before).unwrap());
    for (found, expected) in [
        // A formatter with trailing commas; somebody's comments.
        (
            "{\"mcpServers\": {\"x\": {\n  \"command\": \"mcp-tap\",\n  \"args\": [\n    \"stdio\", // how\n    \"--\",\n    \
                \"npx\",\n  ],\n}}}",
            "{\"mcpServers\": {\"x\": {\n  \"command\": \"npx\",\n  \"args\": [\n    // how\n\n  ],\n}}}",
        ),
        (
            "{\"mcpServers\": {\"x\": {\n  \"args\": [\"stdio\", \"--bare\", \"--\", \"npx\"], // all\n  \"command\": \
                \"mcp-tap\"\n}}}",
            "{\"mcpServers\": {\"x\": {\n  // all\n\"command\": \"npx\"\n}}}",
        ),
        // Arguments that came later.
        (
            r#"{"mcpServers": {"x": {"command": "mcp-tap", "args": ["stdio", "--bare", "--", "npx", "new"]}}}"#,
            r#"{"mcpServers": {"x": {"command": "npx", "args": ["new"]}}}"#,
        ),
        // A wrapper by hand, by another path, with a version, and on Windows.
        (
            r#"{"mcpServers": {"x": {"command": "C:\\bin\\mcp-tap.exe", "args": ["stdio", "--", "cmd", "/c", "npx"]}}}"#,
            r#"{"mcpServers": {"x": {"command": "cmd", "args": ["/c", "npx"]}}}"#,
        ),
    ] {
        assert_eq!(uninstall(found, "cursor"), expected);
    }
    let sorted = "[mcp_servers.x]\nargs = [\"stdio\", \"--bare\", \"--\", 's']\ncommand = \"/t/mcp-tap\"\n";
    assert_eq!(uninstall(sorted, "codex"), "[mcp_servers.x]\ncommand = 's'\n");
    let first =
        "mcp_servers.x.args = [\"stdio\", \"--bare\", \"--\", 's']\nmcp_servers.x.command = \"mcp-tap\"\n";
    assert_eq!(uninstall(first, "codex"), "mcp_servers.x.command = 's'\n");
}

#[test]
fn options_are_those_of_the_command_line_and_names_those_of_the_servers() {
    let words = |name: &str, options: &[&str]| {
        let text = serde_json::json!({"mcpServers": {name: {"command": "c", "args": []}}}).to_string();
        let after: serde_json::Value =
            serde_json::from_str(&install(&text, "cursor", options).after).unwrap();
        let words = after["mcpServers"][name]["args"].as_array().unwrap().clone();
        words.iter().map(|word| word.as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let long = "n".repeat(129);
    for (name, options, expected) in [
        ("x", vec![], "stdio --admin auto --name x -- c"),
        ("名前 \"🦀\"", vec![], "stdio --admin auto --name 名前 \"🦀\" -- c"),
        ("x", vec!["--log=debug"], "stdio --admin auto --name x --log=debug -- c"),
        ("x", vec!["--name", "y"], "stdio --admin auto --name y -- c"),
        ("x", vec!["--admin=off", "--name=y"], "stdio --admin=off --name=y -- c"),
        ("--", vec![], "stdio --admin auto --name=-- -- c"),
        ("-x", vec![], "stdio --admin auto --name=-x -- c"),
        ("", vec![], "stdio --admin auto -- c"),
        ("a\nb", vec![], "stdio --admin auto -- c"),
        (long.as_str(), vec![], "stdio --admin auto -- c"),
    ] {
        assert_eq!(words(name, &options), expected);
    }
}

#[test]
fn servers_that_cannot_be_wrapped_are_left_alone_and_said_why() {
    let text = r#"{
        "mcpServers": {"shadow": {"command": "never"}},
        "mcpServers": {
            "remote": {"url": "https://example.com/mcp"},
            "http": {"type": "http", "httpUrl": "https://example.com/mcp"},
            "odd": 7,
            "none": {"env": {}},
            "empty": {"command": " "},
            "number": {"command": 7},
            "args": {"command": "c", "args": "-y"},
            "words": {"command": "c", "args": ["-y", 7]},
            "itself": {"command": "/usr/bin/mcp-tap", "args": ["run"]},
            "twice": {"command": "first"},
            "off": {"command": "c", "args": [], "disabled": true},
            "twice": {"command": "second"}
        }
    }"#;
    let plan = install(text, "cursor", &[]);
    let reasons: Vec<_> = plan
        .servers
        .iter()
        .map(|server| match server.verdict {
            Verdict::Leave(why) => (server.name.as_str(), why),
            _ => (server.name.as_str(), "wrapped"),
        })
        .collect();
    assert_eq!(
        reasons,
        [
            ("remote", "it is remote, with no command to wrap"),
            ("http", "it is remote, with no command to wrap"),
            ("odd", "it is no table of settings"),
            ("none", "it has no command"),
            ("empty", "its command is empty"),
            ("number", "its command is no string"),
            ("args", "its args are no list of strings"),
            ("words", "its args are no list of strings"),
            ("itself", "it is mcp-tap already, in a way that was not made here"),
            ("off", "wrapped"),
            ("twice", "wrapped"),
        ]
    );
    assert!(plan.after.contains(r#""twice": {"command": "first"}"#) && plan.after.contains("\"never\""));
    assert_eq!(uninstall(&plan.after, "cursor"), text);
}

#[test]
fn servers_are_found_wherever_the_client_has_them() {
    for (client, text, expected) in [
        ("vscode", r#"{"servers": {"x": {"command": "c"}}, "inputs": []}"#, "servers"),
        ("vscode", r#"{"mcp": {"servers": {"x": {"command": "c"}}}}"#, "mcp servers"),
        ("vscode", r#"{"mcp.servers": {"x": {"command": "c"}}}"#, "mcp.servers"),
        (
            "claude-code",
            r#"{"projects": {"/p": {"mcpServers": {"x": {"command": "c"}}}}}"#,
            "projects /p mcpServers",
        ),
        ("opencode", r#"{"mcp": {"servers": {"x": {"command": ["c"]}}}}"#, "mcp servers"),
        ("amp", r#"{"amp.mcpServers": {"x": {"command": "c"}}}"#, "amp.mcpServers"),
        ("codex", "[[profiles]]\n[mcp_servers]\nx.command = 'c'", "mcp_servers"),
    ] {
        let plan = install(text, client, &[]);
        let found: Vec<_> =
            plan.servers.iter().map(|server| (server.name.as_str(), server.place.join(" "))).collect();
        assert_eq!(found, [("x", expected.to_owned())], "{text}");
        assert_eq!(uninstall(&plan.after, client), text);
    }
}

#[test]
fn only_named_servers_are_touched_and_another_wrapper_is_known_by_its_path() {
    let text = r#"{"mcpServers": {"a": {"command": "c"}, "b": {"command": "c"}}}"#;
    let task = Wrapper { tap: "/opt/tap".into(), options: vec![] };
    let wrapped = plan(text, shape("cursor"), Task::Install(&task), &["b".into()]).unwrap();
    let verdicts: Vec<_> = wrapped.servers.iter().map(|server| server.verdict.clone()).collect();
    assert_eq!(verdicts, [Verdict::Leave("it is not named by --server"), Verdict::Wrap]);
    assert!(
        wrapped.after.starts_with(r#"{"mcpServers": {"a": {"command": "c"}, "b": {"command": "/opt/tap""#)
    );
    assert!(!wrapped.was_wrapped);
    assert_eq!(uninstall(&wrapped.after, "cursor"), wrapped.after);
    let back = plan(&wrapped.after, shape("cursor"), Task::Uninstall(Some("/opt/tap")), &[]).unwrap();
    assert_eq!((back.after.as_str(), back.was_wrapped), (text, true));
}

#[test]
fn the_diff_shows_what_changes_and_no_secret() {
    let text = "{\n  \"mcpServers\": {\n    \"x\": {\n      \"command\": \"npx\",\n      \"args\": [\"s\"],\n      \"env\": {\n        \
        \"TOKEN\": \"sk-1234\"\n      }\n    }\n  }\n}\n";
    let plan = install(text, "cursor", &[]);
    let diff = plan.diff(text, shape("cursor"), "mcp.json");
    let changed: Vec<_> = diff.lines().filter(|line| line.starts_with(['-', '+'])).collect();
    let args = format!("+      \"args\": [{WORDS} \"--\", \"npx\", \"s\"],");
    let expected = [
        "--- mcp.json",
        "+++ mcp.json",
        "-      \"command\": \"npx\",",
        "-      \"args\": [\"s\"],",
        "+      \"command\": \"/t/mcp-tap\",",
        args.as_str(),
    ];
    assert_eq!(changed, expected, "{diff}");
    assert!(diff.contains("\"TOKEN\": \"…\"") && !diff.contains("sk-1234"), "{diff}");
    assert!(plan.after.contains("sk-1234"));
}
