//! The core: pairs requests with answers and says how each operation ended.
//!
//! HTTP and stdio feed it messages and instants; it emits [`event::Event`]s and has no other effect.

pub mod event;
