//! The table of tools, in the order in which they are listed.

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
use super::{Context, ErrorType, Running, Tool, ToolError, limit, schema};

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

async fn run<T: Tool>(mut context: Context, arguments: Map<String, Value>) -> Result<Value, ToolError> {
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
    let answer = serde_json::to_value(output).map_err(|error| {
        ToolError::new(
            ErrorType::Internal,
            format!("the answer cannot be written: {error}"),
            "this is a mistake of the server",
        )
    })?;
    limit::checked(answer, schema::of_arguments::<T::Arguments>)
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
    use super::*;

    /// What agents pay for with each list of tools: eleven tools are to stay within 16 kB.
    #[test]
    fn the_tools_together_stay_small() {
        let one = |entry: &Entry| {
            let schemas = [&entry.input_schema, &entry.output_schema];
            let schemas: usize = schemas.map(|schema| limit::bytes(&**schema)).into_iter().sum();
            // Names of members, and the annotations that every tool has.
            entry.name.len() + entry.title.len() + entry.description.len() + schemas + 150
        };
        let sizes: Vec<(&str, usize)> = catalogue().iter().map(|entry| (entry.name, one(entry))).collect();
        let all: usize = sizes.iter().map(|(_, size)| size).sum();
        assert!(all <= 16_000, "{all}: {sizes:?}");
    }
}
