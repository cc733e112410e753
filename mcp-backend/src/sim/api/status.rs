//! Answers that are no objects: `Status`, as the API writes it.

use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use kube::client::Body;
use serde_json::{Value, json};

use super::route::Resource;

/// The user that this server is at the API.
const USER: &str = "system:serviceaccount:mcp-backend:mcp-backend";

/// An answer of the API.
pub(super) type Response = http::Response<Body>;

/// An answer with this JSON.
pub(super) fn json(status: StatusCode, body: Vec<u8>) -> Response {
    answer(status, "application/json", body)
}

/// An answer with this text.
pub(super) fn text(status: StatusCode, body: impl Into<Vec<u8>>) -> Response {
    answer(status, "text/plain", body.into())
}

fn answer(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = http::Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

fn failure(status: StatusCode, reason: &str, message: &str, details: Value) -> Response {
    let mut body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": status.as_u16(),
    });
    if !details.is_null() {
        body["details"] = details;
    }
    json(status, body.to_string().into_bytes())
}

/// 400.
pub(super) fn bad_request(message: &str) -> Response {
    failure(StatusCode::BAD_REQUEST, "BadRequest", message, Value::Null)
}

/// 422: options that do not go together.
pub(super) fn invalid(message: &str) -> Response {
    failure(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message, Value::Null)
}

/// 401.
fn unauthorized() -> Response {
    failure(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized", Value::Null)
}

/// 404 for an object.
pub(super) fn not_found(resource: &Resource) -> Response {
    let name = resource.name.as_deref().unwrap_or_default();
    let message = format!("{} \"{name}\" not found", resource.qualified());
    failure(StatusCode::NOT_FOUND, "NotFound", &message, details(resource))
}

/// 404 for a kind that the API does not have.
pub(super) fn no_such_resource() -> Response {
    let message = "the server could not find the requested resource";
    failure(StatusCode::NOT_FOUND, "NotFound", message, json!({}))
}

/// 405.
pub(super) fn method_not_allowed() -> Response {
    let message = "the server does not allow this method on the requested resource";
    failure(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message, json!({}))
}

/// 403: the user lacks the right to use this verb.
pub(super) fn forbidden(resource: &Resource, verb: &str) -> Response {
    let scope = match &resource.namespace {
        Some(namespace) => format!("in the namespace \"{namespace}\""),
        None => "at the cluster scope".to_owned(),
    };
    let name = resource.name.as_deref().map(|name| format!(" \"{name}\"")).unwrap_or_default();
    let log = if resource.log { "/log" } else { "" };
    let message = format!(
        "{}{name} is forbidden: User \"{USER}\" cannot {verb} resource \"{}{log}\" in API group \"{}\" {scope}",
        resource.qualified(),
        resource.plural,
        resource.group,
    );
    failure(StatusCode::FORBIDDEN, "Forbidden", &message, details(resource))
}

/// 410: the page before this one is too old, or was not of this list.
pub(super) fn expired() -> Response {
    let message = "The provided continue parameter is too old to display a consistent list result. \
                   You must start a new list without the continue parameter.";
    failure(StatusCode::GONE, "Expired", message, Value::Null)
}

/// 500.
pub(super) fn internal_error() -> Response {
    let cause = "etcdserver: leader changed";
    let message = format!("Internal error occurred: {cause}");
    failure(
        StatusCode::INTERNAL_SERVER_ERROR,
        "InternalError",
        &message,
        json!({"causes": [{"message": cause}]}),
    )
}

/// A status that was asked for, on a request for this.
pub(super) fn forced(status: u16, resource: &Resource, verb: &str) -> Response {
    match status {
        401 => unauthorized(),
        403 => forbidden(resource, verb),
        404 if resource.name.is_some() => not_found(resource),
        404 => no_such_resource(),
        410 => expired(),
        429 => {
            let message = "The server has received too many requests and has asked us to try again later";
            retry_later(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message)
        }
        503 => {
            let message = "the server is currently unable to handle the request";
            retry_later(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
        }
        504 => {
            let message = "Timeout: request did not complete within the allotted duration";
            failure(StatusCode::GATEWAY_TIMEOUT, "Timeout", message, json!({}))
        }
        _ => internal_error(),
    }
}

fn retry_later(status: StatusCode, reason: &str, message: &str) -> Response {
    let mut response = failure(status, reason, message, json!({"retryAfterSeconds": 1}));
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn details(resource: &Resource) -> Value {
    let mut details = json!({"kind": resource.plural});
    if let Some(name) = &resource.name {
        details["name"] = json!(name);
    }
    if !resource.group.is_empty() {
        details["group"] = json!(resource.group);
    }
    details
}
