//! The little of Markdown that our documents use.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::alerts::repository;

/// All documents in a folder and below.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let mut folders = vec![repository(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The text without its blocks of code.
pub(crate) fn without_fences(text: &str) -> String {
    let mut inside = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The blocks of PromQL, each one query.
pub(crate) fn queries(text: &str) -> Vec<String> {
    let blocks = text.split("```promql\n").skip(1);
    blocks.filter_map(|block| Some(block.split_once("```")?.0.trim().to_owned())).collect()
}

/// The targets of links.
pub(crate) fn links(text: &str) -> Vec<String> {
    let text = without_fences(text);
    let target = |rest: &str| Some(rest.split_once(')')?.0.to_owned());
    text.split("](").skip(1).filter_map(target).collect()
}

/// The headings, without their signs.
pub(crate) fn headings(text: &str) -> Vec<String> {
    let text = without_fences(text);
    let heading = |line: &str| line.starts_with('#').then(|| line.trim_start_matches('#').trim().to_owned());
    text.lines().filter_map(heading).collect()
}

/// What a link can name of a document: headings in lower case, spaces as dashes, without other signs.
pub(crate) fn anchors(text: &str) -> BTreeSet<String> {
    let anchor = |heading: &String| {
        let signs = heading.to_lowercase();
        let kept = signs.chars().filter(|sign| sign.is_alphanumeric() || matches!(sign, ' ' | '-' | '_'));
        kept.map(|sign| if sign == ' ' { '-' } else { sign }).collect()
    };
    headings(text).iter().map(anchor).collect()
}
