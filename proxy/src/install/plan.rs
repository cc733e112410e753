//! What would be done to a text: a verdict for every server, and the text that comes of it.

use super::clients::Shape;
use super::diff;
use super::edit::{self, Change, Edit, Wrapper};
use super::entry::{Entry, entries, secrets};
use super::tree::Malformed;

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub enum Task<'a> {
    /// Wrap servers.
    Install(&'a Wrapper),
    /// Put them back. A wrapper with another name than `mcp-tap` is known by its path.
    Uninstall(Option<&'a str>),
}

/// What would be done to one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is wrapped.
    Wrap,
    /// It was wrapped, and its wrapper changes.
    Update,
    /// It is put back.
    Unwrap,
    /// It is left alone, and why.
    Leave(&'static str),
}

/// A server and what would be done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its key.
    pub name: String,
    /// The keys on the way to the table it is in.
    pub place: Vec<String>,
    /// What would be done.
    pub verdict: Verdict,
}

/// What would be done to a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// All servers, in the order of the text.
    pub servers: Vec<Server>,
    /// Whether one of them is wrapped before.
    pub was_wrapped: bool,
    /// The text that comes of it.
    pub after: String,
    edits: Vec<Edit>,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The text cannot be read.
    #[error("{0}")]
    Malformed(Malformed),
    /// A promise would not be kept.
    #[error("1:1: this file is written in a way that could not be put back exactly ({0})")]
    NotReversible(&'static str),
}

impl From<Malformed> for PlanError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

const NOT_NAMED: &str = "it is not named by --server";
const AS_WANTED: &str = "it is wrapped already, with these options";
const NOT_WRAPPED: &str = "it is not wrapped";

/// Makes a plan. Without names it is about all servers.
///
/// # Errors
/// If the text cannot be read, or what comes of it could not be put back.
pub fn plan(text: &str, shape: Shape, task: Task<'_>, names: &[String]) -> Result<Plan, PlanError> {
    let root = shape.syntax.parse(text)?;
    let tap = match task {
        Task::Install(wrapper) => Some(wrapper.tap.as_str()),
        Task::Uninstall(tap) => tap,
    };
    let mut plan = Plan { servers: Vec::new(), was_wrapped: false, after: String::new(), edits: Vec::new() };
    for entry in entries(&root, shape) {
        let wrapped = edit::is_wrapped(&entry, tap);
        plan.was_wrapped |= wrapped;
        let change = match task {
            _ if !names.is_empty() && !names.iter().any(|name| name == entry.name) => {
                Change::Impossible(NOT_NAMED)
            }
            Task::Install(wrapper) => edit::wrap(text, shape.syntax, &entry, wrapper),
            Task::Uninstall(tap) => edit::unwrap(text, shape.syntax, &entry, tap),
        };
        let verdict = match (change, task) {
            (Change::Impossible(why), _) => Verdict::Leave(why),
            (Change::Done, Task::Install(_)) => Verdict::Leave(AS_WANTED),
            (Change::Done, Task::Uninstall(_)) => Verdict::Leave(NOT_WRAPPED),
            (Change::Edits(edits), task) => {
                plan.edits.extend(edits);
                match task {
                    Task::Install(_) if wrapped => Verdict::Update,
                    Task::Install(_) => Verdict::Wrap,
                    Task::Uninstall(_) => Verdict::Unwrap,
                }
            }
        };
        plan.servers.push(server(&entry, verdict));
    }
    plan.edits.sort_by_key(|edit| edit.range.start);
    plan.after = applied(text, &plan.edits).ok_or(PlanError::NotReversible("edits overlap"))?;
    plan.check(text, shape, tap)?;
    Ok(plan)
}

fn server(entry: &Entry<'_>, verdict: Verdict) -> Server {
    let place = entry.place.iter().map(|key| (*key).to_owned()).collect();
    Server { name: entry.name.to_owned(), place, verdict }
}

/// The text after all edits, unless two of them are about the same bytes.
fn applied(text: &str, edits: &[Edit]) -> Option<String> {
    let mut after =
        String::with_capacity(text.len() + edits.iter().map(|edit| edit.insert.len()).sum::<usize>());
    let mut at = 0;
    for edit in edits {
        after.push_str(text.get(at..edit.range.start)?);
        after.push_str(&edit.insert);
        at = edit.range.end;
    }
    after.push_str(text.get(at..)?);
    Some(after)
}

impl Plan {
    /// Whether anything would be changed.
    #[must_use]
    pub fn changes(&self) -> bool {
        !self.edits.is_empty()
    }

    /// The changed lines with some around them, as a unified diff. Values of `env` and `headers` are not shown.
    #[must_use]
    pub fn diff(&self, text: &str, shape: Shape, name: &str) -> String {
        let secrets = shape.syntax.parse(text).map(|root| secrets(&root)).unwrap_or_default();
        diff::unified(text, &self.edits, &secrets, name)
    }

    /// The promise, kept by looking: what is written can be read, has the same servers, and those that are wrapped now go
    /// back to the bytes they came from.
    fn check(&self, before: &str, shape: Shape, tap: Option<&str>) -> Result<(), PlanError> {
        let root =
            shape.syntax.parse(&self.after).map_err(|_| PlanError::NotReversible("it could not be read"))?;
        let entries = entries(&root, shape);
        let same = entries.len() == self.servers.len()
            && entries.iter().zip(&self.servers).all(|(entry, server)| entry.name == server.name);
        if !same {
            return Err(PlanError::NotReversible("servers would be lost"));
        }
        let mut edits = Vec::new();
        for (entry, server) in entries.iter().zip(&self.servers) {
            let wrapped = edit::is_wrapped(entry, tap);
            match (&server.verdict, edit::unwrap(&self.after, shape.syntax, entry, tap)) {
                (Verdict::Wrap, Change::Edits(back)) => edits.extend(back),
                (Verdict::Unwrap, _) if !wrapped => {}
                (Verdict::Update, _) if wrapped => {}
                (Verdict::Leave(_), _) => {}
                _ => return Err(PlanError::NotReversible("a server would be taken for another")),
            }
        }
        edits.sort_by_key(|edit| edit.range.start);
        let only_new =
            self.servers.iter().all(|server| matches!(server.verdict, Verdict::Wrap | Verdict::Leave(_)));
        if only_new && applied(&self.after, &edits).as_deref() != Some(before) {
            return Err(PlanError::NotReversible("white space around a command"));
        }
        Ok(())
    }
}
