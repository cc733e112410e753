//! What `mcp-tap install` says on standard error.

use std::fmt::Write;

use crate::app::complain;
use crate::install::apply::Document;
use crate::install::{CLIENTS, Client, Folders, Plan, Server, Task, Verdict};

/// The clients that are known, and their files.
pub(super) fn clients(folders: Option<&Folders>) -> String {
    let mut text =
        "--client is missing; known are these, with the files they are looked for in:\n".to_owned();
    for client in CLIENTS {
        // A String takes everything.
        let _ = writeln!(text, "\n  {:<16} {}", client.name, client.title);
        for file in folders.map(|folders| client.files(folders)).unwrap_or_default() {
            let there = if file.symlink_metadata().is_ok() { "is there" } else { "not there" };
            let _ = writeln!(text, "  {:<16}   {} ({there})", "", file.display());
        }
        if let Some(project) = client.project {
            let _ = writeln!(text, "  {:<16}   in a project: --config-file {project}", "");
        }
    }
    text.push_str("\nFiles elsewhere: --client says what a file looks like, --config-file where it is");
    text
}

/// The files of a client, for a sentence that none is there.
pub(super) fn looked_for(client: &Client, folders: Option<&Folders>) -> String {
    let files = folders.map(|folders| client.files(folders)).unwrap_or_default();
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" or ")
}

/// A line for everything that is done alike, and one for every reason to leave servers alone.
pub(super) fn servers(document: &Document, plan: &Plan, apply: bool, task: Task<'_>) {
    let path = document.path.display();
    let would = if apply { "" } else { "would " };
    let verbs: [(Verdict, &str); 3] =
        [(Verdict::Wrap, "wrap"), (Verdict::Update, "give other options to"), (Verdict::Unwrap, "put back")];
    for (verdict, verb) in verbs {
        let names = list(plan.servers.iter().filter(|server| server.verdict == verdict));
        if !names.is_empty() {
            complain(&format_args!("{path}: {would}{verb} {names}"));
        }
    }
    let mut reasons: Vec<&str> = Vec::new();
    for server in &plan.servers {
        if let Verdict::Leave(why) = server.verdict
            && !reasons.contains(&why)
        {
            reasons.push(why);
        }
    }
    for why in reasons {
        let names = list(plan.servers.iter().filter(|server| server.verdict == Verdict::Leave(why)));
        complain(&format_args!("{path}: leave {names} alone: {why}"));
    }
    if plan.servers.is_empty() {
        let wanted =
            if matches!(task, Task::Install(_)) { "there is no server in it" } else { "nothing is wrapped" };
        complain(&format_args!("{path}: {wanted}"));
    }
}

/// Names of servers, with where they are if that is not the usual place.
fn list<'a>(servers: impl Iterator<Item = &'a Server>) -> String {
    let name = |server: &Server| {
        let place: Vec<_> = server.place.iter().map(String::as_str).collect();
        match place.as_slice() {
            [] | [_] => shown(&server.name),
            [inner @ .., _] => format!("{} ({})", shown(&server.name), shown(&inner.join("."))),
        }
    };
    servers.map(name).collect::<Vec<_>>().join(", ")
}

/// A name without what could be a command to a terminal.
fn shown(name: &str) -> String {
    if name.chars().any(char::is_control) || name.trim().is_empty() {
        format!("{name:?}")
    } else {
        name.to_owned()
    }
}
