//! The third-party parts that `make parts` installs into `.parts/`, and our scripts on them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Process, fail, free_port};

/// Where the parts are.
pub(crate) struct Parts {
    root: PathBuf,
    scripts: PathBuf,
}

impl Parts {
    /// Finds them, from any package of the workspace; fails with what to do when they are missing.
    pub(crate) fn find() -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let root = workspace.join(".parts");
        if !root.join("stamp").is_file() {
            fail("the third-party parts of the tests are missing: run `make parts`");
        }
        let root = root.canonicalize().expect("it exists");
        Self { root, scripts: workspace.join("proxy/tests/parts") }
    }

    /// One of our scripts, run by Node.js or Python.
    pub(crate) fn script(&self, file: &str) -> Command {
        let interpreter = if file.ends_with(".py") { "venv/bin/python" } else { "bin/node" };
        let mut command = self.command(interpreter);
        command.arg(file);
        command
    }

    /// A module of an installed Python package, as a program.
    pub(crate) fn module(&self, name: &str) -> Command {
        let mut command = self.command("venv/bin/python");
        command.args(["-m", name]);
        command
    }

    /// A program of an installed npm package.
    pub(crate) fn package(&self, program: &str) -> Command {
        let mut command = self.command("bin/node");
        command.arg(self.root.join("node_modules").join(program));
        command
    }

    /// A command that runs among our scripts and finds our Node.js as `node`.
    fn command(&self, interpreter: &str) -> Command {
        let mut path = self.root.join("bin").into_os_string();
        if let Some(inherited) = std::env::var_os("PATH") {
            path.push(":");
            path.push(inherited);
        }
        let mut command = Command::new(self.root.join(interpreter));
        command.current_dir(&self.scripts).env("PATH", path);
        command
    }
}

/// A running server on loopback.
pub(crate) struct Server {
    /// Its MCP endpoint.
    pub(crate) path: &'static str,
    port: u16,
    _process: Process,
}

impl Server {
    /// Starts a server that takes its port from the variable `PORT`.
    pub(crate) fn start(name: &str, path: &'static str, command: &mut Command) -> Self {
        let port = free_port();
        let mut process = Process::start(name, command.env("PORT", port.to_string()));
        process.wait_for_port(port);
        Self { path, port, _process: process }
    }

    /// Scheme, host and port, as `--upstream` takes it.
    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The address of its MCP endpoint.
    pub(crate) fn url(&self) -> String {
        self.origin() + self.path
    }
}
