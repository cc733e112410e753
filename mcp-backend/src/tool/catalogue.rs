//! The table of tools, in the order in which they are listed.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value};
use tracing::{Instrument as _, info_span};

use super::analyze_logs::AnalyzeLogs;
use super::check_resource_usage::CheckResourceUsage;
use super::cluster_health::ClusterHealth;
use super::diagnose_deployment::DiagnoseDeployment;
use super::diagnose_node::DiagnoseNode;
use super::diagnose_pod::DiagnosePod;
use super::diagnose_service::DiagnoseService;
use super::get_events::GetEvents;
use super::get_pod_logs::GetPodLogs;
use super::get_resource::GetResource;
use super::list_pods::ListPods;
use crate::report::{clean, clip};

use super::{Context, ErrorType, Running, Tool, ToolError, limit, schema};

/// The longest part of an error: words of a parser repeat what they were given.
const ERROR_CHARACTERS: usize = 1_000;

/// A tool without its types.
pub struct Entry {
    /// As agents call it.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// For agents.
    pub description: &'static str,
    /// Of its arguments.
    pub input_schema: Arc<Map<String, Value>>,
    /// Of its structured content.
    pub output_schema: Arc<Map<String, Value>>,
    /// Checks the arguments and answers.
    pub run: fn(Context, Map<String, Value>) -> Running,
}

impl Entry {
    /// The tool of this type.
    pub(crate) fn of<T: Tool>() -> Self {
        Self {
            name: T::NAME,
            title: T::TITLE,
            description: T::DESCRIPTION,
            input_schema: schema::of_arguments::<T::Arguments>(),
            output_schema: schema::of_answer::<T::Output>(),
            run: |context, arguments| Box::pin(run::<T>(context, arguments)),
        }
    }
}

/// Whatever text of others got into an answer or an error leaves it clean; tools clean what they cut or quote themselves.
async fn run<T: Tool>(context: Context, arguments: Map<String, Value>) -> Result<Value, ToolError> {
    let short = |text: String| clip(&clean(&text), ERROR_CHARACTERS).into_owned();
    let answer = called::<T>(context, arguments).await;
    answer.map_err(|error| ToolError { failed: short(error.failed), next: short(error.next), ..error })
}

async fn called<T: Tool>(mut context: Context, arguments: Map<String, Value>) -> Result<Value, ToolError> {
    let arguments = info_span!("validate_input").in_scope(|| validate::<T>(arguments))?;
    if T::fresh(&arguments) {
        context.reader = context.reader.fresh();
    }
    let output = T::run(context, arguments).instrument(info_span!("execute_tool")).await?;
    info_span!("format_response").in_scope(|| format::<T>(output))
}

fn validate<T: Tool>(arguments: Map<String, Value>) -> Result<T::Arguments, ToolError> {
    serde_json::from_value(Value::Object(arguments)).map_err(|error| {
        ToolError::new(
            ErrorType::Validation,
            format!("failed to deserialize parameters: {error}"),
            format!("see the input schema of {}", T::NAME),
        )
    })
}

fn format<T: Tool>(output: T::Output) -> Result<Value, ToolError> {
    let mut answer = serde_json::to_value(output).map_err(|error| {
        ToolError::new(
            ErrorType::Internal,
            format!("the answer cannot be written: {error}"),
            "this is a mistake of the server",
        )
    })?;
    clean_all(&mut answer);
    limit::checked(answer, schema::of_arguments::<T::Arguments>)
}

/// Cleans texts and names of members.
fn clean_all(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(cleaned) = clean(text) {
                *text = cleaned;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(clean_all),
        Value::Object(object) => {
            object.values_mut().for_each(clean_all);
            if object.keys().any(|key| matches!(clean(key), Cow::Owned(_))) {
                let members = std::mem::take(object);
                object.extend(members.into_iter().map(|(key, value)| (clean(&key).into_owned(), value)));
            }
        }
        _ => {}
    }
}

/// Every tool.
pub fn catalogue() -> &'static [Entry] {
    static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
        vec![
            Entry::of::<ClusterHealth>(),
            Entry::of::<ListPods>(),
            Entry::of::<DiagnosePod>(),
            Entry::of::<DiagnoseDeployment>(),
            Entry::of::<DiagnoseService>(),
            Entry::of::<DiagnoseNode>(),
            Entry::of::<GetPodLogs>(),
            Entry::of::<AnalyzeLogs>(),
            Entry::of::<GetEvents>(),
            Entry::of::<CheckResourceUsage>(),
            Entry::of::<GetResource>(),
        ]
    });
    &ENTRIES
}

/// The tool of this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    catalogue().iter().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tool::tests::fake::Fake;

    #[test]
    fn texts_and_names_are_clean_wherever_they_stand() {
        let mut answer = json!({ "a\u{1b}": [{ "b": "\u{202e}c" }, 1], "d": "e\nf" });
        clean_all(&mut answer);
        assert_eq!(answer, json!({ "a\u{FFFD}": [{ "b": "\u{FFFD}c" }, 1], "d": "e\nf" }));
    }

    #[tokio::test]
    async fn an_error_does_not_repeat_all_that_it_was_given() {
        let arguments = json!({ format!("\u{1b}{}", "x".repeat(100_000)): 1 });
        let error = Fake::default().call("list_pods", arguments).await.unwrap_err();
        assert_eq!(error.kind, ErrorType::Validation);
        assert!(error.failed.chars().count() <= ERROR_CHARACTERS, "{}", error.failed.len());
        assert!(error.failed.contains("unknown field") && !error.failed.contains(char::is_control));
    }
}
