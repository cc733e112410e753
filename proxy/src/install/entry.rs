//! The servers of a configuration, and how each is started.

use super::clients::Shape;
use super::tree::{Kind, Member, Value, member};

/// A server, as the configuration has it.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    /// The keys on the way to the table it is in.
    pub(super) place: Vec<&'a str>,
    pub(super) start: Start<'a>,
}

/// How a server is started.
#[derive(Debug)]
pub(super) enum Start<'a> {
    /// By a command and its arguments, in two members.
    Command {
        /// All members beside the two.
        table: &'a [Member],
        command: &'a Member,
        args: Option<&'a Member>,
    },
    /// By one list that begins with the command.
    Line(&'a [Value]),
    /// Not by a command that can be wrapped, and why.
    None(&'static str),
}

/// Keys of servers that are somewhere else.
const REMOTE: [&str; 4] = ["url", "serverUrl", "httpUrl", "uri"];

/// All servers of a text, in its order. Where a name stands twice in a table it is the last one that clients use.
pub(super) fn entries<'a>(root: &'a Value, shape: Shape) -> Vec<Entry<'a>> {
    let mut tables = Vec::new();
    for path in shape.servers {
        collect(root, path, &mut Vec::new(), &mut tables);
    }
    let mut entries = Vec::new();
    for (place, members) in &tables {
        for (index, server) in members.iter().enumerate() {
            let later = members[index + 1..].iter().any(|later| later.key == server.key);
            // opencode has had servers in `mcp`, and has them in `mcp.servers`.
            let table = tables.iter().any(|(_, other)| {
                server.value.members().is_some_and(|members| std::ptr::eq(members, *other))
            });
            if !later && !table {
                entries.push(Entry { name: &server.key, place: place.clone(), start: start(&server.value) });
            }
        }
    }
    entries
}

type Table<'a> = (Vec<&'a str>, &'a [Member]);

/// Finds the tables that a path leads to.
fn collect<'a>(value: &'a Value, path: &[&str], walked: &mut Vec<&'a str>, found: &mut Vec<Table<'a>>) {
    let Some(members) = value.members() else { return };
    let Some((key, rest)) = path.split_first() else {
        found.push((walked.clone(), members));
        return;
    };
    for (index, next) in members.iter().enumerate() {
        let last = !members[index + 1..].iter().any(|later| later.key == next.key);
        if last && (*key == "*" || *key == next.key) {
            walked.push(&next.key);
            collect(&next.value, rest, walked, found);
            walked.pop();
        }
    }
}

fn start(server: &Value) -> Start<'_> {
    let Some(table) = server.members() else { return Start::None("it is no table of settings") };
    let Some(command) = member(table, "command") else {
        let remote = REMOTE.iter().any(|key| member(table, key).is_some());
        return Start::None(if remote {
            "it is remote, with no command to wrap"
        } else {
            "it has no command"
        });
    };
    match &command.value.kind {
        Kind::String(_) => split(table, command),
        // Zed before 2025.
        Kind::Table(inner) => match member(inner, "path") {
            Some(path) if path.value.text().is_some() => split(inner, path),
            _ => Start::None("its command has no path"),
        },
        Kind::List(words) if words.is_empty() => Start::None("its command is empty"),
        Kind::List(words) if words.iter().all(|word| word.text().is_some()) => Start::Line(words),
        _ => Start::None("its command is no string"),
    }
}

fn split<'a>(table: &'a [Member], command: &'a Member) -> Start<'a> {
    if command.value.text().is_some_and(|text| text.trim().is_empty()) {
        return Start::None("its command is empty");
    }
    let args = member(table, "args");
    let strings = args.is_none_or(|args| {
        args.value.list().is_some_and(|words| words.iter().all(|word| word.text().is_some()))
    });
    if strings {
        Start::Command { table, command, args }
    } else {
        Start::None("its args are no list of strings")
    }
}

/// The strings that are secret more often than not: values of variables and headers.
pub(super) fn secrets(root: &Value) -> Vec<std::ops::Range<usize>> {
    const TABLES: [&str; 5] = ["env", "environment", "headers", "http_headers", "requestInit"];
    fn strings(value: &Value, secret: bool, found: &mut Vec<std::ops::Range<usize>>) {
        match &value.kind {
            Kind::String(_) if secret => found.push(value.span.clone()),
            Kind::List(values) => values.iter().for_each(|value| strings(value, secret, found)),
            Kind::Table(members) => {
                for member in members {
                    strings(&member.value, secret || TABLES.contains(&member.key.as_str()), found);
                }
            }
            Kind::String(_) | Kind::Other => {}
        }
    }
    let mut found = Vec::new();
    strings(root, false, &mut found);
    found.sort_by_key(|span| span.start);
    found
}
