//! One element of `result.content`: which type it is of, and whether it is whole.

use super::facts::Shape;
use super::path::Slot;
use crate::protocol::message::Content;

/// The element of `result.content` that is being read.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) kind: ElementKind,
    pub(super) text: u64,
    pub(super) resource_text: u64,
    /// The members that are there in the form that MCP gives them, by [`required`].
    members: u8,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) enum ElementKind {
    Text,
    Image,
    Audio,
    Resource,
    Link,
    #[default]
    Other,
}

impl ElementKind {
    pub(super) fn parse(text: &[u8]) -> Self {
        match text {
            b"text" => Self::Text,
            b"image" => Self::Image,
            b"audio" => Self::Audio,
            b"resource" => Self::Resource,
            b"resource_link" => Self::Link,
            _ => Self::Other,
        }
    }

    /// The members that an element of this type must have; `None` where there is no such type.
    const fn required(self) -> Option<u8> {
        match self {
            Self::Text => Some(required::TEXT),
            Self::Image | Self::Audio => Some(required::DATA | required::MIME),
            Self::Resource => Some(required::RESOURCE),
            Self::Link => Some(required::URI | required::NAME),
            Self::Other => None,
        }
    }
}

/// Members that elements must have, one bit each.
mod required {
    pub(super) const TEXT: u8 = 1;
    pub(super) const DATA: u8 = 1 << 1;
    pub(super) const MIME: u8 = 1 << 2;
    pub(super) const RESOURCE: u8 = 1 << 3;
    pub(super) const URI: u8 = 1 << 4;
    pub(super) const NAME: u8 = 1 << 5;
}

impl Element {
    /// A member begins; the last of equal keys counts.
    pub(super) fn member(&mut self, slot: Slot, shape: Shape) {
        let (bit, form) = match slot {
            Slot::ElementText => (required::TEXT, Shape::Text),
            Slot::ElementData => (required::DATA, Shape::Text),
            Slot::ElementMime => (required::MIME, Shape::Text),
            Slot::ElementUri => (required::URI, Shape::Text),
            Slot::ElementName => (required::NAME, Shape::Text),
            _ => (required::RESOURCE, Shape::Object),
        };
        self.members = if shape == form { self.members | bit } else { self.members & !bit };
    }

    fn is_whole(&self) -> bool {
        self.kind.required().is_some_and(|members| self.members & members == members)
    }

    /// The element is over: adds it to what is told of the result.
    pub(super) fn add_to(&self, content: &mut Content, size: u64) {
        content.items = content.items.saturating_add(1);
        content.malformed |= !self.is_whole();
        match self.kind {
            ElementKind::Text => {
                content.text += size;
                content.readable += self.text;
            }
            ElementKind::Image => content.image += size,
            ElementKind::Audio => content.audio += size,
            ElementKind::Resource | ElementKind::Link => {
                content.resource += size;
                content.readable += self.resource_text;
            }
            ElementKind::Other => content.other += size,
        }
    }
}
