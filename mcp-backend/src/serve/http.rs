//! The HTTP port: MCP at `/mcp`, plain calls at `/call-tool`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{get, post};
use http::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use super::listen::{self, Bounds};
use super::mcp::Mcp;
use super::open::{self, Open};
use super::sessions::Sessions;
use super::{call_tool, guard};

pub use super::guard::Allowed;
pub(crate) use super::guard::tuple as origin_tuple;

/// Where MCP is spoken.
pub const PATH: &str = "/mcp";

/// The largest request, in bytes: the arguments of our tools are some hundred.
const BODY: usize = 1024 * 1024;

/// Most sessions at a time.
const SESSIONS: usize = 1_000;

/// Most connections at a time; a session of an older revision keeps one for its stream.
const CONNECTIONS: usize = 850;

/// How long calls under way may take once the end has begun, and how long open streams after them.
const FINISH: Duration = Duration::from_secs(4);
const CLOSE: Duration = Duration::from_millis(500);

const ABOUT: &str = "\
mcp-backend: read-only diagnosis of a Kubernetes cluster, for agents.

MCP (Streamable HTTP)   /mcp
Plain calls             POST /call-tool, content-type: application/json
                        {\"tool\": \"diagnose_pod\", \"args\": {\"namespace\": \"shop\", \"pod_name\": \"web-1\"}}
";

/// All routes, ready to be served.
pub struct Endpoint {
    router: Router,
    open: Open,
    close: Box<dyn FnOnce() + Send>,
}

impl Endpoint {
    /// Serves this to whom it may concern.
    pub fn new(mcp: Mcp, allowed: Allowed) -> Self {
        let config = config(&allowed);
        let token = config.cancellation_token.clone();
        let handler = mcp.clone();
        let service = StreamableHttpService::new(
            move || Ok(handler.clone()),
            Arc::new(Sessions::new(SESSIONS)),
            config,
        );
        let open = Open::new();
        let plain = Router::new()
            .route("/", get(|| async { ABOUT }))
            .route("/call-tool", post(call_tool::call_tool))
            .with_state(mcp)
            .layer(DefaultBodyLimit::max(BODY));
        let router = Router::new()
            // Its own lists of hosts and origins, and its own limit of the body (see `config`).
            .route_service(PATH, service)
            .merge(plain)
            .layer(from_fn_with_state(Arc::new(allowed), guard::guard))
            .layer(from_fn_with_state(open.clone(), open::count))
            .layer(map_response(no_sniffing));
        Self { router, open, close: Box::new(move || token.cancel()) }
    }

    /// The routes, for tests of one request.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Serves until `stop`. Then nobody is let in any more, calls under way are finished within bounds, and what clients
    /// keep open is closed.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let (tell, mut told) = watch::channel(false);
        let stopping = async move {
            told.wait_for(|stop| *stop).await.ok();
        };
        let bounds = Bounds::most(CONNECTIONS);
        let mut serving = tokio::spawn(listen::serve(listener, self.router, bounds, stopping));
        stop.await;
        tell.send(true).ok();
        if timeout(FINISH, self.open.none()).await.is_err() {
            tracing::warn!("ending with calls under way");
        }
        (self.close)();
        if timeout(CLOSE, &mut serving).await.is_err() {
            // Clients that keep their connections do not keep us.
            serving.abort();
        }
    }
}

fn config(allowed: &Allowed) -> StreamableHttpServerConfig {
    let config = StreamableHttpServerConfig::default().with_max_request_body_bytes(BODY);
    let config = if allowed.any_host() {
        config.disable_allowed_hosts()
    } else {
        config.with_allowed_hosts(allowed.hosts.iter())
    };
    if allowed.any_origin() {
        config.disable_allowed_origins()
    } else {
        config.with_allowed_origins(allowed.origins.iter()).enforce_origin_validation()
    }
}

/// Text of workloads in our answers is data, whatever a browser would make of it.
async fn no_sniffing<B>(mut response: Response<B>) -> Response<B> {
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use http::{Request, StatusCode};
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::super::testing;
    use super::*;

    async fn answer(request: Request<Body>) -> (StatusCode, Value) {
        let router = Endpoint::new(testing::mcp(), Allowed::default()).router();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        let status = response.status();
        let body = to_bytes(response.into_body(), BODY).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    fn posted(body: impl ToString) -> Request<Body> {
        Request::post("/call-tool")
            .header("host", "localhost:3001")
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap()
    }

    #[tokio::test]
    async fn plain_calls_are_answered_with_a_result_or_an_error() {
        for (body, status, answered) in [
            (json!({"tool": "double", "args": {"number": 2}}), 200, json!({"result": {"doubled": 4}})),
            (
                json!({"tool": "refuse"}),
                404,
                json!({"error": "pods \"web\" not found; list what is there", "error_type": "not_found"}),
            ),
            (
                json!({"tool": "nope", "args": {}}),
                404,
                json!({"error": "tool not found", "error_type": "not_found"}),
            ),
        ] {
            assert_eq!(
                answer(posted(&body)).await,
                (StatusCode::from_u16(status).unwrap(), answered),
                "{body}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_no_call_is_refused_with_a_reason() {
        let mut plain = posted(json!({"tool": "double"}));
        plain.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
        for (request, status) in [
            (posted("{"), 400),
            (posted("{}"), 422),
            (posted(json!({"tool": "double", "arguments": {}})), 422),
            (posted(json!({"tool": "double", "args": []})), 422),
            (posted(json!({"tool": "double", "args": {"number": "x"}})), 400),
            (posted(json!({"tool": "x".repeat(BODY)})), 413),
            (plain, 415),
        ] {
            let (seen, body) = answer(request).await;
            assert_eq!(seen.as_u16(), status, "{body}");
            assert_eq!(body["error_type"], "validation_error", "{body}");
            assert!(body["error"].is_string(), "{body}");
        }
    }

    #[tokio::test]
    async fn short_names_of_arguments_are_taken_too() {
        for (args, status, named) in [
            (json!({"namespace": "shop", "pod": "web"}), 200, "web"),
            (json!({"namespace": "shop", "pod_name": "web"}), 200, "web"),
            (json!({"namespace": "shop", "pod_name": "web", "pod": "other"}), 400, ""),
            (json!({"namespace": "shop", "service": "web"}), 400, ""),
        ] {
            let (seen, body) = answer(posted(json!({"tool": "wait", "args": args.clone()}))).await;
            assert_eq!(seen.as_u16(), status, "{args} {body}");
            if status == 200 {
                assert_eq!(body["result"]["pod_name"], named, "{args}");
            }
        }
    }

    #[tokio::test]
    async fn foreign_hosts_and_origins_are_refused_everywhere() {
        for path in ["/", "/call-tool", PATH] {
            for (header, value) in [("host", "evil.example"), ("origin", "http://evil.example")] {
                let mut request = posted(json!({"tool": "double", "args": {"number": 2}}));
                *request.uri_mut() = path.parse().unwrap();
                request.headers_mut().insert(header, HeaderValue::from_static(value));
                let (status, body) = answer(request).await;
                assert_eq!(status, StatusCode::FORBIDDEN, "{path} {header}: {body}");
            }
        }
    }

    #[tokio::test]
    async fn the_root_says_what_this_is() {
        let request = Request::get("/").header("host", "127.0.0.1").body(Body::empty()).unwrap();
        let (status, body) = answer(request).await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.as_str().unwrap().contains("/call-tool"));
    }
}
