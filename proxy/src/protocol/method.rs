//! The methods of all revisions as a closed set (mcp-wire.md §3).

use compact_str::CompactString;

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// An MCP method.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum Method {
            $(#[doc = concat!("`", $name, "`")] $(#[$doc])* $variant,)*
            /// A method of no revision (vendors add their own), capped at `limits::NAME` bytes.
            Other(CompactString),
        }

        impl Method {
            /// The known method of this name.
            #[must_use]
            pub fn known(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The method as a label: `_other` for one of no revision, so that the set is closed.
            #[must_use]
            pub const fn label(&self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(_) => "_other",
                }
            }
        }
    };
}

methods! {
    Initialize = "initialize",
    Ping = "ping",
    ToolsList = "tools/list",
    ToolsCall = "tools/call",
    PromptsList = "prompts/list",
    PromptsGet = "prompts/get",
    ResourcesList = "resources/list",
    ResourcesTemplatesList = "resources/templates/list",
    ResourcesRead = "resources/read",
    ResourcesSubscribe = "resources/subscribe",
    ResourcesUnsubscribe = "resources/unsubscribe",
    CompletionComplete = "completion/complete",
    LoggingSetLevel = "logging/setLevel",
    RootsList = "roots/list",
    SamplingCreateMessage = "sampling/createMessage",
    ElicitationCreate = "elicitation/create",
    TasksGet = "tasks/get",
    TasksResult = "tasks/result",
    TasksList = "tasks/list",
    TasksCancel = "tasks/cancel",
    TasksUpdate = "tasks/update",
    ServerDiscover = "server/discover",
    SubscriptionsListen = "subscriptions/listen",
    NotificationsInitialized = "notifications/initialized",
    NotificationsCancelled = "notifications/cancelled",
    NotificationsProgress = "notifications/progress",
    NotificationsMessage = "notifications/message",
    NotificationsRootsListChanged = "notifications/roots/list_changed",
    NotificationsToolsListChanged = "notifications/tools/list_changed",
    NotificationsPromptsListChanged = "notifications/prompts/list_changed",
    NotificationsResourcesListChanged = "notifications/resources/list_changed",
    NotificationsResourcesUpdated = "notifications/resources/updated",
    NotificationsElicitationComplete = "notifications/elicitation/complete",
    NotificationsTasksStatus = "notifications/tasks/status",
    NotificationsTasks = "notifications/tasks",
    NotificationsSubscriptionsAcknowledged = "notifications/subscriptions/acknowledged",
}

impl Method {
    /// Reads a method name: a known one, or [`Method::Other`] with the (already capped) name.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        Self::known(name).unwrap_or_else(|| Self::Other(CompactString::new(name)))
    }

    /// The method as it stood on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(name) => name,
            known => known.label(),
        }
    }
}
