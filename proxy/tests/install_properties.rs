//! Whatever a configuration looks like: wrapping changes what it means in commands only, and goes back to the byte.

#![expect(clippy::panic, clippy::unwrap_used, reason = "this is how a test fails")]

#[path = "install/oracle.rs"]
mod oracle;

use mcp_tap::install::{Client, Plan, Task, Verdict, Wrapper, plan};
use oracle::Expected;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const TAP: &str = "/opt/tap dir/mcp-tap";

/// How a server is written: the shapes of three clients in JSON, and TOML in two ways.
const CLIENTS: [&str; 4] = ["cursor", "zed", "opencode", "codex"];

/// A server: its name, what it means, and what is written beside the command.
#[derive(Debug, Clone)]
struct Server {
    name: String,
    command: String,
    args: Option<Vec<String>>,
    env: bool,
    remote: bool,
}

/// Choices of a writer, taken one after the other, again from the start when they are used up.
struct Choices {
    given: Vec<u8>,
    at: usize,
}

impl Choices {
    fn next(&mut self, below: usize) -> usize {
        self.at += 1;
        usize::from(self.given[(self.at - 1) % self.given.len()]) % below
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.next(all.len())]
    }
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z@/.=-]{1,8}",
        1 => Just("--".to_owned()),
        1 => Just("stdio".to_owned()),
        1 => Just("--bare".to_owned()),
        2 => any::<String>().prop_map(|text| text.chars().take(6).filter(|c| *c != '\0').collect()),
        1 => Just("// \"}/* # ]*/".to_owned()),
    ]
}

fn server() -> impl Strategy<Value = Server> {
    let command = word().prop_filter("a command", |word| !word.trim().is_empty());
    let args = prop::option::of(prop::collection::vec(word(), 0..4));
    (word(), command, args, any::<bool>(), prop::bool::weighted(0.1))
        .prop_map(|(name, command, args, env, remote)| Server { name, command, args, env, remote })
}

/// What a server means to a client.
fn meaning(server: &Server, client: &str) -> Value {
    let mut table = Map::new();
    if server.remote {
        table.insert("url".into(), json!("https://example.com"));
        return Value::Object(table);
    }
    let mut inner = Map::new();
    let key = if client == "zed" { "path" } else { "command" };
    match (client, &server.args) {
        ("opencode", args) => {
            let line: Vec<_> = std::iter::once(&server.command).chain(args.iter().flatten()).collect();
            inner.insert(key.into(), json!(line));
        }
        (_, args) => {
            inner.insert(key.into(), json!(server.command));
            if let Some(args) = args {
                inner.insert("args".into(), json!(args));
            }
        }
    }
    if server.env {
        inner.insert("env".into(), json!({"KEY": "va\"lue", "command": "no"}));
    }
    if client == "zed" {
        table.insert("command".into(), Value::Object(inner));
        table.insert("settings".into(), json!({}));
    } else {
        table.extend(inner);
    }
    Value::Object(table)
}

/// Writes JSON with white space, comments, escapes and an order of keys as chosen.
fn json_text(value: &Value, choices: &mut Choices, out: &mut String) {
    const GAPS: [&str; 9] =
        ["", "", " ", "\n", "\r\n\t", "  ", "/* \"x\": { */", "// it's [\n", " // \\\"\r\n  "];
    let between: &mut dyn FnMut(&mut Choices, &mut String) =
        &mut |choices, out| out.push_str(choices.one_of(&GAPS));
    let (open, close, mut items): (_, _, Vec<_>) = match value {
        Value::Object(table) => ('{', '}', table.iter().map(|(key, value)| (Some(key), value)).collect()),
        Value::Array(values) => ('[', ']', values.iter().map(|value| (None, value)).collect()),
        Value::String(text) => return out.push_str(&json_string(text, choices)),
        other => return out.push_str(&other.to_string()),
    };
    if open == '{' && !items.is_empty() {
        let by = choices.next(items.len());
        items.rotate_left(by);
    }
    out.push(open);
    for (index, (key, value)) in items.iter().enumerate() {
        between(choices, out);
        if let Some(key) = key {
            out.push_str(&json_string(key, choices));
            between(choices, out);
            out.push(':');
            between(choices, out);
        }
        json_text(value, choices, out);
        between(choices, out);
        if index + 1 < items.len() || choices.next(4) == 0 {
            out.push(',');
        }
    }
    between(choices, out);
    out.push(close);
}

fn json_string(text: &str, choices: &mut Choices) -> String {
    let mut written = String::from("\"");
    for c in text.chars() {
        if choices.next(8) == 0 {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| written.push_str(&format!("\\u{unit:04x}")));
        } else {
            let quoted = serde_json::to_string(&c).unwrap();
            written.push_str(&quoted[1..quoted.len() - 1]);
        }
    }
    written + "\""
}

/// Writes the servers as TOML, each as a table of its own, by dotted keys or in line.
fn toml_text(servers: &Map<String, Value>, choices: &mut Choices) -> String {
    let end = choices.one_of(&["\n", "\r\n"]);
    let mut text =
        choices.one_of(&["", "\u{feff}", "# [mcp_servers.no]\n", "a = '''\n[x]\n'''\n"]).to_owned();
    for (name, server) in servers {
        let quoted = toml_string(name, &mut Choices { given: vec![0], at: 0 });
        match choices.next(3) {
            0 => text.push_str(&format!("[mcp_servers.{quoted}]{end}")),
            1 => text.push_str(&format!("[ 'mcp_servers' ]#{end}")),
            _ => text.push_str(&format!("[mcp_servers]{end}")),
        }
        // Dotted below the shared table, which TOML lets be opened once only: so all but the first kind are in line.
        let below = !text.ends_with(&format!("[mcp_servers.{quoted}]{end}"));
        let indent = choices.one_of(&["", "  ", "\t"]);
        let mut members: Vec<_> = server.as_object().unwrap().iter().collect();
        let by = choices.next(members.len());
        members.rotate_left(by);
        for (key, value) in members {
            let sign = choices.one_of(&["=", " = ", "\t=  "]);
            let prefix = if below { format!("{quoted} . ") } else { String::new() };
            let comment = choices.one_of(&["", "", " # it's", "\t"]);
            text.push_str(&format!(
                "{indent}{prefix}{key}{sign}{}{comment}{end}",
                toml_value(value, choices)
            ));
        }
        if choices.next(3) == 0 {
            text.push_str(end);
        }
        if below {
            // Another header would open the same table twice.
            break;
        }
    }
    if choices.next(3) == 0 { text.trim_end_matches(['\r', '\n']).to_owned() } else { text }
}

fn toml_value(value: &Value, choices: &mut Choices) -> String {
    match value {
        Value::String(text) => toml_string(text, choices),
        Value::Array(values) => {
            let gap = choices.one_of(&["", " ", "\n ", " # ]\n"]);
            let words: Vec<_> = values.iter().map(|value| toml_value(value, choices)).collect();
            let tail = if words.is_empty() || choices.next(2) == 0 { "" } else { "," };
            format!("[{gap}{}{tail}{gap}]", words.join(&format!(",{gap}")))
        }
        Value::Object(table) => {
            let members: Vec<_> =
                table.iter().map(|(key, value)| format!("{key} = {}", toml_value(value, choices))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        _ => panic!("not written here: {value}"),
    }
}

fn toml_string(text: &str, choices: &mut Choices) -> String {
    let plain = !text.chars().any(|c| c.is_control() || c == '\'');
    if plain && choices.next(2) == 1 {
        let quote = choices.one_of(&["'", "'''"]);
        return format!("{quote}{text}{quote}");
    }
    serde_json::to_string(text).unwrap().replace('\u{7f}', "\\u007f")
}

fn planned(text: &str, client: &str, task: Task<'_>) -> Plan {
    let shape = Client::named(client).unwrap().shape;
    plan(text, shape, task, &[]).unwrap_or_else(|error| panic!("{client}: {error}\n{text}"))
}

/// All promises about one text.
fn check(text: &str, client: &str) {
    let toml = client == "codex";
    let before = oracle::read(text, toml);
    let wrapper = |options: &[&str]| Wrapper {
        tap: TAP.into(),
        options: options.iter().map(|word| (*word).to_owned()).collect(),
    };
    let expected =
        |options: &[&str]| oracle::wrapped(before.clone(), client, &Expected { tap: TAP, options });
    let (plain, more) = (wrapper(&[]), wrapper(&["--log", "x"]));
    let wrapped = planned(text, client, Task::Install(&plain));
    assert_eq!(oracle::read(&wrapped.after, toml), expected(&[]), "{text}\n{}", wrapped.after);
    assert!(!planned(&wrapped.after, client, Task::Install(&plain)).changes(), "{}", wrapped.after);
    let back = planned(&wrapped.after, client, Task::Uninstall(None));
    assert_eq!(back.after, text);
    let updated = planned(&wrapped.after, client, Task::Install(&more));
    assert_eq!(oracle::read(&updated.after, toml), expected(&["--log", "x"]), "{}", updated.after);
    assert_eq!(planned(&updated.after, client, Task::Uninstall(None)).after, text);
    // A diff is made of any edits, and names them all.
    let shape = Client::named(client).unwrap().shape;
    let touched = wrapped.servers.iter().any(|server| server.verdict == Verdict::Wrap);
    assert_eq!(wrapped.diff(text, shape, "f").is_empty(), !touched);
    if !toml {
        // A formatter, which drops comments.
        let tree = oracle::read(&wrapped.after, false);
        for formatted in [tree.to_string(), serde_json::to_string_pretty(&tree).unwrap()] {
            let back = planned(&formatted, client, Task::Uninstall(None)).after;
            assert_eq!(oracle::read(&back, false), before, "{formatted}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_configuration_in_any_writing_is_wrapped_and_put_back(
        servers in prop::collection::vec(server(), 0..5),
        given in prop::collection::vec(any::<u8>(), 1..200),
        client in prop::sample::select(&CLIENTS[..]),
    ) {
        let mut choices = Choices { given, at: 0 };
        let table: Map<String, Value> =
            servers.iter().map(|server| (server.name.clone(), meaning(server, client))).collect();
        let text = match client {
            "codex" => toml_text(&table, &mut choices),
            _ => {
                let key = match client {
                    "zed" => "context_servers",
                    "opencode" => "mcp",
                    _ => "mcpServers",
                };
                let root = json!({"other": [1, {"command": "no", "args": []}], key: table, "z": null});
                let mut text = choices.one_of(&["", "\u{feff}", "// top\n", "\n"]).to_owned();
                json_text(&root, &mut choices, &mut text);
                text + choices.one_of(&["", "\n", "\r\n", " /* end */", "// end"])
            }
        };
        check(&text, client);
    }

    #[test]
    fn no_text_makes_a_panic(text in any::<String>(), noise in "[\\[\\]{}\",:=#/*'\\\\ \\n.a-c]{0,60}") {
        for client in CLIENTS {
            let shape = Client::named(client).unwrap().shape;
            for text in [&text, &noise, &format!("{{\"mcpServers\": {{\"a\": {{\"command\": {noise}")] {
                plan(text, shape, Task::Uninstall(None), &[]).ok();
            }
        }
    }
}
