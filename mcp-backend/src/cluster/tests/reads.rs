//! Reads and answers for tests of the layers.

use std::sync::Arc;

use crate::cluster::{Answer, Read, ReadError, ReadErrorKind};

pub(in crate::cluster) fn read(uri: &str) -> Read {
    Read {
        uri: uri.to_owned(),
        what: uri.to_owned(),
        span: "k8s.get_pod",
        resource: "pods",
        verb: "get",
        namespace: Some("shop".to_owned()),
        name: Some("web".to_owned()),
        fresh: false,
        parse: |text| Ok(Arc::new(text)),
    }
}

/// An answer of this length.
pub(in crate::cluster) fn answer(bytes: usize) -> Answer {
    Answer { body: Arc::new("body".to_owned()), bytes, cached: false }
}

pub(in crate::cluster) fn missing() -> ReadError {
    ReadError::new(ReadErrorKind::NotFound, "not found")
}
