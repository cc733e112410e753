//! Issues counted once, worst first, and cut to a size.

use std::collections::BTreeMap;

use crate::check::look;
use crate::report::{Issue, Truncated};

use super::limit::{bytes, fitting};

/// The most recommendations of an answer.
const RECOMMENDATIONS: usize = 5;

/// The most pieces of evidence where there are many issues.
const LITTLE_EVIDENCE: usize = 2;

/// One issue for each cause: equal check, container and message but for names of pods and numbers. `parent` names what
/// the object belongs to; only what belongs together is put together.
pub(super) fn grouped(issues: Vec<Issue>, parent: impl Fn(&Issue) -> String) -> Vec<Issue> {
    let mut groups: BTreeMap<(String, &'static str, Option<String>, String), Vec<Issue>> = BTreeMap::new();
    for issue in issues {
        let cause = plain(&issue.message.replace(&issue.object.name, ""));
        let key = (parent(&issue), issue.check, issue.object.container.clone(), cause);
        groups.entry(key).or_default().push(issue);
    }
    let mut found: Vec<Issue> = groups.into_values().filter_map(together).collect();
    sort(&mut found);
    found
}

/// The message without what differs between pods of one cause.
fn plain(message: &str) -> String {
    message.chars().filter(|c| !c.is_ascii_digit()).collect()
}

fn together(mut group: Vec<Issue>) -> Option<Issue> {
    group.sort_by(|a, b| (a.severity, &a.object).cmp(&(b.severity, &b.object)));
    let mut names: Vec<String> = group.iter().map(|issue| issue.object.name.clone()).collect();
    names.dedup();
    let first_seen = group.iter().filter_map(|issue| issue.first_seen).min();
    let mut first = group.into_iter().next()?;
    if names.len() > 1 {
        first.first_seen = first_seen;
        first.count = Some(u32::try_from(names.len()).unwrap_or(u32::MAX));
        first.evidence.truncate(5);
        let same = format!("same on {} objects: {}", names.len(), look::some(&names, 3));
        first.evidence.insert(0, crate::report::clip(&same, 200).into_owned());
    }
    Some(first)
}

/// The worst first; equal ones by check and object.
pub(super) fn sort(issues: &mut [Issue]) {
    issues.sort_by(|a, b| (a.severity, a.check, &a.object).cmp(&(b.severity, b.check, &b.object)));
}

/// What the issues recommend, each once.
pub(super) fn recommendations<'a>(issues: impl IntoIterator<Item = &'a Issue>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for issue in issues {
        if found.len() < RECOMMENDATIONS
            && !issue.recommendation.is_empty()
            && !found.contains(&issue.recommendation)
        {
            found.push(issue.recommendation.clone());
        }
    }
    found
}

/// Cuts the issues to so many bytes of JSON: first evidence, then issues from the end. Says what was cut.
pub(super) fn fit(issues: &mut Vec<Issue>, room: usize, what: &str, hint: &str) -> Option<Truncated> {
    if bytes(issues) > room {
        for issue in issues.iter_mut().skip(1) {
            issue.evidence.truncate(LITTLE_EVIDENCE);
        }
    }
    let total = issues.len();
    let shown = fitting(issues.iter(), room.saturating_sub(2));
    issues.truncate(shown);
    cut(what, shown, total, hint)
}

/// Says that a list was cut, if it was.
pub(super) fn cut(what: &str, shown: usize, total: usize, hint: &str) -> Option<Truncated> {
    (shown < total).then(|| Truncated {
        what: what.to_owned(),
        shown: shown as u64,
        total: total as u64,
        hint: hint.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Object, Severity};

    fn issue(pod: &str, message: &str) -> Issue {
        Issue {
            check: "POD-001",
            kind: "CrashLoopBackOff",
            severity: Severity::Critical,
            object: Object::new("Pod", "shop", pod).container("app"),
            message: message.to_owned(),
            evidence: vec!["e".repeat(200); 6],
            recommendation: "read the log".to_owned(),
            first_seen: None,
            count: None,
        }
    }

    #[test]
    fn one_cause_on_several_pods_is_counted_once() {
        let issues = vec![
            issue("api-b", "api-b restarted 4 times with exit code 1"),
            issue("api-a", "api-a restarted 17 times with exit code 1"),
            issue("api-a", "api-a has no memory"),
        ];
        let found = grouped(issues.clone(), |_| "api".to_owned());
        assert_eq!(found.len(), 2);
        let shared = found.iter().find(|issue| issue.count.is_some()).unwrap();
        assert_eq!((shared.count, shared.object.name.as_str()), (Some(2), "api-a"));
        assert_eq!(
            (shared.evidence[0].as_str(), shared.evidence.len()),
            ("same on 2 objects: api-a, api-b", 6)
        );
        assert_eq!(
            grouped(issues, |issue| issue.object.name.clone()).len(),
            3,
            "what belongs to others stays apart"
        );
    }

    #[test]
    fn issues_lose_evidence_before_they_are_left_out() {
        let many = || (0..10).map(|at| issue(&format!("p-{at}"), "m")).collect::<Vec<_>>();
        let mut issues = many();
        assert_eq!(fit(&mut issues, 8_000, "issues", "ask"), None);
        assert_eq!((issues.len(), issues[0].evidence.len(), issues[9].evidence.len()), (10, 6, 2));
        let mut issues = many();
        let truncated = fit(&mut issues, 4_000, "issues", "ask").unwrap();
        assert_eq!((truncated.total, truncated.shown as usize), (10, issues.len()));
        assert!(bytes(&issues) <= 4_000 && issues.len() < 10);
    }

    #[test]
    fn recommendations_are_told_once() {
        assert_eq!(recommendations(&[issue("a", "x"), issue("b", "y")]), ["read the log"]);
    }
}
