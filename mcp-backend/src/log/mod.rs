//! Lines of logs: timestamp, level, patterns and templates. Pure.
