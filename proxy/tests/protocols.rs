//! HTTP/2 on either side, and TLS towards the server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mcp_tap::http::forward::{Settings, UpstreamAddress, UpstreamProtocol};
use support::client::RawClient;
use support::proxy::{settings, start, start_proxy};
use support::server::ScriptedServer;
use tokio::net::{TcpListener, TcpStream};

const DRAIN: Duration = Duration::from_secs(5);
type Head = (Method, String, Version, HeaderMap, Bytes);

/// An HTTP/2 client on one connection.
async fn http2_client(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// An HTTP/2 server that notes requests and answers with the body and its trailers.
async fn http2_server() -> (SocketAddr, Arc<Mutex<Vec<Head>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen: Arc<Mutex<Vec<Head>>> = Arc::default();
    let noted = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let noted = Arc::clone(&noted);
            let service = service_fn(move |request: Request<Incoming>| {
                let noted = Arc::clone(&noted);
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    noted.lock().unwrap().push((
                        parts.method,
                        parts.uri.to_string(),
                        parts.version,
                        parts.headers,
                        body.clone(),
                    ));
                    let mut trailers = HeaderMap::new();
                    trailers.insert("x-sum", HeaderValue::from_static("1"));
                    let frames = Frames([Frame::data(body), Frame::trailers(trailers)].into());
                    Ok::<_, Infallible>(Response::builder().header("trailer", "x-sum").body(frames).unwrap())
                }
            });
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, seen)
}

/// A body of frames that are there.
struct Frames(std::collections::VecDeque<Frame<Bytes>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(self.0.pop_front().map(Ok))
    }
}

fn over_http2(upstream: SocketAddr) -> SocketAddr {
    let settings = Settings { protocol: UpstreamProtocol::Http2, ..settings(upstream) };
    start(settings, 1, DRAIN).address
}

#[tokio::test]
async fn an_http2_client_reaches_an_http1_server() {
    let server = ScriptedServer::answering(
        &b"HTTP/1.1 200 OK\r\nX-A: 1\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"[..],
    );
    let mut client = http2_client(start_proxy(server.address)).await;
    for turn in 0..3 {
        let request = Request::post("http://mcp.example/mcp?q=%zz")
            .header("cookie", "a=1")
            .header("mcp-session-id", turn)
            .header("cookie", "b=2")
            .body(Full::from("{}"))
            .unwrap();
        let answer = client.send_request(request).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers().len()), (200, 2), "{:?}", answer.headers());
        let body = answer.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["x-sum"], "1");
        assert_eq!(body.to_bytes(), "ok");
    }
    let seen = server.seen();
    assert_eq!((seen.len(), server.connections()), (3, 1));
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(seen[0].start, "POST /mcp?q=%zz HTTP/1.1");
    assert_eq!(
        seen[0].headers,
        [
            header("host", "mcp.example"),
            header("cookie", "a=1; b=2"),
            header("mcp-session-id", "0"),
            header("content-length", "2"),
        ]
    );
    assert_eq!(seen[0].body, b"{}");
}

/// What every HTTP/2 connection begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The head of an empty `SETTINGS` frame.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

#[tokio::test(flavor = "multi_thread")]
async fn a_protocol_is_known_however_its_first_bytes_arrive() {
    let server = ScriptedServer::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let proxy = start_proxy(server.address);
    let request = b"PRINT / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    for (bytes, answer) in [([PREFACE, SETTINGS].concat(), SETTINGS), (request, b"HTTP/1.1 ")] {
        for size in [1, 2, 8, 23, 24] {
            let mut client = RawClient::connect(proxy);
            let (start, rest) = bytes.split_at(PREFACE.len());
            for piece in start.chunks(size) {
                client.send(piece);
                // Mostly long enough for the piece to be read alone.
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            client.send(rest);
            // A frame's type stands behind its length.
            assert_eq!(client.reader.exactly(answer.len())[3], answer[3], "in pieces of {size}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_does_not_change_to_http2_after_a_request() {
    let server = ScriptedServer::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let mut client = RawClient::connect(start_proxy(server.address));
    assert_eq!(client.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").status(), 200);
    client.send(&[PREFACE, SETTINGS].concat());
    assert_eq!(client.reader.rest(), b"");
}

#[tokio::test]
async fn an_http2_client_that_resets_its_stream_frees_the_server() {
    let (tell, told) = std::sync::mpsc::channel();
    let server = ScriptedServer::start(move |connection| {
        connection.request().unwrap();
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        connection.wait_for_end();
        tell.send(()).unwrap();
    });
    let mut client = http2_client(start_proxy(server.address)).await;
    let answer = client.send_request(Request::get("http://h/").body(Full::default()).unwrap()).await.unwrap();
    drop(answer);
    tokio::task::spawn_blocking(move || told.recv_timeout(support::PATIENCE).unwrap()).await.unwrap();
}

#[tokio::test]
async fn an_http2_client_sees_a_broken_body_as_broken() {
    let (go, gone) = std::sync::mpsc::channel();
    let gone = Mutex::new(gone);
    let server = ScriptedServer::start(move |connection| {
        connection.request().unwrap();
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
        gone.lock().unwrap().recv_timeout(support::PATIENCE).unwrap();
    });
    let mut client = http2_client(start_proxy(server.address)).await;
    let answer = client.send_request(Request::get("http://h/").body(Full::default()).unwrap()).await.unwrap();
    let mut body = answer.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "ok");
    go.send(()).unwrap();
    assert!(body.frame().await.unwrap().is_err());
}

#[tokio::test]
async fn clients_of_either_version_reach_an_http2_server() {
    let (address, seen) = http2_server().await;
    let proxy = over_http2(address);
    let answer = tokio::task::spawn_blocking(move || {
        RawClient::connect(proxy).exchange(
            b"POST /a?b HTTP/1.1\r\nHost: mcp.example\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        )
    })
    .await
    .unwrap();
    assert_eq!((answer.status(), &answer.body[..]), (200, &b"{}"[..]));
    assert_eq!(answer.trailers, [("x-sum".to_owned(), "1".to_owned())]);
    let mut client = http2_client(proxy).await;
    let request = Request::post("http://mcp.example/a?b").header("x-a", "1").body(Full::from("{}")).unwrap();
    let answer = client.send_request(request).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(answer.trailers().unwrap()["x-sum"], "1");
    let seen = seen.lock().unwrap();
    for (method, uri, version, headers, body) in seen.iter() {
        assert_eq!(
            (method, uri.as_str(), *version),
            (&Method::POST, "http://mcp.example/a?b", Version::HTTP_2)
        );
        assert_eq!((&headers["x-a"], &body[..]), (&HeaderValue::from_static("1"), &b"{}"[..]));
        assert!(!headers.contains_key("x-hop") && !headers.contains_key("host"));
    }
    assert_eq!(seen.len(), 2);
}

#[tokio::test]
async fn more_streams_than_one_connection_takes_use_another() {
    let (address, seen) = http2_server().await;
    let proxy = over_http2(address);
    // Request bodies that stay open keep their streams open.
    let open: Vec<_> = (0..250)
        .map(|_| {
            tokio::task::spawn_blocking(move || {
                let mut client = RawClient::connect(proxy);
                client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{");
                client
            })
        })
        .collect();
    let mut clients = Vec::new();
    for client in open {
        clients.push(client.await.unwrap());
    }
    let answers = tokio::task::spawn_blocking(move || {
        for client in &mut clients {
            client.send(b"}");
            assert_eq!(client.response(false).unwrap().body, b"{}");
        }
    });
    answers.await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 250);
}

#[tokio::test]
async fn an_http2_server_that_is_down_gives_a_plain_502() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut client = http2_client(over_http2(closed)).await;
    let answer = client.send_request(Request::get("http://h/").body(Full::default()).unwrap()).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (502, &HeaderValue::from_static("text/plain; charset=utf-8"))
    );
}

/// A TLS server with a certificate for `localhost` that answers by HTTP/1.1 or HTTP/2 as agreed.
async fn tls_server() -> (SocketAddr, tempfile::NamedTempFile) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), made.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let (_, session) = stream.get_ref();
            let agreed = String::from_utf8_lossy(session.alpn_protocol().unwrap_or_default()).into_owned();
            let name = session.server_name().unwrap_or("none").to_owned();
            let service = service_fn(move |request: Request<Incoming>| {
                let text = format!("{agreed} {name} {:?}", request.version());
                async move { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(text))) }
            });
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            tokio::spawn(
                async move { builder.serve_connection(TokioIo::new(stream), service).await.unwrap() },
            );
        }
    });
    (address, file)
}

#[tokio::test]
async fn tls_is_spoken_with_the_name_and_protocol_of_the_settings() {
    let (address, certificate) = tls_server().await;
    for (protocol, expected) in [
        (UpstreamProtocol::Http1, "http/1.1 localhost HTTP/1.1"),
        (UpstreamProtocol::Http2, "h2 localhost HTTP/2.0"),
    ] {
        let settings = Settings {
            protocol,
            ca_file: Some(certificate.path().to_owned()),
            ..Settings::new(UpstreamAddress::Tls { host: "localhost".into(), port: address.port() })
        };
        let proxy = start(settings, 1, DRAIN).address;
        let get = move || RawClient::connect(proxy).exchange(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        let answer = tokio::task::spawn_blocking(get).await.unwrap();
        assert_eq!(String::from_utf8(answer.body).unwrap(), expected);
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_gives_a_plain_502() {
    let (address, _) = tls_server().await;
    let (_, other) = tls_server().await;
    let settings = Settings {
        ca_file: Some(other.path().to_owned()),
        ..Settings::new(UpstreamAddress::Tls { host: "localhost".into(), port: address.port() })
    };
    let proxy = start(settings, 1, DRAIN).address;
    let get = move || RawClient::connect(proxy).exchange(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let answer = tokio::task::spawn_blocking(get).await.unwrap();
    assert_eq!(answer.status(), 502);
    assert!(String::from_utf8(answer.body).unwrap().contains("TLS"));
}

#[tokio::test]
async fn a_drain_lets_http2_streams_finish() {
    let (go, gone) = std::sync::mpsc::channel();
    let (arrive, arrived) = std::sync::mpsc::channel();
    let gone = Mutex::new(gone);
    let server = ScriptedServer::start(move |connection| {
        connection.request().unwrap();
        arrive.send(()).unwrap();
        gone.lock().unwrap().recv_timeout(support::PATIENCE).unwrap();
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let proxy = start(settings(server.address), 1, Duration::from_secs(300));
    let mut client = http2_client(proxy.address).await;
    let answer = tokio::spawn(client.send_request(Request::get("http://h/").body(Full::default()).unwrap()));
    tokio::task::spawn_blocking(move || arrived.recv_timeout(support::PATIENCE).unwrap()).await.unwrap();
    proxy.drain.start();
    go.send(()).unwrap();
    let body = answer.await.unwrap().unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "ok");
    tokio::task::spawn_blocking(move || proxy.join()).await.unwrap();
}
