//! What the admin port shows beside metrics, as values that serialise.

use std::time::{Instant, SystemTime};

use serde::Serialize;

use super::operations::{self, OperationView, RECENT, Recent};
use super::{Telemetry, tokens};

/// The tool catalogue as the admin port shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CatalogueView {
    /// Whether a complete listing was seen.
    pub known: bool,
    /// Estimated tokens of the last complete listing.
    pub tokens: u64,
    /// Tools of all callers' last listings, by name.
    pub tools: Vec<ToolView>,
    /// The latest changes of definitions, newest first.
    pub changes: Vec<ChangeView>,
}

/// One tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolView {
    /// Its name.
    pub name: String,
    /// Estimated tokens of its definition.
    pub tokens: u64,
    /// Whether it has a label of its own in metrics.
    pub labelled: bool,
}

/// One change of a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangeView {
    /// When it was noticed, in milliseconds since the Unix epoch.
    pub unix_ms: u64,
    /// The tool.
    pub tool: String,
    /// What changed.
    pub part: &'static str,
}

impl Telemetry {
    /// The operations that ended last, newest first, at most `limit` of the [`RECENT`] that are kept. `now` and
    /// `wall` are the same moment on both clocks.
    #[must_use]
    pub fn operations(&self, limit: usize, now: Instant, wall: SystemTime) -> Vec<OperationView> {
        let mut desk = self.desk(now);
        self.0.ring.drain_into(&mut desk.recent);
        let metrics = &self.0.metrics;
        let view = |recent: &Recent| {
            OperationView::new(recent, metrics.client(&recent.operation.client).text.to_string(), now, wall)
        };
        desk.recent.iter().rev().take(limit.min(RECENT)).map(view).collect()
    }

    /// What is known of the server's tools. `now` and `wall` are the same moment on both clocks.
    #[must_use]
    pub fn catalogue(&self, now: Instant, wall: SystemTime) -> CatalogueView {
        let desk = self.desk(now);
        let catalogue = &desk.catalogue;
        let changes: Vec<_> = catalogue
            .changes()
            .map(|change| ChangeView {
                unix_ms: operations::unix_ms(change.at, now, wall),
                tool: change.tool.clone(),
                part: change.part.as_str(),
            })
            .collect();
        CatalogueView {
            known: catalogue.last().is_some(),
            tokens: catalogue.last().map_or(0, |(tokens, _)| tokens),
            tools: catalogue
                .tools()
                .map(|(name, size)| ToolView {
                    name: name.to_owned(),
                    tokens: tokens::of_bytes(size),
                    labelled: self.0.metrics.tools.get(name).is_some(),
                })
                .collect(),
            changes: changes.into_iter().rev().collect(),
        }
    }
}
