//! How heavy the arguments of a call are.

use crate::protocol::message::Arguments;

/// Weight of a call, by size and nesting of its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Complexity {
    /// At most 256 bytes of JSON and at most 2 levels (`{"a":[1]}`).
    Low,
    /// What is neither.
    Medium,
    /// Over 4 KiB of JSON, or over 5 levels.
    High,
}

impl Complexity {
    /// Largest size of [`Complexity::Low`], in bytes of JSON text.
    pub const LOW_SIZE: u64 = 256;
    /// Deepest nesting of [`Complexity::Low`].
    pub const LOW_DEPTH: u32 = 2;
    /// Largest size that is not yet [`Complexity::High`].
    pub const MEDIUM_SIZE: u64 = 4096;
    /// Deepest nesting that is not yet [`Complexity::High`].
    pub const MEDIUM_DEPTH: u32 = 5;
    /// The number of weights.
    pub const COUNT: usize = 3;

    /// The weight of these arguments; none at all are light.
    #[must_use]
    pub fn of(arguments: Option<&Arguments>) -> Self {
        let (size, depth) = arguments.map_or((0, 0), |arguments| (arguments.size, arguments.depth));
        if size > Self::MEDIUM_SIZE || depth > Self::MEDIUM_DEPTH {
            Self::High
        } else if size > Self::LOW_SIZE || depth > Self::LOW_DEPTH {
            Self::Medium
        } else {
            Self::Low
        }
    }

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_or_depth_alone_makes_arguments_heavier() {
        assert_eq!(Complexity::of(None), Complexity::Low);
        for (size, depth, expected) in [
            (2, 1, "low"),
            (256, 2, "low"),
            (257, 1, "medium"),
            (9, 3, "medium"),
            (4096, 5, "medium"),
            (4097, 1, "high"),
            (20, 6, "high"),
        ] {
            let arguments = Arguments { size, depth, hash: 0 };
            assert_eq!(Complexity::of(Some(&arguments)).as_str(), expected, "{arguments:?}");
        }
    }
}
