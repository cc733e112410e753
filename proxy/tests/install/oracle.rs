//! What a configuration means and what wrapping makes of it, found without the code under test.

use serde_json::{Map, Value, json};

/// The wrapper of the tests.
pub(crate) struct Expected<'a> {
    pub(crate) tap: &'a str,
    pub(crate) options: &'a [&'a str],
}

/// Reads a file as its client does.
pub(crate) fn read(text: &str, toml: bool) -> Value {
    let text = text.trim_start_matches('\u{feff}');
    if toml {
        return toml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
    serde_json::from_str(&plain(text)).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// JSON without its comments and trailing commas.
fn plain(text: &str) -> String {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if first == '"' {
            let mut escaped = false;
            let end = rest.char_indices().skip(1).find(|(_, c)| {
                let ends = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                ends
            });
            end.expect("strings end").0 + 1
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").expect("comments end") + 2
        } else {
            first.len_utf8()
        };
        let token = &rest[..length];
        rest = &rest[length..];
        if token.starts_with("//") || token.starts_with("/*") || token.trim().is_empty() {
            continue;
        }
        if ["}", "]"].contains(&token) && tokens.last().is_some_and(|last| last == ",") {
            tokens.pop();
        }
        tokens.push(token.to_owned());
    }
    tokens.concat()
}

/// What a configuration becomes.
pub(crate) fn wrapped(mut tree: Value, client: &str, expected: &Expected<'_>) -> Value {
    let paths: &[&[&str]] = match client {
        "vscode" => &[&["servers"], &["mcp", "servers"], &["customizations", "vscode", "mcp", "servers"]],
        "zed" => &[&["context_servers"]],
        "codex" => &[&["mcp_servers"]],
        "opencode" => &[&["mcp"]],
        "claude-code" => &[&["mcpServers"], &["projects", "*", "mcpServers"]],
        _ => &[&["mcpServers"]],
    };
    for path in paths {
        descend(&mut tree, path, &mut |servers| {
            for (name, server) in servers {
                wrap(name, server, expected);
            }
        });
    }
    tree
}

fn descend(value: &mut Value, path: &[&str], found: &mut dyn FnMut(&mut Map<String, Value>)) {
    let Some(table) = value.as_object_mut() else { return };
    let Some((key, rest)) = path.split_first() else { return found(table) };
    for (name, inner) in table {
        if *key == "*" || key == name {
            descend(inner, rest, found);
        }
    }
}

fn wrap(name: &str, server: &mut Value, expected: &Expected<'_>) {
    let Some(table) = server.as_object_mut() else { return };
    match table.get("command").cloned() {
        Some(Value::String(command)) => split(name, table, "command", &command, expected),
        Some(Value::Object(inner)) => {
            let path = inner["path"].as_str().expect("a path").to_owned();
            let inner = table.get_mut("command").and_then(Value::as_object_mut).expect("a table");
            split(name, inner, "path", &path, expected);
        }
        Some(Value::Array(line)) => {
            let mut words = vec![json!(expected.tap)];
            words.extend(before(name, false, expected));
            words.extend(line);
            table.insert("command".into(), json!(words));
        }
        _ => {}
    }
}

fn split(name: &str, table: &mut Map<String, Value>, key: &str, command: &str, expected: &Expected<'_>) {
    let args = table.get("args").map(|args| args.as_array().expect("a list").clone());
    let mut words = before(name, args.is_none(), expected);
    words.push(json!(command));
    words.extend(args.unwrap_or_default());
    table.insert(key.into(), json!(expected.tap));
    table.insert("args".into(), json!(words));
}

/// The words between the wrapper and the command.
fn before(name: &str, bare: bool, expected: &Expected<'_>) -> Vec<Value> {
    let mut words = vec!["stdio".to_owned(), "--admin".to_owned(), "auto".to_owned()];
    let fits = (1..=128).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits && name.starts_with('-') {
        words.push(format!("--name={name}"));
    } else if fits {
        words.extend(["--name".to_owned(), name.to_owned()]);
    }
    words.extend(expected.options.iter().map(|word| (*word).to_owned()));
    words.extend(bare.then(|| "--bare".to_owned()));
    words.push("--".to_owned());
    words.into_iter().map(Value::String).collect()
}
