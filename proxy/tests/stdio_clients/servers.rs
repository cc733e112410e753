//! The official servers that talk on standard input and output: how they are started, what they find there, and what
//! clients do with them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::plan::{End, Plan};
use super::support::parts::Parts;

/// A picture of one point.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9cc`\0\0\0\x02\0\x01H\xaf\xa4q\0\0\0\0IEND\xaeB`\x82";

/// Lines of a file that takes long to compare with another one.
const LINES: usize = 2000;

/// A server and what clients do with it.
pub(crate) struct Server {
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    pub(crate) plan: Plan,
    /// The same before every run, by the same name.
    folder: PathBuf,
    prepare: fn(&Path),
    _temporary: TempDir,
}

impl Server {
    /// Lays the folder anew, so that each run finds what the one before it did.
    pub(crate) fn prepare(&self) {
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder).expect("our folder");
        }
        fs::create_dir(&self.folder).expect("our folder");
        (self.prepare)(&self.folder);
    }

    fn new(prepare: fn(&Path), make: impl FnOnce(&Path) -> (Vec<String>, Plan)) -> Self {
        let temporary = tempfile::tempdir().expect("a folder");
        // Servers show their paths without links.
        let folder = temporary.path().canonicalize().expect("it exists").join("work");
        let (command, plan) = make(&folder);
        Self { command, plan, folder, prepare, _temporary: temporary }
    }

    /// The one that has a bit of everything.
    pub(crate) fn everything() -> Self {
        Self::new(nothing, |_| {
            let mut plan = Plan::everything();
            plan.call("get-env", json!({}), End::Success);
            plan.call("trigger-elicitation-request", json!({}), End::Success);
            (npm("everything", &[], &["stdio"]), plan)
        })
    }

    /// Files.
    pub(crate) fn filesystem() -> Self {
        Self::new(files, |folder| (npm("filesystem", &[], &[text(folder)]), files_plan(folder)))
    }

    /// The same with one call that keeps the processor busy.
    pub(crate) fn filesystem_at_work() -> Self {
        Self::new(files, |folder| {
            let lines = |word: &str| (0..LINES).map(|line| format!("{line} {word}\n")).collect::<String>();
            let edit = json!([{"oldText": lines("old"), "newText": lines("new")}]);
            let mut plan = Plan::new();
            let path = folder.join("long.txt");
            plan.call("write_file", json!({"path": path, "content": lines("old")}), End::Success);
            plan.call("edit_file", json!({"path": path, "edits": edit, "dryRun": true}), End::Success);
            (npm("filesystem", &[], &[text(folder)]), plan)
        })
    }

    /// A graph of what is known.
    pub(crate) fn memory() -> Self {
        Self::new(nothing, |folder| {
            let file = format!("MEMORY_FILE_PATH={}", text(&folder.join("memory.jsonl")));
            (npm("memory", &[file], &[]), memory_plan())
        })
    }

    /// Steps of thinking.
    pub(crate) fn sequential_thinking() -> Self {
        Self::new(nothing, |_| {
            let thought = |number: u8, more: bool| json!({"thought": "é", "thoughtNumber": number, "totalThoughts": 2, "nextThoughtNeeded": more});
            let mut plan = Plan::new();
            plan.call("sequentialthinking", thought(1, true), End::Success);
            plan.call("sequentialthinking", thought(2, false), End::Success);
            plan.call("sequentialthinking", thought(0, false), End::ToolError);
            plan.unknown_tool(End::ToolError);
            (npm("sequential-thinking", &[], &[]), plan)
        })
    }

    /// Times of day around the world.
    pub(crate) fn time() -> Self {
        Self::new(nothing, |_| {
            (python("mcp_server_time", &[], &["--local-timezone", "Asia/Tokyo"]), time_plan())
        })
    }

    /// A repository.
    pub(crate) fn git() -> Self {
        Self::new(repository, |folder| {
            let mut variables = GIT.map(str::to_owned).to_vec();
            variables.push(format!("HOME={}", text(folder)));
            let command = python("mcp_server_git", &variables, &["--repository", text(folder)]);
            (command, git_plan(folder))
        })
    }
}

/// So that commits have the same names in every run, and no settings but ours.
const GIT: [&str; 7] = [
    "GIT_CONFIG_NOSYSTEM=1",
    "GIT_AUTHOR_DATE=1767323045 +0000",
    "GIT_COMMITTER_DATE=1767323045 +0000",
    "GIT_AUTHOR_NAME=A. Tester",
    "GIT_AUTHOR_EMAIL=tester@example.org",
    "GIT_COMMITTER_NAME=A. Tester",
    "GIT_COMMITTER_EMAIL=tester@example.org",
];

fn nothing(_: &Path) {}

fn files(folder: &Path) {
    fs::create_dir(folder.join("notes")).expect("our folder");
    fs::write(folder.join("notes/a.txt"), "one\ntwo é\nthree\n").expect("our folder");
    fs::write(folder.join("point.png"), PICTURE).expect("our folder");
}

fn files_plan(folder: &Path) -> Plan {
    let path = |name: &str| folder.join(name);
    let edit = json!([{"oldText": "two é", "newText": "2"}]);
    let mut plan = Plan::new();
    plan.call("list_allowed_directories", json!({}), End::Success);
    plan.call("write_file", json!({"path": path("new.txt"), "content": "first\nsecond 𝄞\n"}), End::Success);
    plan.call("read_text_file", json!({"path": path("new.txt")}), End::Success);
    plan.call("read_text_file", json!({"path": path("new.txt"), "tail": 1}), End::Success);
    plan.call("edit_file", json!({"path": path("notes/a.txt"), "edits": edit}), End::Success);
    plan.call("create_directory", json!({"path": path("deep/er")}), End::Success);
    plan.call(
        "move_file",
        json!({"source": path("new.txt"), "destination": path("deep/old.txt")}),
        End::Success,
    );
    plan.call("list_directory", json!({"path": path("")}), End::Success);
    plan.call("directory_tree", json!({"path": path("")}), End::Success);
    plan.call("search_files", json!({"path": path(""), "pattern": "**/*.txt"}), End::Success);
    plan.call("read_media_file", json!({"path": path("point.png")}), End::Success);
    plan.call("read_text_file", json!({"path": "/etc/passwd"}), End::ToolError);
    plan.call("write_file", json!({"path": path("../out.txt"), "content": ""}), End::ToolError);
    plan.call("read_text_file", json!({"path": path("none")}), End::ToolError);
    plan.call("read_text_file", json!({}), End::ToolError);
    plan.unknown_tool(End::ToolError);
    plan.step(json!({"do": "ping"}));
    plan
}

fn memory_plan() -> Plan {
    let entity = |name: &str| json!({"name": name, "entityType": "person", "observations": ["speaks é"]});
    let relation = json!([{"from": "Ada", "to": "Charles", "relationType": "writes to"}]);
    let mut plan = Plan::new();
    plan.call("read_graph", json!({}), End::Success);
    plan.call("create_entities", json!({"entities": [entity("Ada"), entity("Charles")]}), End::Success);
    plan.call("create_relations", json!({"relations": relation}), End::Success);
    let add = |name: &str| json!({"observations": [{"entityName": name, "contents": ["counts"]}]});
    plan.call("add_observations", add("Ada"), End::Success);
    plan.call("add_observations", add("Nobody"), End::ToolError);
    plan.call_again("read_graph", json!({}), End::Success);
    plan.call("search_nodes", json!({"query": "charles"}), End::Success);
    plan.call("open_nodes", json!({"names": ["Ada"]}), End::Success);
    plan.call("delete_entities", json!({"entityNames": ["Charles"]}), End::Success);
    plan.call_again("read_graph", json!({}), End::Success);
    plan.call("create_entities", json!({"entities": "none"}), End::ToolError);
    plan.unknown_tool(End::ToolError);
    plan
}

fn time_plan() -> Plan {
    let convert = |time: &str| json!({"source_timezone": "America/New_York", "time": time, "target_timezone": "Asia/Kathmandu"});
    let mut plan = Plan::new();
    plan.call("get_current_time", json!({"timezone": "Europe/Zurich"}), End::Success);
    plan.call("convert_time", convert("16:30"), End::Success);
    plan.call("convert_time", convert("25:00"), End::ToolError);
    plan.call("get_current_time", json!({"timezone": "Moon/Tycho"}), End::ToolError);
    plan.call("get_current_time", json!({}), End::ToolError);
    plan.unknown_tool(End::InvalidParams);
    plan
}

fn repository(folder: &Path) {
    fs::write(folder.join("a.txt"), "one\n").expect("our folder");
    for arguments in [&["init", "-q", "-b", "main"][..], &["add", "a.txt"], &["commit", "-q", "-m", "Begin"]]
    {
        let mut git = Command::new("env");
        git.args(GIT).arg(format!("HOME={}", text(folder)));
        let output = git.arg("git").args(arguments).current_dir(folder).output().expect("git");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
    fs::write(folder.join("a.txt"), "one\ntwo é\n").expect("our folder");
    fs::write(folder.join("b.txt"), "new\n").expect("our folder");
}

fn git_plan(folder: &Path) -> Plan {
    let here = |more: Value| {
        let mut arguments = json!({"repo_path": folder});
        arguments
            .as_object_mut()
            .into_iter()
            .for_each(|all| all.extend(more.as_object().cloned().unwrap_or_default()));
        arguments
    };
    let mut plan = Plan::new();
    plan.call("git_status", here(json!({})), End::Success);
    plan.call("git_commit", here(json!({"message": "nothing is staged"})), End::ToolError);
    plan.call("git_diff_unstaged", here(json!({})), End::Success);
    plan.call("git_add", here(json!({"files": ["a.txt", "b.txt"]})), End::Success);
    plan.call("git_commit", here(json!({"message": "Go on: é"})), End::Success);
    plan.call_again("git_status", here(json!({})), End::Success);
    plan.call("git_log", here(json!({"max_count": 5})), End::Success);
    plan.call("git_show", here(json!({"revision": "HEAD"})), End::Success);
    plan.call("git_show", here(json!({"revision": "nope"})), End::ToolError);
    plan.call("git_status", json!({"repo_path": "/"}), End::ToolError);
    plan.unknown_tool(End::InvalidParams);
    plan
}

/// The command of a server from npm, with these variables.
fn npm(name: &str, variables: &[String], arguments: &[&str]) -> Vec<String> {
    let program = format!("@modelcontextprotocol/server-{name}/dist/index.js");
    words(Parts::find().package(&program).args(arguments), variables)
}

/// The command of a server of Python.
fn python(module: &str, variables: &[String], arguments: &[&str]) -> Vec<String> {
    words(Parts::find().module(module).args(arguments), variables)
}

/// Clients give their servers next to no variables.
fn words(command: &Command, variables: &[String]) -> Vec<String> {
    let word = |word: &std::ffi::OsStr| text(Path::new(word)).to_owned();
    let words = std::iter::once(command.get_program()).chain(command.get_args()).map(word);
    if variables.is_empty() {
        return words.collect();
    }
    std::iter::once("env".to_owned()).chain(variables.iter().cloned()).chain(words).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}
