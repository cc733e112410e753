//! The admin port: metrics and the two probes.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::telemetry::Metrics;

use super::listen::{self, Bounds};

/// A scraper, two probes, and people who look.
const CONNECTIONS: usize = 50;

/// What the admin port shows.
#[derive(Clone)]
pub struct Admin {
    /// What is counted.
    pub metrics: Metrics,
    /// Whether calls are welcome.
    pub ready: Arc<AtomicBool>,
}

impl Admin {
    /// The routes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/metrics", get(metrics))
            .route("/livez", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .fallback(|| async {
                (StatusCode::NOT_FOUND, "there are: GET /metrics, GET /livez, GET /readyz\n")
            })
            .with_state(self)
    }

    /// Serves for ever.
    pub async fn serve(self, listener: TcpListener) {
        listen::serve(listener, self.router(), Bounds::most(CONNECTIONS), pending()).await;
    }
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], admin.metrics.render())
}

async fn ready(State(admin): State<Admin>) -> impl IntoResponse {
    if admin.ready.load(Ordering::Relaxed) {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use http::Request;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn probes_say_how_it_goes() {
        let ready = Arc::new(AtomicBool::new(false));
        let router = Admin { metrics: Metrics::new(), ready: Arc::clone(&ready) }.router();
        let page = async |path: &str| {
            let response =
                router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
            let status = response.status().as_u16();
            (status, String::from_utf8(to_bytes(response.into_body(), 1000).await.unwrap().to_vec()).unwrap())
        };
        assert_eq!(page("/readyz").await.0, 503);
        ready.store(true, Ordering::Relaxed);
        assert_eq!(page("/readyz").await, (200, "ready\n".to_owned()));
        assert_eq!(page("/livez").await, (200, "ok\n".to_owned()));
        assert_eq!(page("/metrics").await.0, 200);
        assert_eq!(page("/").await.0, 404);
    }
}
