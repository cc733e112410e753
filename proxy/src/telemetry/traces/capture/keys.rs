//! Keys whose values nobody may see.

use std::collections::BTreeSet;

/// Parts of keys that say enough, wherever they stand.
const PARTS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "apikey",
    "authorization",
    "authentication",
    "cookie",
    "credential",
    "privatekey",
    "accesskey",
    "signingkey",
    "encryptionkey",
    "connectionstring",
    "session",
    "bearer",
    "token",
];

/// Keys that say it as a whole; as parts they stand in harmless words.
const WHOLE: &[&str] =
    &["pass", "pwd", "pw", "auth", "jwt", "pin", "otp", "totp", "cvv", "cvc", "ssn", "sid", "csrf", "xsrf"];

/// Ends of keys that say it.
const ENDS: &[&str] = &["pwd", "auth"];

/// What stands before `tokens` where they are counted, as language models do.
const COUNTED: &[&str] = &[
    "max",
    "min",
    "num",
    "total",
    "input",
    "output",
    "prompt",
    "completion",
    "cached",
    "reasoning",
    "thinking",
    "used",
    "budget",
    "context",
    "new",
];

/// What stands behind `token` where they are counted.
const COUNTS: &[&str] = &["count", "counts", "limit", "budget", "usage"];

/// Longest key that is looked at in full: what is longer is no name.
const LONGEST: usize = 256;

/// Knows a secret's key.
pub(super) struct Keys {
    /// In the form of [`plain`].
    more: BTreeSet<String>,
}

impl Keys {
    /// The usual ones and these.
    pub(super) fn new(more: &[String]) -> Self {
        Self { more: more.iter().map(|key| plain(key)).filter(|key| !key.is_empty()).collect() }
    }

    /// Whether the value of this key is a secret.
    pub(super) fn is_secret(&self, key: &str) -> bool {
        let key = plain(key);
        self.more.contains(&key)
            || WHOLE.contains(&key.as_str())
            || ENDS.iter().any(|end| key.ends_with(end))
            || (PARTS.iter().any(|part| key.contains(part)) && !is_count(&key))
    }
}

/// Lower case, without what separates words.
fn plain(key: &str) -> String {
    let letters = key.chars().filter(|char| !matches!(char, '-' | '_' | '.' | ' ' | '[' | ']' | '$'));
    letters.take(LONGEST).flat_map(char::to_lowercase).collect()
}

/// Whether this is a number of tokens, and no token.
fn is_count(key: &str) -> bool {
    let counted = |key: &str| {
        let before =
            key.strip_suffix("tokens").is_some_and(|rest| COUNTED.iter().any(|word| rest.ends_with(word)));
        before || COUNTS.iter().any(|word| key.strip_suffix(word).is_some_and(|rest| rest.ends_with("token")))
    };
    // Another part beside it says that it is one after all: session_token_limit is not worth the doubt.
    counted(key) && PARTS.iter().filter(|part| key.contains(*part)).count() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_beginning_of_an_endless_key_is_looked_at() {
        let key = |before: usize| "x".repeat(before) + "secret";
        let keys = Keys::new(&[]);
        assert!(keys.is_secret(&key(LONGEST - "secret".len())));
        assert!(!keys.is_secret(&key(LONGEST)));
    }

    #[test]
    fn secrets_are_known_by_their_keys_however_they_are_spelled() {
        let keys = Keys::new(&["Patient-Id".to_owned(), String::new()]);
        for secret in [
            "password",
            "Password",
            "db_password",
            "DB-PASSWORD",
            "userPassword2",
            "passwd",
            "token",
            "access_token",
            "accessToken",
            "tokens",
            "apiKey",
            "api-key",
            "X-Api-Key",
            "Authorization",
            "Proxy-Authorization",
            "set-cookie",
            "credentials",
            "private_key",
            "private key",
            "client_secret",
            "clientSecret",
            "session",
            "session_id",
            "auth",
            "basicAuth",
            "pwd",
            "old.pwd",
            "patient_id",
            "PATIENTID",
            "session_max_tokens",
        ] {
            assert!(keys.is_secret(secret), "{secret}");
        }
        for harmless in [
            "",
            "query",
            "author",
            "key",
            "max_tokens",
            "maxOutputTokens",
            "token_count",
            "total-tokens",
            "passport",
            "compass",
            "pinned",
            "sidecar",
            "patient",
            "authors",
            "limit",
        ] {
            assert!(!keys.is_secret(harmless), "{harmless}");
        }
    }
}
