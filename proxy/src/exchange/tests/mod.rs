//! Tests of the core: transcripts of exchanges and the events that they must give.

mod bounds;
mod corpus;
mod http_span;
mod identity;
mod ledger;
mod legacy;
mod modern;
mod pipe;
mod reading;
mod records;
mod resume;
mod spans;
mod sse_channel;
mod tasks;
mod trace_context;
mod trace_streams;
mod trace_writing;
mod transcript;
