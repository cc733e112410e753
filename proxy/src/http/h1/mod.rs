//! HTTP/1 on the wire, for both sides of the proxy: heads, framing, and what is buffered of them.
//!
//! Of our own because forwarding is what this program does at every byte: hyper serves a client and asks a server through
//! two connections that know nothing of each other, re-spells heads from maps, writes each chunk by itself, and keeps
//! some 40 KiB of buffers for a stream on which nothing happens. Heads are parsed by `httparse`, as in hyper.
//!
//! - [`input`]: bytes that arrived and were not taken yet; an idle connection has none, and no buffer.
//! - [`head`]: a request or status line and fields, to `http`'s types; [`spelling`] keeps how they were written.
//! - [`framing`]: where a body ends, by its head: the one place where that is decided, strictly.
//! - [`decoder`]: a body out of an [`input`], piece by piece. What has arrived together comes as one piece.
//! - [`encoder`]: heads and bodies into an [`output`], which writes with as few system calls as it can; [`transfer`] moves a
//!   whole message into it.
//!
//! Nothing here waits, retries or knows of clients and servers; everything is polled with a socket that is given.

pub(super) mod decoder;
pub(super) mod encoder;
pub(super) mod error;
pub(super) mod framing;
pub(super) mod head;
pub(super) mod input;
pub(super) mod output;
pub(super) mod spelling;
pub(super) mod transfer;

#[cfg(test)]
mod tests;
