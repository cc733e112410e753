//! Amounts of processors and memory, exact, as Kubernetes writes them. Pure; rules and tools share it.

mod amount;
mod resource_use;

pub use amount::{Amount, QuantityError};
pub use resource_use::{Resource, ResourceUse};
