//! Borders within a package, read from its sources: who may name what. The packages share this file.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder or file below `src/`, and what its code must never name.
pub(crate) struct Border {
    pub(crate) place: &'static str,
    pub(crate) except: &'static [&'static str],
    pub(crate) forbidden: &'static [&'static str],
    pub(crate) why: &'static str,
}

/// Fails with every line that names what lies behind a border.
pub(crate) fn check(borders: &[Border]) {
    let mut found = Vec::new();
    for border in borders {
        for (path, code) in sources(border.place) {
            if border.except.iter().any(|except| Path::new(&path).starts_with(except)) {
                continue;
            }
            for (number, line) in code.lines().enumerate() {
                let Some(name) = border.forbidden.iter().find(|name| names(line, name)) else { continue };
                found.push(format!("src/{path}:{}: names `{name}`, but {}", number + 1, border.why));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Fails with the files that have grown too long.
pub(crate) fn check_sizes() {
    let long: Vec<_> = sources("")
        .into_iter()
        .map(|(path, code)| (code.lines().count(), path))
        .filter(|(lines, _)| *lines > 500)
        .collect();
    assert!(long.is_empty(), "files over 500 lines: {long:?}");
}

#[test]
fn a_forbidden_name_is_found_and_a_longer_one_is_not() {
    assert!(names("use tokio::time;", "tokio"));
    assert!(names("    let x = std::time::Instant::now();", "Instant::now"));
    assert!(!names("use metrics_util::Registry;", "metrics"));
    assert!(!names("use crate::telemetry::metrics::Handles;", "metrics"));
    assert!(!names("// tokio is not used here", "tokio"));
    assert!(!names("use crate::http::inspect;", "http"));
}

#[test]
fn only_the_module_of_tests_is_left_out() {
    let code = "#[cfg(test)]\nmod examples;\nuse a;\n#[cfg(test)]\nmod tests {\nuse b;\n}\n";
    assert_eq!(without_tests(code), "#[cfg(test)]\nmod examples;\nuse a;\n");
    let declared = "use a;\n#[cfg(test)]\nmod tests;\nuse c;\n";
    assert_eq!(without_tests(declared), declared);
}

/// Whether a line of code names a crate or path: as a whole word, at the start of a path, outside comments.
fn names(line: &str, name: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + name.len()..];
        let starts = before.is_none_or(|c| {
            !c.is_alphanumeric() && c != '_' && (c != ':' || name.starts_with(char::is_uppercase))
        });
        let is_path = name.contains("::")
            || after.starts_with("::")
            || after.starts_with('!')
            || after.starts_with(';');
        let ends = after.chars().next().is_none_or(|c| !c.is_alphanumeric() && c != '_');
        starts && is_path && ends
    })
}

/// All sources below `src/<place>`, as paths relative to `src/` and code without unit tests.
fn sources(place: &str) -> Vec<(String, String)> {
    // The package whose tests these are.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root.join(place), &mut files);
    files.sort();
    files
        .into_iter()
        .filter(|path| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            !path.components().any(|part| part.as_os_str() == "tests") && !file.ends_with("tests.rs")
        })
        .map(|path| {
            let code = fs::read_to_string(&path).expect("a source file can be read");
            let code = without_tests(&code).to_owned();
            let relative = path.strip_prefix(&root).expect("it lies below src").display().to_string();
            (relative, code)
        })
        .collect()
}

/// The code before its unit tests, which are the last thing in a file. An item for tests among the others hides none
/// of them.
fn without_tests(code: &str) -> &str {
    const GUARD: &str = "#[cfg(test)]\nmod ";
    let is_module_here = |at: &usize| code[*at..].lines().nth(1).is_some_and(|line| line.ends_with('{'));
    let tests = code.match_indices(GUARD).map(|(at, _)| at).find(is_module_here);
    &code[..tests.unwrap_or(code.len())]
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("its entries can be read").path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
