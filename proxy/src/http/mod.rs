//! The HTTP side: accepts clients, forwards to the one server, changes nothing but hop-by-hop headers and, where traces
//! are made, trace context.
//!
//! Read in this order: [`stack`] (what a request passes), [`server`] (who accepts), `client` (a client's connection),
//! [`inspect`] (how a copy is read), [`trace`] (what is written into a request, where that is asked for), [`forward`] (how
//! the server is reached), [`respond`] (what is said when it is not), [`drain`] (how it all ends). HTTP/1 itself is in `h1`,
//! for both sides; HTTP/2 is hyper's.
//!
//! One task serves a client's connection and moves the server's, from the first byte of a request to the last of its
//! answer: no other is woken, and whoever leaves is noticed by the other side at once. What arrived together goes on
//! together; a connection on which nothing happens holds no buffer.
//!
//! What differs from a direct connection, and why:
//! - Hop-by-hop headers end here (RFC 9110 §7.6.1): `Connection` and what it names, `Keep-Alive`, `Proxy-Connection`,
//!   `TE` but for `trailers`, `Upgrade` unless the connection is upgraded; one that offers `h2c` is never passed on.
//! - Over HTTP/1 all other lines keep their order and spelling, also those of one name that stand apart. From and to
//!   HTTP/2 names are in lower case, such lines stand together, and `Host` is the authority of the target.
//! - A body that ended with the connection goes on as chunked towards HTTP/1.1; an answer in HTTP/1.0 as HTTP/1.1.
//! - Of the 1xx answers only `100 Continue` and `101 Switching Protocols` are passed on. A client that expects the
//!   first and hears nothing from the server gets it from us after a second.
//! - The names of trailers become lower case; those that would frame a message or belong to the connection end here.
//! - Chunks that are there at the same time may leave as one; none waits for another.
//! - A client's half-close counts as its leaving: only so does an idle stream notice that its client is gone. uvicorn,
//!   hyper and Node do the same, Node but for answers it has ready at that moment; servers of one thread per client
//!   answer, and behind this proxy such an answer is lost. No MCP SDK closes one direction only.
//! - `CONNECT` is answered with 501. What is not taken for HTTP gets 400, 414 or 431: among it targets with `<`, `>` or, in
//!   the path, a backtick or, in the query, a double quote. Towards HTTP/2
//!   a fragment is cut.
//! - What would let two parsers disagree about where a message ends is settled or refused, not passed on. Refused with
//!   400, from a server with 502: different or unreadable lengths, a length list, `Transfer-Encoding` in HTTP/1.0, folded
//!   lines, a space before the colon, a bare CR, NUL; in a request `chunked` twice or not last, `identity`; a bare LF in
//!   the lines of chunks and trailers. Settled: `Content-Length` beside `Transfer-Encoding` is dropped, and the
//!   connection ends behind that message; so are repeated equal ones; lines of heads that end in LF end in CRLF; chunk
//!   extensions end here.
//! - A connection that ends behind an answer while the client may be sending is read for another half second, so that
//!   the answer arrives.
//! - A request body that is malformed gets 400 from us; the server sees a request that breaks off.
//! - From a server: a 1xx other than the above, bytes after the end of a response, the body and framing of a 204, and a
//!   reason phrase that is not ASCII end here; more than 1024 headers give 502.
//! - What came before a break reaches the client; over HTTP/2 but for what its flow control held back.
//! - Where traces are made, `traceparent` and `tracestate` are ours, unless a signature covers them, and on demand the same
//!   members of a body's `_meta`; for that the head of a POST waits for its body, 50 ms at most ([`trace`]).
//! - Heads are held whole and bounded; of a body no more is held than one read brings: 256 KiB, be it one endless line.
//!   Over HTTP/2 it is what fits into the buffers of both connections.

mod client;
pub mod drain;
pub mod forward;
mod h1;
pub mod inspect;
pub mod respond;
pub mod server;
pub mod stack;
pub mod trace;
mod tunnel;

pub use client::RequestBody;
pub use h1::error::BodyError;
pub use h1::spelling::{FromWire, Spelling};
pub use tunnel::Opener;

/// Most headers of one head. Node takes 2000, most others count bytes only.
pub(crate) const MAX_HEADERS: usize = 1024;

/// Most bytes of one head.
pub(crate) const MAX_HEAD_SIZE: usize = 400 * 1024;

#[cfg(test)]
mod tests;
