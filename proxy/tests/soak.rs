//! Many connections at once, cut, pipelined, answered early and broken off at random: each answer is that of its request,
//! no request is seen twice, and the proxy is the same afterwards.

mod support;

use std::collections::HashSet;
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use support::PATIENCE;
use support::random::Random;
use support::server::{Connection, ScriptedServer};
use support::tap::through_proxy_with;
use support::wire::{End, Message, Reader};

/// Clients at a time, and connections of each in a round.
const CLIENTS: usize = 8;
const CONNECTIONS: usize = 12;

/// How the server treats a request; told to it by the target.
const WAYS: [&str; 8] = ["plain", "plain", "chunked", "chunked", "early", "close", "leave", "cut"];

/// What a request or an answer of this number carries.
fn body(number: usize, size: usize) -> Vec<u8> {
    let text = format!("<{number}>");
    text.bytes().cycle().take(size).collect()
}

/// Answers as it is asked to, and notes what should not be.
fn server(wrong: &Arc<Mutex<Vec<String>>>) -> ScriptedServer {
    let (wrong, seen) = (Arc::clone(wrong), Mutex::new(HashSet::new()));
    ScriptedServer::start(move |connection| {
        while let Some(request) = connection.reader.head() {
            let mut parts = request.start.split(['/', ' ']).skip(2);
            let way = parts.next().unwrap_or_default().to_owned();
            let numbers: Vec<usize> = parts.map_while(|part| part.parse().ok()).collect();
            let [number, sent, size] = numbers[..] else {
                wrong.lock().unwrap_or_else(|gone| gone.into_inner()).push(request.start);
                return;
            };
            let first = seen.lock().unwrap_or_else(|gone| gone.into_inner()).insert(number);
            if !first {
                wrong.lock().unwrap_or_else(|gone| gone.into_inner()).push(format!("{number} twice"));
            }
            match serve(connection, request, &way, (number, sent, size)) {
                Ok(true) => {}
                Ok(false) => return,
                Err(what) => wrong.lock().unwrap_or_else(|gone| gone.into_inner()).push(what),
            }
        }
    })
}

/// Serves one request; `false` if it was the last.
fn serve(
    connection: &mut Connection,
    mut request: Message,
    way: &str,
    (number, sent, size): (usize, usize, usize),
) -> Result<bool, String> {
    if way == "early" {
        answer(connection, "plain", number, size);
    }
    if way == "leave" {
        answer(connection, "close", number, size);
        return Ok(false);
    }
    connection.reader.body(&mut request, false);
    if request.complete && request.body != body(number, sent) {
        return Err(format!("the body of {number} is {} bytes of another", request.body.len()));
    }
    if !request.complete {
        return Ok(false);
    }
    if way != "early" {
        answer(connection, way, number, size);
    }
    Ok(!matches!(way, "close" | "cut"))
}

fn answer(connection: &mut Connection, way: &str, number: usize, size: usize) {
    let body = body(number, size);
    let head = format!("HTTP/1.1 200 OK\r\nX-Number: {number}\r\n");
    if way == "chunked" {
        connection.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes());
        for chunk in body.chunks(1 + number % 3000) {
            connection.send(&[format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
        }
        connection.send(b"0\r\n\r\n");
        return;
    }
    let close = if way == "plain" { "" } else { "Connection: close\r\n" };
    connection.send(format!("{head}{close}Content-Length: {size}\r\n\r\n").as_bytes());
    let cut = if way == "cut" { body.len() / 2 } else { body.len() };
    connection.send(&body[..cut]);
    if way == "cut" && number.is_multiple_of(2) {
        connection.reset();
    }
}

/// A request as it is sent.
struct Asked {
    number: usize,
    way: &'static str,
    size: usize,
    head: Vec<u8>,
    body: Vec<u8>,
}

fn ask(random: &mut Random, number: usize) -> Asked {
    let way = WAYS[random.below(WAYS.len())];
    let sizes = [0, 1, 300, 5000, 70_000];
    let (sent, size) = (sizes[random.below(sizes.len())], sizes[random.below(sizes.len())]);
    let head = format!(
        "POST /{way}/{number}/{sent}/{size} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
    );
    let sending = body(number, sent);
    let (mut head, mut bytes) = (head.into_bytes(), Vec::new());
    if random.below(2) == 0 {
        head.extend_from_slice(format!("Content-Length: {sent}\r\n\r\n").as_bytes());
        bytes.extend_from_slice(&sending);
    } else {
        head.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        // Extensions of many chunks would be too long.
        for chunk in sending.chunks(30 + random.below(4000)) {
            bytes.extend_from_slice(format!("{:X};x\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
    }
    Asked { number, way, size, head, body: bytes }
}

/// One connection: some requests behind each other, and an end. Gives the number of whole answers.
fn connect(address: std::net::SocketAddr, random: &mut Random, numbers: &AtomicUsize) -> usize {
    let asked: Vec<Asked> =
        (0..1 + random.below(5)).map(|_| ask(random, numbers.fetch_add(1, Ordering::SeqCst))).collect();
    let size = asked.iter().map(|asked| asked.head.len() + asked.body.len()).sum();
    let abort = (random.below(4) == 0).then(|| random.below(size));
    let piece = [1 + random.below(40), 1 + random.below(5000), usize::MAX][random.below(3)];
    // Byte by byte only what is small.
    let piece = if size > 10_000 { piece.max(1000) } else { piece };
    let stream = TcpStream::connect(address).expect("the proxy listens");
    stream.set_nodelay(true).expect("a socket");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
    let mut reader = Reader::new(stream.try_clone().expect("a socket"));
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        let asked = &asked;
        scope.spawn(move || {
            let _gone = send(&stream, asked, piece, abort.unwrap_or(usize::MAX), &told);
            if abort.is_some() {
                let half = size.is_multiple_of(2);
                let _gone = stream.shutdown(if half { Shutdown::Write } else { Shutdown::Both });
            }
        });
        check(&mut reader, asked, abort.is_some(), tell)
    })
}

/// Sends the requests, up to `left` bytes of them. The body of one that is answered early is sent when it was `told` that
/// the answer is there.
fn send(
    mut stream: &TcpStream,
    asked: &[Asked],
    piece: usize,
    mut left: usize,
    told: &Receiver<()>,
) -> io::Result<()> {
    for asked in asked {
        for (part, waits) in [(&asked.head, false), (&asked.body, asked.way == "early")] {
            if waits {
                // An error says that no further answer is waited for.
                told.recv_timeout(PATIENCE).ok();
            }
            let part = &part[..part.len().min(left)];
            left -= part.len();
            for piece in part.chunks(piece) {
                stream.write_all(piece)?;
            }
            if left == 0 {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Takes the answers and holds each against its request.
fn check(reader: &mut Reader<TcpStream>, asked: &[Asked], aborted: bool, tell: Sender<()>) -> usize {
    // A reset takes away what the client has not read yet, be it passed on or that of a connection that ends behind a
    // request which the server left and the client still sends.
    let resets = asked.iter().any(|asked| matches!(asked.way, "leave" | "cut"));
    let (mut whole, mut left) = (0, false);
    for asked in asked {
        left |= matches!(asked.way, "leave" | "cut");
        let answer = reader.head().map(|mut answer| {
            if asked.way == "early" {
                tell.send(()).ok();
            }
            reader.body(&mut answer, false);
            answer
        });
        let may_end = aborted || left || (resets && reader.end == End::Reset);
        let told = format!("{} ({})", asked.number, asked.way);
        let Some(answer) = answer else {
            assert!(may_end, "{told} got no answer");
            return whole;
        };
        let told = format!("{told}: {}, {} bytes, {:?}", answer.start, answer.body.len(), reader.end);
        if answer.status() == 200 {
            let number = answer.header("x-number").and_then(|number| number.parse().ok());
            assert_eq!(number, Some(asked.number), "{told}");
            assert!(!answer.complete || answer.body == body(asked.number, asked.size), "{told}");
        } else {
            assert!(aborted || matches!(asked.way, "leave" | "cut"), "{told}");
        }
        if !answer.complete || answer.header("connection") == Some("close") {
            assert!(may_end || asked.way == "early", "{told} is not whole or the last");
            return whole;
        }
        whole += 1;
    }
    whole
}

#[test]
fn each_answer_is_that_of_its_request_and_memory_stays_flat() {
    let wrong: Arc<Mutex<Vec<String>>> = Arc::default();
    let server = server(&wrong);
    let upstream = format!("http://{}", server.address);
    for (mode, seed) in [("off", 1), ("full", 2)] {
        let flags = ["--workers", "1", "--otlp-endpoint", "http://127.0.0.1:9", "--propagate", mode];
        let tap = through_proxy_with(&upstream, &flags);
        let numbers = AtomicUsize::new(seed * 1_000_000);
        let round = |round: usize| -> usize {
            std::thread::scope(|scope| {
                let clients: Vec<_> = (0..CLIENTS)
                    .map(|client| {
                        let mut random = Random::new((seed * 1000 + round * 100 + client) as u64);
                        let numbers = &numbers;
                        scope.spawn(move || -> usize {
                            (0..CONNECTIONS).map(|_| connect(tap.traffic, &mut random, numbers)).sum()
                        })
                    })
                    .collect();
                clients
                    .into_iter()
                    .map(|client| client.join().unwrap_or_else(|_| panic!("the server noted {wrong:?}")))
                    .sum()
            })
        };
        let mut whole = round(0) + round(1);
        let before = tap.resident_kib();
        for number in 2..5 {
            whole += round(number);
        }
        let growth = tap.resident_kib().saturating_sub(before);
        assert!(growth < 12 * 1024, "{mode}: {growth} KiB more");
        assert!(whole > CLIENTS * CONNECTIONS, "{mode}: {whole} answers only");
        tap.scrape_when_idle();
        let (status, log) = tap.stop();
        assert!(status.success() && !log.contains("panicked"), "{mode}: {log}");
    }
    assert_eq!(*wrong.lock().expect("no panic"), Vec::<String>::new());
}
