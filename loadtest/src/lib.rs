//! Load for `mcp-tap`, and the two ends it is measured between.
//!
//! ```text
//!   load ──► direct ─────────────────────► server     what a call costs without a proxy
//!   load ──► bare   ─────────────────────► server     the floor: hyper, pooled, nothing read
//!   load ──► mcp-tap, any peer ──────────► server     what is compared with the floor
//! ```
//!
//! With traces on, mcp-tap sends them to [`collector`], which drops them.
//!
//! `compare` starts all of it as processes of their own, so that each one's CPU and memory can be read from `/proc`,
//! and runs the targets in turn, round by round: this machine may be busy, so only ratios of one round count.
//!
//! In reading order: [`payload`] (what is asked and answered, byte for byte), [`server`], [`bare`], [`collector`],
//! [`load`], [`compare`], [`report`] (its page), [`limits`] (what one mcp-tap needs); [`workers`] is the runtime shape of both servers; [`address`] keeps everything on loopback.
//! [`stdio`] does for a wrapped command what [`compare`] and [`limits`] do for a sidecar.
//! [`demo`] is another matter: the whole product at work, to look at.

pub mod address;
pub mod bare;
pub mod cli;
pub mod clock;
pub mod collector;
pub mod compare;
pub mod demo;
mod descriptors;
pub mod goals;
pub mod limits;
pub mod load;
pub mod machine;
pub mod payload;
pub mod report;
mod rows;
pub mod server;
pub mod stdio;
pub mod workers;
