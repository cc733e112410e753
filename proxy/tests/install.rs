//! `mcp-tap install` and `uninstall` as their users start them, on configuration files as clients have them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

#[path = "install/oracle.rs"]
mod oracle;
mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use oracle::Expected;
use support::process::without_variables;
use support::tap::EXECUTABLE;

/// A home folder, and the command in it.
struct Home(tempfile::TempDir);

/// Status, standard output and standard error.
type Ended = (i32, String, String);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Puts a file into it.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        without_variables(&mut command, &["MCP_TAP_", "XDG_", "CLAUDE_", "CODEX_", "COPILOT_"]);
        command.env("HOME", self.path()).current_dir(self.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> Ended {
        ended(self.command(EXECUTABLE).args(words))
    }

    /// Runs a command on one file, and expects it to be content.
    fn on(&self, words: &[&str], client: &str, file: &Path, more: &[&str]) -> Ended {
        let file = file.to_str().unwrap();
        let all = [&words[..1], &["--client", client, "--config-file", file], &words[1..], more].concat();
        let result = self.run(&all);
        assert_eq!(result.0, 0, "{all:?}: {}{}", result.1, result.2);
        result
    }
}

fn ended(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// All samples: the client, which the name begins with, and the file.
fn samples() -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/install");
    let mut samples: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension != "rs"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_owned(), path))
        .collect();
    samples.sort();
    assert!(samples.len() >= 20, "only {samples:?}");
    samples
}

/// A small file of Cursor's.
const CURSOR: &str = "{\n  \"mcpServers\": {\n    \"time\": { \"command\": \"uvx\", \"args\": [\"mcp-server-time\"] }\n  }\n}\n";

#[test]
fn every_sample_means_the_same_but_for_its_commands_and_comes_back_byte_for_byte() {
    for (client, sample) in samples() {
        let home = Home::new();
        let file = home.path().join(sample.file_name().unwrap());
        let before = read(&sample);
        fs::write(&file, &before).unwrap();
        let toml = file.extension().is_some_and(|extension| extension == "toml");
        let meant = |options: &[&str]| {
            oracle::wrapped(oracle::read(&before, toml), &client, &Expected { tap: EXECUTABLE, options })
        };

        let (_, diff, _) = home.on(&["install"], &client, &file, &[]);
        assert_eq!(read(&file), before, "{client}: a dry run");
        assert!(diff.starts_with("--- ") && diff.contains("\n+"), "{client}: {diff}");

        home.on(&["install", "--apply"], &client, &file, &[]);
        let wrapped = read(&file);
        assert_eq!(oracle::read(&wrapped, toml), meant(&[]), "{}", file.display());
        let (_, _, told) = home.on(&["install", "--apply"], &client, &file, &[]);
        assert!(told.contains("there is nothing to do"), "{told}");
        assert_eq!(read(&file), wrapped, "{}", file.display());

        let options = ["--otlp-endpoint", "http://127.0.0.1:4318"];
        home.on(&["install", "--apply"], &client, &file, &["--", options[0], options[1]]);
        assert_eq!(oracle::read(&read(&file), toml), meant(&options), "{}", file.display());

        home.on(&["uninstall", "--apply"], &client, &file, &[]);
        assert_eq!(read(&file), before, "{}", file.display());
        let backup = file.with_file_name(format!("{}.mcp-tap-backup", file.file_name().unwrap().display()));
        assert_eq!(read(&backup), before, "{}", file.display());
        let (_, _, told) = home.on(&["uninstall", "--apply"], &client, &file, &[]);
        assert!(told.contains("nothing is wrapped"), "{told}");
    }
}

#[test]
fn a_dry_run_says_all_and_writes_nothing() {
    let home = Home::new();
    let text = r#"{"mcpServers": {"a": {"command": "x"}, "b": {"url": "https://example.com"}, "c": {"command": "y"}}}"#;
    let file = home.file(".cursor/mcp.json", text);
    let (status, diff, told) = home.run(&["install", "--client", "cursor", "--server", "a"]);
    assert_eq!(status, 0, "{told}");
    for expected in [
        "would wrap a\n",
        "leave b, c alone: it is not named by --server",
        "nothing was written; add --apply to write",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert!(!diff.contains('\u{1b}') && diff.contains("+++ "), "{diff}");
    assert_eq!((read(&file).as_str(), names(file.parent().unwrap())), (text, vec!["mcp.json".to_owned()]));
    let (_, _, told) = home.run(&["install", "--client", "cursor"]);
    assert!(told.contains("would wrap a, c\n") && told.contains("leave b alone: it is remote"), "{told}");
}

#[test]
fn clients_are_listed_with_their_files_when_none_is_named() {
    let home = Home::new();
    let file = home.file(".cursor/mcp.json", CURSOR);
    let (status, out, told) = home.run(&["install"]);
    assert_eq!((status, out.as_str()), (64, ""));
    for expected in [
        format!("{} (is there)", file.display()),
        format!("{} (not there)", home.path().join(".codex/config.toml").display()),
        "--config-file .vscode/mcp.json".to_owned(),
        "claude           Claude Desktop".to_owned(),
    ] {
        assert!(told.contains(&expected), "{expected}: {told}");
    }
    assert_eq!(home.run(&["uninstall"]).0, 64);
}

#[test]
fn wrong_command_lines_are_refused_with_what_is_right() {
    let home = Home::new();
    let file = home.file(".cursor/mcp.json", CURSOR);
    for (words, expected) in [
        (vec!["install", "--client", "emacs"], "possible values: claude"),
        (
            vec!["install", "--client", "cursor", "--server", "tiem"],
            "no server is called `tiem`; there are time",
        ),
        (vec!["install", "--client", "cursor", "--tap", "nowhere"], "--tap: there is no file"),
        (vec!["install", "--client", "cursor", "--", "npx"], "`npx` is no option of mcp-tap stdio"),
        (vec!["install", "--client", "cursor", "--", "--a", "--"], "`--` cannot be among the options"),
        (vec!["install", "--client", "cursor", "--", "--bare"], "`--bare` cannot be among the options"),
        (vec!["uninstall", "--client", "cursor", "--", "--a"], "unexpected argument"),
    ] {
        let (status, out, told) = home.run(&words);
        assert_eq!((status, out.as_str()), (64, ""), "{words:?}: {told}");
        assert!(told.contains(expected), "{words:?}: {told}");
    }
    let (status, _, told) = home.run(&["install", "--client", "zed"]);
    assert_eq!((status, told.contains("zed/settings.json; add a server")), (1, true), "{told}");
    let (status, _, told) = home.run(&["uninstall", "--client", "zed"]);
    assert_eq!((status, told.contains("nothing is wrapped")), (0, true), "{told}");
    assert_eq!(read(&file), CURSOR);
}

#[test]
fn malformed_files_are_named_with_line_and_column_and_nothing_is_written() {
    let home = Home::new();
    let user = "Code/User";
    let good = home.file(&format!(".config/{user}/mcp.json"), r#"{"servers": {"a": {"command": "x"}}}"#);
    for (text, expected) in [
        (&b"{\n  \"a\": 1\n  \"b\": 2\n}"[..], ":3:3: expected `,` or `}`"),
        (b"[]", ":1:1: a configuration is an object"),
        (b"{\"a\": \"\xff\"}", ":1:1: is not in UTF-8"),
    ] {
        let bad = home.path().join(".config").join(user).join("settings.json");
        fs::write(&bad, text).unwrap();
        let (status, out, told) = home.run(&["install", "--client", "vscode", "--apply"]);
        assert_eq!((status, out.as_str()), (1, ""), "{told}");
        assert!(told.contains(&format!("{}{expected}", bad.display())), "{told}");
        assert!(told.contains("nothing was changed"), "{told}");
        assert_eq!(fs::read(&bad).unwrap(), text);
        // Not even the file that could have been changed.
        assert_eq!(read(&good), r#"{"servers": {"a": {"command": "x"}}}"#);
        assert_eq!(names(bad.parent().unwrap()), ["mcp.json", "settings.json"]);
    }
    let big = home.path().join("big.json");
    fs::File::create(&big).unwrap().set_len((16 << 20) + 1).unwrap();
    let (status, _, told) =
        home.run(&["install", "--client", "cursor", "--config-file", big.to_str().unwrap()]);
    assert_eq!((status, told.contains("larger than 16 MiB")), (1, true), "{told}");
}

#[test]
fn modes_and_links_stay_and_the_backup_is_as_private_as_the_file() {
    let home = Home::new();
    let target = home.file("dotfiles/mcp.json", CURSOR);
    fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
    let link = home.path().join(".cursor/mcp.json");
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    symlink("../dotfiles/mcp.json", &link).unwrap();
    let (status, _, told) = home.run(&["install", "--client", "cursor", "--apply"]);
    let backup = home.path().join(".cursor/mcp.json.mcp-tap-backup");
    assert_eq!(status, 0, "{told}");
    assert!(told.contains(&backup.display().to_string()) && told.contains("restart Cursor"), "{told}");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink() && read(&target).contains("\"stdio\""));
    for file in [&target, &backup] {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o7777, 0o640, "{}", file.display());
    }
    assert_eq!(names(target.parent().unwrap()), ["mcp.json"]);
    assert_eq!(names(link.parent().unwrap()), ["mcp.json", "mcp.json.mcp-tap-backup"]);
}

#[test]
fn the_backup_of_the_original_outlasts_later_changes() {
    let home = Home::new();
    let file = home.file(".cursor/mcp.json", CURSOR);
    let backup = home.path().join(".cursor/mcp.json.mcp-tap-backup");
    let apply = |words: &[&str]| {
        let (status, _, told) = home.run(&[words, &["--client", "cursor", "--apply"]].concat());
        assert_eq!(status, 0, "{told}");
    };
    apply(&["install"]);
    // The user goes on, in another place, and a formatter too.
    let more = read(&file).replace("{\n  \"mcpServers\"", "{\n  \"mine\": 1, // new\n  \"mcpServers\"");
    fs::write(&file, &more).unwrap();
    apply(&["install", "--tap", EXECUTABLE, "--server", "time"]);
    let options = ["--", "--otlp-endpoint", "http://127.0.0.1:4318"];
    assert_eq!(home.run(&[&["install", "--client", "cursor", "--apply"][..], &options].concat()).0, 0);
    assert!(read(&file).contains("4318"));
    assert_eq!(read(&backup), CURSOR);
    apply(&["uninstall"]);
    assert_eq!(
        read(&file),
        CURSOR.replace("{\n  \"mcpServers\"", "{\n  \"mine\": 1, // new\n  \"mcpServers\"")
    );
    assert_eq!(read(&backup), CURSOR);
}

#[test]
fn a_write_that_fails_leaves_the_file_as_it_was() {
    // With the backup in the way of the write, and once past it.
    for wrapped in [false, true] {
        let home = Home::new();
        let file = home.file(".cursor/mcp.json", CURSOR);
        let words: &[&str] = if wrapped {
            assert_eq!(home.run(&["install", "--client", "cursor", "--apply"]).0, 0);
            &["uninstall", "--client", "cursor", "--apply"]
        } else {
            &["install", "--client", "cursor", "--apply"]
        };
        let before = (read(&file), names(file.parent().unwrap()));
        let mut command = home.command("sh");
        // No file can grow, as on a full disk.
        command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh", EXECUTABLE]).args(words);
        let (status, _, told) = ended(&mut command);
        assert_eq!((status, told.contains("nothing was changed")), (1, true), "{told}");
        assert_eq!((read(&file), names(file.parent().unwrap())), before);
    }
    let home = Home::new();
    let file = home.file(".cursor/mcp.json", CURSOR);
    let folder = file.parent().unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write all the same; then there is nothing to see here.
    let forbidden = fs::write(folder.join("probe"), "").is_err();
    if forbidden {
        let (status, _, told) = home.run(&["install", "--client", "cursor", "--apply"]);
        assert_eq!((status, told.contains("nothing was changed")), (1, true), "{told}");
        assert_eq!(read(&file), CURSOR);
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let home = Home::new();
    let file = home.file(".cursor/mcp.json", CURSOR);
    fs::create_dir(home.path().join(".cursor/mcp.json.mcp-tap-backup")).unwrap();
    let (status, _, told) = home.run(&["install", "--client", "cursor", "--apply"]);
    assert_eq!((status, told.contains("replace it or its backup")), (1, true), "{told}");
    assert_eq!((read(&file).as_str(), names(file.parent().unwrap()).len()), (CURSOR, 2));
}

#[test]
fn another_executable_is_written_as_an_absolute_path_and_known_by_it_once_it_is_gone() {
    let home = Home::new();
    let file = home.file(".cursor/mcp.json", CURSOR);
    let tap = home.file("bin/tap", "");
    let apply = |words: &[&str]| {
        let (status, _, told) = home.run(&[words, &["--client", "cursor", "--apply"]].concat());
        assert_eq!(status, 0, "{told}");
    };
    apply(&["install", "--tap", "bin/tap"]);
    assert!(read(&file).contains(&format!("\"command\": \"{}\"", tap.canonicalize().unwrap().display())));
    fs::remove_file(&tap).unwrap();
    apply(&["uninstall"]);
    assert!(read(&file).contains("\"stdio\""), "it could be anybody's");
    apply(&["uninstall", "--tap", "bin/tap"]);
    assert_eq!(read(&file), CURSOR);
}
