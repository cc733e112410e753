//! Failures of one kind counted together.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::{Entry, Level, Pattern, template};

/// The most groups that are kept; entries of further ones are only counted.
const MOST: usize = 100;

/// Failures whose messages differ only in what changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// When last.
    pub last: Option<Timestamp>,
    /// The worst of them.
    pub level: Level,
    /// The message of the newest.
    pub message: String,
    /// What they have in common.
    pub template: String,
    /// What kind of failure.
    pub pattern: Pattern,
    /// How many.
    pub count: u64,
}

/// All failures of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// The most frequent first, then the newest.
    pub groups: Vec<Group>,
    /// How many failures are in no group, because there were too many different ones.
    pub ungrouped: u64,
    /// All failures by kind.
    pub patterns: BTreeMap<&'static str, u64>,
}

/// Groups the failures among these entries, the newest of which is the last.
pub fn group(entries: &[Entry<'_>]) -> Groups {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut all = Groups::default();
    // From the newest on, so that it is the oldest kinds that find no room.
    for entry in entries.iter().rev().filter(|entry| entry.line.is_error()) {
        let line = &entry.line;
        let pattern = line.pattern().unwrap_or(Pattern::Error);
        *all.patterns.entry(pattern.as_str()).or_default() += 1;
        let level = line.level.unwrap_or(Level::Error);
        let template = template(&line.message);
        if let Some(place) = places.get(&template) {
            let group = &mut groups[*place];
            group.count += 1;
            group.level = group.level.max(level);
        } else if groups.len() < MOST {
            places.insert(template.clone(), groups.len());
            let message = line.message.trim().to_owned();
            groups.push(Group { last: line.at, level, message, template, pattern, count: 1 });
        } else {
            all.ungrouped += 1;
        }
    }
    // The sort is stable: among equals the newest stays first.
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    all.groups = groups;
    all
}

#[cfg(test)]
mod tests {
    use super::super::entries;
    use super::*;

    #[test]
    fn equal_failures_are_one_group_with_its_newest_message() {
        let lines = [
            "2026-11-22T10:00:00Z ERROR user 1 not found",
            "2026-11-22T10:00:01Z INFO fine",
            "2026-11-22T10:00:02Z ERROR user 2 not found",
            "2026-11-22T10:00:03Z dial tcp 10.0.0.1:1: connection refused",
        ];
        let all = group(&entries(lines));
        assert_eq!(all.groups.len(), 2);
        let first = &all.groups[0];
        assert_eq!((first.count, first.message.as_str()), (2, "user 2 not found"));
        assert_eq!(first.last, "2026-11-22T10:00:02Z".parse().ok());
        assert_eq!(all.groups[1].pattern, Pattern::Connection);
        assert_eq!(all.patterns, BTreeMap::from([("connection_error", 1), ("error", 2)]));
    }

    #[test]
    fn groups_are_bounded_and_the_rest_is_counted() {
        let word = |at: u32| ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'][(at % 10) as usize];
        let lines: Vec<String> = (0..1_000)
            .map(|at| format!("ERROR {}{}{} broke", word(at), word(at / 10), word(at / 100)))
            .collect();
        let all = group(&entries(lines.iter().map(String::as_str)));
        assert_eq!((all.groups.len(), all.ungrouped), (MOST, 900));
        assert_eq!(all.patterns["error"], 1_000);
        assert!(all.groups[0].message.starts_with("jjj"), "the newest are kept");
    }
}
