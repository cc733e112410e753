//! Kinds of failure that programs tell of in the same words (reference: backend-tools.md §6).

use std::sync::LazyLock;

use regex::RegexSet;

use super::Level;

/// A kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// Out of memory.
    OomKiller,
    /// The other side does not listen, or hung up.
    Connection,
    /// A name has no address.
    Dns,
    /// It took too long.
    Timeout,
    /// A certificate or a handshake.
    Tls,
    /// Not allowed.
    Auth,
    /// The disk is full or may not be written.
    Disk,
    /// A setting is missing or wrong.
    Config,
    /// Asked too often.
    RateLimit,
    /// The program fell over.
    Panic,
    /// An error of no other kind: by level only.
    Error,
}

/// Every pattern by its name, in the order in which they are tried.
pub const PATTERNS: [Pattern; 11] = [
    Pattern::OomKiller,
    Pattern::Connection,
    Pattern::Dns,
    Pattern::Timeout,
    Pattern::Tls,
    Pattern::Auth,
    Pattern::Disk,
    Pattern::Config,
    Pattern::RateLimit,
    Pattern::Panic,
    Pattern::Error,
];

impl Pattern {
    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OomKiller => "oom_killer",
            Self::Connection => "connection_error",
            Self::Dns => "dns_error",
            Self::Timeout => "timeout_error",
            Self::Tls => "tls_error",
            Self::Auth => "auth_error",
            Self::Disk => "disk_error",
            Self::Config => "config_error",
            Self::RateLimit => "rate_limit",
            Self::Panic => "panic",
            Self::Error => "error",
        }
    }

    /// What to do next.
    pub fn advice(self) -> &'static str {
        match self {
            Self::OomKiller => {
                "compare memory use with its limit (check_resource_usage), then raise the limit or find the leak"
            }
            Self::Connection => {
                "look whether the target has ready endpoints (diagnose_service) and listens on that port"
            }
            Self::Dns => {
                "check the spelling of the host name and the health of the cluster's DNS (pods in kube-system)"
            }
            Self::Timeout => "look at the load and health of the target, and at network policies on the way",
            Self::Tls => {
                "check validity, names and issuer of the certificate, and which versions of TLS both sides speak"
            }
            Self::Auth => "check the credentials the pod mounts and the rights of its service account",
            Self::Disk => "look at the size of the volume and at DiskPressure of the node (diagnose_node)",
            Self::Config => {
                "compare the settings the message names with the pod's environment and ConfigMaps (get_resource)"
            }
            Self::RateLimit => "lower the rate of requests or ask the target for a higher limit",
            Self::Panic => {
                "read the lines before it (get_pod_logs with context_lines), also with previous=true"
            }
            Self::Error => "read the lines around it (get_pod_logs with filter and context_lines)",
        }
    }
}

/// The expressions of all patterns but the last, in order.
const EXPRESSIONS: [&str; 10] = [
    "out ?of ?memory|oom-?kill|cannot allocate memory|heap space",
    "connection refused|econnrefused|no route to host|broken pipe|connection reset",
    "no such host|enotfound|name or service not known|eai_again",
    "timed? ?out|deadline exceeded|etimedout",
    "x509|certificate|handshake",
    "unauthori[sz]ed|forbidden|permission denied|access denied|invalid (token|credentials)",
    "no space left|read-only file system|enospc",
    "missing (required|environment)|not set|invalid config|unknown flag",
    r"too many requests|\b429\b",
    "panic|fatal|segfault|traceback|unhandled exception",
];

/// The first pattern that the message shows. Plain "error" or "fail" says nothing ("0 errors", "failover ok") unless the
/// program itself calls the line an error.
pub fn find_pattern(message: &str, level: Option<Level>) -> Option<Pattern> {
    static SET: LazyLock<RegexSet> = LazyLock::new(|| {
        #[expect(clippy::expect_used, reason = "every expression is a constant that a test compiles")]
        regex::RegexSetBuilder::new(EXPRESSIONS)
            .case_insensitive(true)
            .build()
            .expect("the expressions are constants")
    });
    let first = SET.matches(message).iter().next();
    let by_level = (level >= Some(Level::Error)).then_some(Pattern::Error);
    first.map(|at| PATTERNS[at]).or(by_level)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, level: Option<Level>, expected: Option<&str>) {
        assert_eq!(find_pattern(message, level).map(Pattern::as_str), expected, "{message:?} {level:?}");
    }

    #[test]
    fn each_pattern_is_known_by_its_words() {
        for (message, name) in [
            ("java.lang.OutOfMemoryError: Java heap space", "oom_killer"),
            ("Memory cgroup out of memory: OOM-killed process", "oom_killer"),
            ("fork: Cannot allocate memory", "oom_killer"),
            ("dial tcp 10.0.0.1:6379: connect: Connection refused", "connection_error"),
            ("connect ECONNREFUSED 127.0.0.1:5432", "connection_error"),
            ("write: broken pipe", "connection_error"),
            ("lookup redis: no such host", "dns_error"),
            ("getaddrinfo ENOTFOUND db", "dns_error"),
            ("request timed out", "timeout_error"),
            ("read timeout", "timeout_error"),
            ("context deadline exceeded", "timeout_error"),
            ("x509: certificate has expired", "tls_error"),
            ("remote error: tls: bad handshake", "tls_error"),
            ("401 Unauthorized", "auth_error"),
            ("unauthorised", "auth_error"),
            ("pods is forbidden", "auth_error"),
            ("invalid token", "auth_error"),
            ("write: no space left on device", "disk_error"),
            ("missing required setting DB_URL", "config_error"),
            ("DATABASE_URL is not set", "config_error"),
            ("unknown flag: --x", "config_error"),
            ("answered 429", "rate_limit"),
            ("Too Many Requests", "rate_limit"),
            ("panic: oh", "panic"),
            ("Traceback (most recent call last):", "panic"),
        ] {
            check(message, None, Some(name));
        }
    }

    #[test]
    fn the_first_pattern_in_order_wins() {
        check("fatal: connection refused: timed out", None, Some("connection_error"));
        check("panic: permission denied", None, Some("auth_error"));
    }

    #[test]
    fn a_bare_error_counts_only_if_the_program_calls_it_one() {
        for message in ["0 errors", "failover ok", "error", "failed", "code 4290", "exception list loaded"] {
            check(message, None, None);
            check(message, Some(Level::Info), None);
            check(message, Some(Level::Warn), None);
            check(message, Some(Level::Error), Some("error"));
            check(message, Some(Level::Fatal), Some("error"));
        }
    }

    #[test]
    fn every_pattern_has_a_name_and_advice() {
        for pattern in PATTERNS {
            assert!(!pattern.advice().is_empty());
            assert_eq!(PATTERNS.iter().filter(|other| other.as_str() == pattern.as_str()).count(), 1);
        }
        assert_eq!(EXPRESSIONS.len() + 1, PATTERNS.len());
    }
}
