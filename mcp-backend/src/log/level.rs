//! How serious a program says that a line is.

/// How serious; the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Steps of a computation.
    Trace,
    /// For whoever develops the program.
    Debug,
    /// What happened.
    Info,
    /// Unusual.
    Warn,
    /// Something did not work.
    Error,
    /// The program cannot go on.
    Fatal,
}

impl Level {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// The level that a program means by this word, in any case of letters.
    pub fn of_word(word: &str) -> Option<Self> {
        // Longer than the longest word below: not worth a copy.
        if word.len() > 13 {
            return None;
        }
        Some(match word.to_ascii_lowercase().as_str() {
            "trace" | "trc" | "finest" | "finer" | "verbose" => Self::Trace,
            "debug" | "dbg" | "fine" => Self::Debug,
            "info" | "inf" | "information" | "informational" | "notice" | "log" | "config" => Self::Info,
            "warn" | "warning" | "wrn" => Self::Warn,
            "error" | "err" | "eror" | "severe" => Self::Error,
            "fatal" | "ftl" | "critical" | "crit" | "alert" | "emerg" | "emergency" | "panic" | "dpanic" => {
                Self::Fatal
            }
            _ => return None,
        })
    }

    /// The level that loggers of Node.js (10 to 60) write as a number.
    pub fn of_number(number: u64) -> Option<Self> {
        Some(match number {
            10..20 => Self::Trace,
            20..30 => Self::Debug,
            30..40 => Self::Info,
            40..50 => Self::Warn,
            50..60 => Self::Error,
            60 => Self::Fatal,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_ours_is_understood() {
        for level in Level::ALL {
            assert_eq!(Level::of_word(level.as_str()), Some(level));
            assert_eq!(Level::of_word(&level.as_str().to_uppercase()), Some(level));
        }
        assert_eq!(Level::of_word("errors"), None);
        assert!(Level::Fatal > Level::Error && Level::Error > Level::Warn);
    }

    #[test]
    fn numbers_are_those_of_node() {
        for (number, level) in [(0, None), (30, Some(Level::Info)), (50, Some(Level::Error)), (61, None)] {
            assert_eq!(Level::of_number(number), level, "{number}");
        }
    }
}
