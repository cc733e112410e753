//! The family of a client's program, read off its `clientInfo.name`.

use crate::exchange::event::Client;

/// Families of client programs; a closed set, so that it can be a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum ClientType {
    /// Claude's apps and command line.
    Claude,
    /// Cursor.
    Cursor,
    /// Visual Studio Code and its builds.
    Vscode,
    /// The MCP Inspector.
    Inspector,
    /// A program on the official Python SDK that did not name itself.
    PythonSdk,
    /// A program on the official TypeScript SDK that did not name itself.
    TypescriptSdk,
    /// Windsurf.
    Windsurf,
    /// Zed.
    Zed,
    /// Continue.
    Continue,
    /// Cline and its descendant Roo Code.
    Cline,
    /// Goose.
    Goose,
    /// ChatGPT, Codex and OpenAI's API.
    Openai,
    /// Gemini.
    Gemini,
    /// GitHub Copilot outside of Visual Studio Code.
    Copilot,
    /// A name of none of these.
    Other,
    /// No name given, or not yet.
    Unknown,
}

/// Parts of lower-case names, the first match decides. `cursor-vscode` is Cursor and `claude-vscode` Claude, so the
/// general ones stand last.
const PARTS: &[(&str, ClientType)] = &[
    ("inspector", ClientType::Inspector),
    ("cursor", ClientType::Cursor),
    ("windsurf", ClientType::Windsurf),
    ("codeium", ClientType::Windsurf),
    ("cline", ClientType::Cline),
    ("roo code", ClientType::Cline),
    ("roo-code", ClientType::Cline),
    ("claude", ClientType::Claude),
    ("anthropic", ClientType::Claude),
    ("openai", ClientType::Openai),
    ("chatgpt", ClientType::Openai),
    ("codex", ClientType::Openai),
    ("gemini", ClientType::Gemini),
    ("copilot", ClientType::Copilot),
    ("visual studio code", ClientType::Vscode),
    ("visual-studio-code", ClientType::Vscode),
    ("vscode", ClientType::Vscode),
    ("typescript", ClientType::TypescriptSdk),
    ("python", ClientType::PythonSdk),
];

impl ClientType {
    /// The number of families.
    pub const COUNT: usize = Self::Unknown as usize + 1;

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Cursor => "cursor",
            Self::Vscode => "vscode",
            Self::Inspector => "inspector",
            Self::PythonSdk => "python-sdk",
            Self::TypescriptSdk => "typescript-sdk",
            Self::Windsurf => "windsurf",
            Self::Zed => "zed",
            Self::Continue => "continue",
            Self::Cline => "cline",
            Self::Goose => "goose",
            Self::Openai => "openai",
            Self::Gemini => "gemini",
            Self::Copilot => "copilot",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }

    /// The family of a caller.
    #[must_use]
    pub fn of(client: &Client) -> Self {
        client.info.as_ref().map_or(Self::Unknown, |info| Self::of_name(&info.name))
    }

    /// The family of a `clientInfo.name`. Bridges append themselves (`claude-ai (via mcp-remote 0.1.37)`); the
    /// program before them counts.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        let name = name.split(" (via ").next().unwrap_or(name).trim().to_lowercase();
        match name.as_str() {
            "" => Self::Unknown,
            // What the Python SDK sends when the program gives no name.
            "mcp" => Self::PythonSdk,
            // What programs on the TypeScript SDK send by its guide.
            "mcp-client" | "example-client" => Self::TypescriptSdk,
            // Too short or too common a word to be looked for inside of others.
            "zed" => Self::Zed,
            "goose" | "block goose" | "goose-cli" | "goose-desktop" => Self::Goose,
            "continue" | "continue-client" | "continue-cli-client" => Self::Continue,
            _ => {
                PARTS.iter().find(|(part, _)| name.contains(part)).map_or(Self::Other, |(_, family)| *family)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_seen_in_the_field_fall_into_their_families() {
        for (name, family) in [
            ("claude-ai", "claude"),
            ("claude-code", "claude"),
            ("Anthropic/ClaudeAI", "claude"),
            ("claude-ai (via mcp-remote 0.1.37)", "claude"),
            ("cursor-vscode", "cursor"),
            ("Cursor", "cursor"),
            ("Visual Studio Code", "vscode"),
            ("Visual Studio Code - Insiders", "vscode"),
            ("Visual-Studio-Code", "vscode"),
            ("mcp-inspector", "inspector"),
            ("inspector-client", "inspector"),
            ("mcp", "python-sdk"),
            ("mcp-client", "typescript-sdk"),
            ("windsurf-client", "windsurf"),
            ("Zed", "zed"),
            ("Zeditor", "other"),
            ("continue-client", "continue"),
            ("discontinued", "other"),
            ("Cline", "cline"),
            ("Roo Code", "cline"),
            ("goose", "goose"),
            ("mongoose", "other"),
            ("openai-mcp", "openai"),
            ("codex-mcp-client", "openai"),
            ("gemini-cli-mcp-client", "gemini"),
            ("github-copilot-developer", "copilot"),
            ("my-agent", "other"),
            ("", "unknown"),
            ("  ", "unknown"),
        ] {
            assert_eq!(ClientType::of_name(name).as_str(), family, "{name}");
        }
        assert_eq!(ClientType::of(&Client::default()), ClientType::Unknown);
    }
}
