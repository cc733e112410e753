//! Tests of the core: transcripts of exchanges and the events that they must give.

mod bounds;
mod identity;
mod ledger;
mod legacy;
mod modern;
mod reading;
mod records;
mod resume;
mod sse_channel;
mod tasks;
mod transcript;
