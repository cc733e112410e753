//! What the tests of the layers share.

pub(super) mod reads;
