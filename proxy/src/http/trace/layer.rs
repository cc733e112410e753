//! The layer that adds the writing of trace context to a service.

use tower::Layer;

use super::{Settings, Trace};

/// Makes [`Trace`] services.
#[derive(Debug, Clone)]
pub struct TraceLayer(Settings);

impl TraceLayer {
    /// A layer that holds requests as `settings` say.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self(settings)
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Trace<S> {
        Trace::new(inner, self.0.clone())
    }
}
