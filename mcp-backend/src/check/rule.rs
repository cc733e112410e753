//! Rules as data, and how a table of them is applied.

use jiff::Timestamp;

use crate::report::{Issue, Object, Partial, Severity, clean, clip};

/// What a rule may need besides the object itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The events about the object.
    Events,
    /// The last lines of the logs of its containers.
    Logs,
    /// What metrics.k8s.io says of its containers.
    Usage,
    /// The node it runs on.
    Node,
    /// The claims of volumes it names.
    Claims,
    /// The configuration maps it names.
    ConfigMaps,
    /// The pods that belong to it.
    Pods,
    /// Other objects that the rule names in its meaning (slices, ingresses, policies, classes, targets).
    Related,
}

impl Input {
    /// The word in `partial`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Logs => "logs",
            Self::Usage => "usage",
            Self::Node => "node",
            Self::Claims => "claims",
            Self::ConfigMaps => "config_maps",
            Self::Pods => "pods",
            Self::Related => "related",
        }
    }

    /// Says that it could not be read, and why.
    pub fn missing(self, reason: &str) -> Partial {
        Partial { input: self.as_str().to_owned(), reason: clip(reason, 200).into_owned() }
    }
}

/// What rules of one table look at.
pub trait Facts {
    /// Whether this could be read, and was asked for.
    fn has(&self, input: Input) -> bool;

    /// Whether remarks on the specification are wanted too.
    fn deep(&self) -> bool;
}

/// What `checks://` tells of a rule.
#[derive(Clone, Copy, Debug)]
pub struct RuleDoc {
    /// As `POD-001`.
    pub id: &'static str,
    /// In a word, as `CrashLoopBackOff`.
    pub kind: &'static str,
    /// The worst it can be.
    pub severity: Severity,
    /// When it holds, by fields of the API.
    pub rule: &'static str,
    /// What it means for whoever uses the workload.
    pub meaning: &'static str,
    /// What to do, step by step.
    pub runbook: &'static str,
}

/// A rule: its documentation, what it needs, what it explains, and the function.
pub struct Rule<F: 'static> {
    /// What `checks://` tells of it.
    pub doc: RuleDoc,
    /// It is skipped unless all of these could be read.
    pub needs: &'static [Input],
    /// Only with `deep_analysis`.
    pub deep: bool,
    /// Rules whose issues on the same container this one explains: they are left out, and named in its evidence.
    pub explains: &'static [&'static str],
    /// The condition. No finding: it does not hold.
    pub find: fn(&F) -> Vec<Finding>,
}

/// What a rule found; the rule's name is added by [`run`].
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    severity: Severity,
    object: Object,
    message: String,
    evidence: Vec<String>,
    recommendation: String,
    first_seen: Option<Timestamp>,
    count: Option<u32>,
}

impl Finding {
    /// Something is wrong with the object, in a sentence, which gets its capital here.
    pub fn new(severity: Severity, object: Object, message: impl AsRef<str>) -> Self {
        Self {
            severity,
            object,
            message: sentence(message.as_ref()),
            evidence: Vec::new(),
            recommendation: String::new(),
            first_seen: None,
            count: None,
        }
    }

    /// What it was seen by; the seventh piece and later ones are left out.
    #[must_use]
    pub fn evidence<T: AsRef<str>>(mut self, evidence: impl IntoIterator<Item = T>) -> Self {
        let room = EVIDENCE - self.evidence.len();
        self.evidence.extend(evidence.into_iter().take(room).map(|text| bounded(text.as_ref(), 200)));
        self
    }

    /// What to do next.
    #[must_use]
    pub fn recommend(mut self, recommendation: impl AsRef<str>) -> Self {
        self.recommendation = sentence(recommendation.as_ref());
        self
    }

    /// Since when.
    #[must_use]
    pub fn since(mut self, at: Option<Timestamp>) -> Self {
        self.first_seen = at;
        self
    }

    /// How often; not at all is not worth a word.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.count = Some(count).filter(|count| *count > 0);
        self
    }
}

/// The most pieces of evidence of an issue.
const EVIDENCE: usize = 6;

fn sentence(text: &str) -> String {
    let mut sentence = bounded(text, 300);
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    sentence
}

fn bounded(text: &str, max: usize) -> String {
    clip(&clean(text), max).into_owned()
}

/// Applies a table of rules. The issues come sorted by severity, rule and object; what another one explains is left out.
pub fn run<F: Facts>(rules: &[Rule<F>], facts: &F) -> Vec<Issue> {
    let mut issues = Vec::new();
    for rule in rules {
        if rule.deep && !facts.deep() || !rule.needs.iter().all(|input| facts.has(*input)) {
            continue;
        }
        issues.extend((rule.find)(facts).into_iter().map(|finding| issue(&rule.doc, finding)));
    }
    for rule in rules.iter().filter(|rule| !rule.explains.is_empty()) {
        suppress(rule, &mut issues);
    }
    issues.sort_by(|a, b| (a.severity, a.check, &a.object).cmp(&(b.severity, b.check, &b.object)));
    issues
}

fn issue(doc: &RuleDoc, finding: Finding) -> Issue {
    Issue {
        check: doc.id,
        kind: doc.kind,
        severity: finding.severity,
        object: finding.object,
        message: finding.message,
        evidence: finding.evidence,
        recommendation: finding.recommendation,
        first_seen: finding.first_seen,
        count: finding.count,
    }
}

/// Takes out what the issues of this rule explain: on the same container, or said of the pod as a whole.
fn suppress<F>(rule: &Rule<F>, issues: &mut Vec<Issue>) {
    let causes: Vec<Object> =
        issues.iter().filter(|issue| issue.check == rule.doc.id).map(|issue| issue.object.clone()).collect();
    for cause in causes {
        let mut explained: Vec<&'static str> = Vec::new();
        issues.retain(|issue| {
            let other = &issue.object;
            let same = (&other.kind, &other.namespace, &other.name)
                == (&cause.kind, &cause.namespace, &cause.name)
                && (other.container.is_none() || other.container == cause.container);
            let goes = same && rule.explains.contains(&issue.check);
            if goes && !explained.contains(&issue.check) {
                explained.push(issue.check);
            }
            !goes
        });
        if explained.is_empty() {
            continue;
        }
        for issue in issues.iter_mut().filter(|issue| issue.check == rule.doc.id && issue.object == cause) {
            issue.evidence.truncate(EVIDENCE - 1);
            issue.evidence.push(format!("explains {}", explained.join(", ")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Plain {
        deep: bool,
        events: bool,
    }

    impl Facts for Plain {
        fn has(&self, input: Input) -> bool {
            input != Input::Events || self.events
        }

        fn deep(&self) -> bool {
            self.deep
        }
    }

    const fn rule(
        id: &'static str,
        needs: &'static [Input],
        deep: bool,
        explains: &'static [&'static str],
        find: fn(&Plain) -> Vec<Finding>,
    ) -> Rule<Plain> {
        let doc = RuleDoc { id, kind: "Test", severity: Severity::High, rule: "", meaning: "", runbook: "" };
        Rule { doc, needs, deep, explains, find }
    }

    fn pod() -> Object {
        Object::new("Pod", "shop", "web")
    }

    const RULES: &[Rule<Plain>] = &[
        rule("A", &[], false, &["B", "C"], |_| {
            vec![Finding::new(Severity::High, pod().container("app"), "cause").evidence(["1"; 9])]
        }),
        rule("B", &[], false, &[], |_| {
            vec![Finding::new(Severity::Critical, pod().container("app"), "same")]
        }),
        rule("C", &[], false, &[], |_| {
            vec![
                Finding::new(Severity::Low, pod(), "whole"),
                Finding::new(Severity::Critical, pod().container("other"), "not the same container"),
            ]
        }),
        rule("D", &[Input::Events], false, &[], |_| vec![Finding::new(Severity::Low, pod(), "events")]),
        rule("E", &[], true, &[], |_| vec![Finding::new(Severity::Low, pod(), "deep")]),
    ];

    fn ids(facts: &Plain) -> Vec<&'static str> {
        run(RULES, facts).iter().map(|issue| issue.check).collect()
    }

    #[test]
    fn rules_without_their_input_are_skipped() {
        assert_eq!(ids(&Plain { deep: true, events: true }), ["C", "A", "D", "E"]);
        assert_eq!(ids(&Plain { deep: true, events: false }), ["C", "A", "E"]);
        assert_eq!(ids(&Plain { deep: false, events: true }), ["C", "A", "D"]);
    }

    #[test]
    fn what_is_explained_is_left_out_and_named() {
        let issues = run(RULES, &Plain { deep: false, events: false });
        assert_eq!(issues[0].message, "Not the same container");
        assert_eq!(issues[1].evidence, ["1", "1", "1", "1", "1", "explains B, C"]);
    }

    #[test]
    fn texts_of_others_are_cleaned_and_bounded() {
        let finding = Finding::new(Severity::Low, pod(), "x".repeat(400))
            .evidence(["\u{1b}[0m".to_owned(), "y".repeat(400)])
            .recommend("z".repeat(400));
        assert_eq!(finding.message.chars().count(), 300);
        assert_eq!(finding.evidence[0], "\u{FFFD}[0m");
        assert_eq!(finding.evidence[1].chars().count(), 200);
        assert_eq!(finding.recommendation.chars().count(), 300);
        assert!(finding.recommendation.starts_with("Zz"), "a capital begins a sentence");
    }
}
