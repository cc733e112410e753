//! Clients: where their configuration is, and where in it the servers are.
//!
//! Checked in 2026 against what the clients' documentation and sources say; of most there is a folder in a project too,
//! which is named for `--config-file`.

use std::path::PathBuf;

use super::tree::Syntax;

/// Where the servers of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// How the file is written.
    pub syntax: Syntax,
    /// Paths of tables whose keys are servers; `*` is every key.
    pub(super) servers: &'static [&'static [&'static str]],
}

/// A program that starts MCP servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// What `--client` calls it.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// What its files look like.
    pub shape: Shape,
    /// The file of a project, for `--config-file`.
    pub project: Option<&'static str>,
    files: &'static [Place],
}

/// The folders of a user that files are looked for in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// The home folder.
    pub home: PathBuf,
    /// Where programs with windows keep settings: `~/.config`, or `~/Library/Application Support` on macOS.
    pub desktop: PathBuf,
    /// Where programs of the command line do: `~/.config`, on macOS as well.
    pub config: PathBuf,
    /// Folders that variables of clients name, in their place.
    pub moved: Vec<(&'static str, PathBuf)>,
}

/// A file, as part of the path behind one of the folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Home(&'static str),
    Desktop(&'static str),
    Config(&'static str),
    /// In the folder that this variable names, else in this one of the home folder.
    Moved(&'static str, &'static str, &'static str),
}

impl Folders {
    /// The folders of a user, on this kind of machine. None without a home.
    pub fn new(macos: bool, variable: impl Fn(&str) -> Option<PathBuf>) -> Option<Self> {
        let set = |name: &str| variable(name).filter(|path| path.is_absolute());
        let home = set("HOME")?;
        let config = set("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        let desktop = if macos { home.join("Library/Application Support") } else { config.clone() };
        let variables = CLIENTS.iter().flat_map(|client| client.files).filter_map(|place| match place {
            Place::Moved(name, _, _) => Some((*name, set(name)?)),
            _ => None,
        });
        let moved = variables.collect();
        Some(Self { home, desktop, config, moved })
    }
}

impl Client {
    /// The client of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        CLIENTS.iter().find(|client| client.name == name)
    }

    /// The files that it reads, whether they are there or not.
    #[must_use]
    pub fn files(&self, folders: &Folders) -> Vec<PathBuf> {
        let file = |place: &Place| match place {
            Place::Home(path) => folders.home.join(path),
            Place::Desktop(path) => folders.desktop.join(path),
            Place::Config(path) => folders.config.join(path),
            Place::Moved(variable, folder, path) => {
                let moved = folders.moved.iter().find(|(name, _)| name == variable);
                moved.map_or_else(|| folders.home.join(folder), |(_, folder)| folder.clone()).join(path)
            }
        };
        self.files.iter().map(file).collect()
    }
}

/// The shape that most have.
const MCP_SERVERS: Shape = Shape { syntax: Syntax::Json, servers: &[&["mcpServers"]] };

/// `mcp.json`, and the settings that had the servers before there was such a file, also those of workspaces and
/// development containers. Keys of settings may be written with dots.
const VSCODE: Shape = Shape {
    syntax: Syntax::Json,
    servers: &[
        &["servers"],
        &["mcp", "servers"],
        &["mcp.servers"],
        &["settings", "mcp", "servers"],
        &["customizations", "vscode", "mcp", "servers"],
    ],
};

const fn client(
    name: &'static str,
    title: &'static str,
    shape: Shape,
    project: &'static str,
    files: &'static [Place],
) -> Client {
    let project = if project.is_empty() { None } else { Some(project) };
    Client { name, title, shape, project, files }
}

/// All clients that are known, in the order of `mcp-tap install` without any.
pub const CLIENTS: &[Client] = &[
    client(
        "claude",
        "Claude Desktop",
        MCP_SERVERS,
        "",
        &[Place::Desktop("Claude/claude_desktop_config.json")],
    ),
    client(
        "claude-code",
        "Claude Code",
        Shape { syntax: Syntax::Json, servers: &[&["mcpServers"], &["projects", "*", "mcpServers"]] },
        ".mcp.json",
        &[Place::Moved("CLAUDE_CONFIG_DIR", "", ".claude.json")],
    ),
    client("cursor", "Cursor", MCP_SERVERS, ".cursor/mcp.json", &[Place::Home(".cursor/mcp.json")]),
    client(
        "vscode",
        "Visual Studio Code",
        VSCODE,
        ".vscode/mcp.json",
        &[Place::Desktop("Code/User/mcp.json"), Place::Desktop("Code/User/settings.json")],
    ),
    client(
        "vscode-insiders",
        "Visual Studio Code Insiders",
        VSCODE,
        ".vscode/mcp.json",
        &[
            Place::Desktop("Code - Insiders/User/mcp.json"),
            Place::Desktop("Code - Insiders/User/settings.json"),
        ],
    ),
    client(
        "vscodium",
        "VSCodium",
        VSCODE,
        ".vscode/mcp.json",
        &[Place::Desktop("VSCodium/User/mcp.json"), Place::Desktop("VSCodium/User/settings.json")],
    ),
    client("windsurf", "Windsurf", MCP_SERVERS, "", &[Place::Home(".codeium/windsurf/mcp_config.json")]),
    client(
        "zed",
        "Zed",
        Shape { syntax: Syntax::Json, servers: &[&["context_servers"]] },
        ".zed/settings.json",
        &[Place::Config("zed/settings.json")],
    ),
    client(
        "cline",
        "Cline",
        MCP_SERVERS,
        "",
        &[
            Place::Desktop("Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json"),
            Place::Home(".cline/data/settings/cline_mcp_settings.json"),
        ],
    ),
    client(
        "roo-code",
        "Roo Code",
        MCP_SERVERS,
        ".roo/mcp.json",
        &[Place::Desktop("Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json")],
    ),
    client(
        "codex",
        "Codex",
        Shape { syntax: Syntax::Toml, servers: &[&["mcp_servers"]] },
        ".codex/config.toml",
        &[Place::Moved("CODEX_HOME", ".codex", "config.toml")],
    ),
    client(
        "gemini",
        "Gemini CLI",
        MCP_SERVERS,
        ".gemini/settings.json",
        &[Place::Home(".gemini/settings.json")],
    ),
    client("qwen", "Qwen Code", MCP_SERVERS, ".qwen/settings.json", &[Place::Home(".qwen/settings.json")]),
    client(
        "antigravity",
        "Antigravity",
        MCP_SERVERS,
        ".agents/mcp_config.json",
        &[Place::Home(".gemini/config/mcp_config.json"), Place::Home(".gemini/antigravity/mcp_config.json")],
    ),
    client(
        "copilot",
        "GitHub Copilot CLI",
        MCP_SERVERS,
        ".github/mcp.json",
        &[Place::Moved("COPILOT_HOME", ".copilot", "mcp-config.json")],
    ),
    client(
        "opencode",
        "opencode",
        Shape { syntax: Syntax::Json, servers: &[&["mcp"], &["mcp", "servers"]] },
        "opencode.json",
        &[Place::Config("opencode/opencode.json"), Place::Config("opencode/opencode.jsonc")],
    ),
    client(
        "amp",
        "Amp",
        Shape { syntax: Syntax::Json, servers: &[&["amp.mcpServers"]] },
        ".amp/settings.json",
        &[Place::Config("amp/settings.json")],
    ),
    client("kiro", "Kiro", MCP_SERVERS, ".kiro/settings/mcp.json", &[Place::Home(".kiro/settings/mcp.json")]),
    client("amazon-q", "Amazon Q", MCP_SERVERS, ".amazonq/mcp.json", &[Place::Home(".aws/amazonq/mcp.json")]),
    client(
        "junie",
        "JetBrains Junie",
        MCP_SERVERS,
        ".junie/mcp/mcp.json",
        &[Place::Home(".junie/mcp/mcp.json")],
    ),
    client("warp", "Warp", MCP_SERVERS, "", &[Place::Home(".warp/.mcp.json")]),
    client(
        "lm-studio",
        "LM Studio",
        MCP_SERVERS,
        "",
        &[Place::Home(".lmstudio/mcp.json"), Place::Home(".cache/lm-studio/mcp.json")],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn files(name: &str, macos: bool, variables: &[(&str, &str)]) -> Vec<String> {
        let variable = |name: &str| {
            let given = variables.iter().find(|(given, _)| *given == name);
            given.map(|(_, value)| PathBuf::from(value)).or((name == "HOME").then(|| "/home/me".into()))
        };
        let folders = Folders::new(macos, variable).unwrap();
        let client = Client::named(name).unwrap();
        client.files(&folders).iter().map(|file| file.display().to_string()).collect()
    }

    #[test]
    fn files_are_where_system_and_variables_say() {
        let claude = "Claude/claude_desktop_config.json";
        for (name, macos, variables, expected) in [
            ("claude", false, vec![], format!("/home/me/.config/{claude}")),
            ("claude", false, vec![("XDG_CONFIG_HOME", "/etc/me")], format!("/etc/me/{claude}")),
            ("claude", false, vec![("XDG_CONFIG_HOME", "relative")], format!("/home/me/.config/{claude}")),
            ("claude", true, vec![], format!("/home/me/Library/Application Support/{claude}")),
            ("claude-code", false, vec![], "/home/me/.claude.json".into()),
            ("claude-code", true, vec![("CLAUDE_CONFIG_DIR", "/c")], "/c/.claude.json".into()),
            ("codex", false, vec![], "/home/me/.codex/config.toml".into()),
            ("codex", false, vec![("CODEX_HOME", "/c")], "/c/config.toml".into()),
            ("zed", true, vec![], "/home/me/.config/zed/settings.json".into()),
            ("cursor", true, vec![], "/home/me/.cursor/mcp.json".into()),
            ("vscode", true, vec![], "/home/me/Library/Application Support/Code/User/mcp.json".into()),
        ] {
            assert_eq!(files(name, macos, &variables)[0], expected, "{name} {variables:?}");
        }
        assert_eq!(Folders::new(false, |_| None), None);
    }

    #[test]
    fn every_client_has_a_name_of_its_own_and_files() {
        for (index, client) in CLIENTS.iter().enumerate() {
            assert!(!client.files.is_empty() && !client.shape.servers.is_empty(), "{}", client.name);
            assert!(client.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", client.name);
            assert_eq!(CLIENTS.iter().position(|other| other.name == client.name), Some(index));
        }
    }
}
