//! Resources: what the checks look for, what they mean, what to do.

use rmcp::model::{ReadResourceResult, Resource, ResourceContents, ResourceTemplate};

use crate::check::{self, RuleDoc};
use crate::report::Severity;

const SCHEME: &str = "checks://";
const LIST: &str = "checks://list";
const TEMPLATE: &str = "checks://{id}";
const MARKDOWN: &str = "text/markdown";

/// The list, then one for each check.
pub(super) fn list() -> Vec<Resource> {
    let all = Resource::new(LIST, "list")
        .with_title("All checks")
        .with_description("Every health check: id, name, severity")
        .with_mime_type(MARKDOWN);
    let one = |doc: &RuleDoc| {
        Resource::new(format!("{SCHEME}{}", doc.id), doc.id)
            .with_title(format!("{} {}", doc.id, doc.kind))
            .with_mime_type(MARKDOWN)
    };
    std::iter::once(all).chain(check::docs().map(one)).collect()
}

/// How to address a check.
pub(super) fn templates() -> Vec<ResourceTemplate> {
    let template = ResourceTemplate::new(TEMPLATE, "check")
        .with_title("A check")
        .with_description("Rule, meaning and runbook of the check that an issue names, as checks://POD-001")
        .with_mime_type(MARKDOWN);
    vec![template]
}

/// What stands at this address.
pub(super) fn read(uri: &str) -> Option<ReadResourceResult> {
    let id = uri.strip_prefix(SCHEME)?;
    let text = if uri == LIST {
        table(check::docs())
    } else {
        page(check::docs().find(|doc| doc.id.eq_ignore_ascii_case(id))?)
    };
    Some(ReadResourceResult::new(vec![ResourceContents::text(text, uri).with_mime_type(MARKDOWN)]))
}

fn table<'a>(docs: impl Iterator<Item = &'a RuleDoc>) -> String {
    let mut text = "# Checks\n\nRead checks://ID for rule, meaning and runbook.\n".to_owned();
    for doc in docs {
        text.push_str(&format!("\n- {} {} ({})", doc.id, doc.kind, word(doc.severity)));
    }
    text.push('\n');
    text
}

fn page(doc: &RuleDoc) -> String {
    format!(
        "# {} {}\n\nSeverity: at worst {}.\n\n## Rule\n\n{}\n\n## Meaning\n\n{}\n\n## Runbook\n\n{}\n",
        doc.id,
        doc.kind,
        word(doc.severity),
        doc.rule,
        doc.meaning,
        doc.runbook,
    )
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOC: RuleDoc = RuleDoc {
        id: "POD-001",
        kind: "CrashLoopBackOff",
        severity: Severity::Critical,
        rule: "waiting.reason",
        meaning: "It crashes.",
        runbook: "Read the log.",
    };

    #[test]
    fn a_page_has_rule_meaning_and_runbook() {
        assert_eq!(
            page(&DOC),
            "# POD-001 CrashLoopBackOff\n\nSeverity: at worst critical.\n\n## Rule\n\nwaiting.reason\n\n## Meaning\n\n\
             It crashes.\n\n## Runbook\n\nRead the log.\n"
        );
        assert!(table([DOC].iter()).ends_with("\n- POD-001 CrashLoopBackOff (critical)\n"));
    }

    #[test]
    fn everything_listed_can_be_read_and_nothing_else() {
        for resource in list() {
            assert!(read(&resource.uri).is_some(), "{}", resource.uri);
        }
        for uri in ["checks://", "checks://NOPE", "checks://list/", "file:///etc/passwd", "", "list"] {
            assert!(read(uri).is_none(), "{uri}");
        }
    }
}
