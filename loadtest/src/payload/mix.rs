//! What a room full of agents calls: the same for the same connection and id, so that two runs ask the same.

use super::scenario::Tool;

/// Names as real clients give them in `clientInfo`.
const CLIENTS: [&str; 8] = [
    "claude-code",
    "cursor-vscode",
    "Visual Studio Code",
    "windsurf-client",
    "mcp-inspector",
    "python-sdk",
    "zed",
    "night-shift-agent",
];

/// The name of the client on a connection.
pub(super) const fn client(connection: usize) -> &'static str {
    CLIENTS[connection % CLIENTS.len()]
}

/// One call of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    Json(Tool),
    Stream { count: u32, interval_ms: u64 },
    Unknown,
}

/// The call with this id on this connection. Of a hundred calls about 46 are small and 20 of 10 kB, 20 are answered
/// by streams, 4 bring 1 MiB, 6 come back with `isError` and 4 ask for a tool that there is not.
pub(super) const fn pick(connection: usize, id: u64) -> Pick {
    match spread(connection as u64, id) % 100 {
        0..=45 => Pick::Json(Tool::Small),
        46..=65 => Pick::Json(Tool::Medium),
        66..=79 => Pick::Stream { count: 5, interval_ms: 0 },
        80..=85 => Pick::Stream { count: 3, interval_ms: 2 },
        86..=91 => Pick::Json(Tool::Failing),
        92..=95 => Pick::Unknown,
        96 | 97 => Pick::Json(Tool::Text),
        _ => Pick::Json(Tool::Objects),
    }
}

/// A number that follows from both and looks like neither (the finish of SplitMix64).
const fn spread(connection: u64, id: u64) -> u64 {
    let mut mixed =
        connection.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(id.wrapping_mul(0xbf58_476d_1ce4_e5b9));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_call_comes_about_as_often_as_said() {
        let picks: Vec<Pick> =
            (0..10).flat_map(|client| (1..=1000).map(move |id| pick(client, id))).collect();
        let share = |wanted: fn(&Pick) -> bool| picks.iter().filter(|pick| wanted(pick)).count() / 100;
        assert!((40..=52).contains(&share(|pick| *pick == Pick::Json(Tool::Small))));
        assert!((15..=25).contains(&share(|pick| matches!(pick, Pick::Stream { .. }))));
        assert!((3..=9).contains(&share(|pick| *pick == Pick::Json(Tool::Failing))));
        assert!((2..=6).contains(&share(|pick| *pick == Pick::Unknown)));
        assert!((1..=6).contains(&share(|pick| matches!(pick, Pick::Json(Tool::Text | Tool::Objects)))));
    }

    #[test]
    fn clients_differ() {
        assert_eq!((client(0), client(8)), ("claude-code", "claude-code"));
        assert_ne!(client(0), client(1));
    }
}
