//! Label values that come from the wire, kept to a bounded set.
//!
//! Names on the wire are an attacker's to choose. A tool becomes a label once the server listed it or answered it
//! with success; a client takes one of a fixed number of places. What has no place shares [`OTHER`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use compact_str::CompactString;

use crate::exchange::event::Client;

/// The label of all that has no label of its own.
pub const OTHER: &str = "_other";
/// Longest client name shown, in characters.
const CLIENT_NAME: usize = 64;

/// A map that traffic reads on every call and extends rarely.
pub(super) type Table<K, V> = papaya::HashMap<K, V, foldhash::fast::RandomState>;

/// An empty [`Table`]. It grows in one go: a table that grows bit by bit is left half-way when no new keys come, and
/// then each look-up searches two of them (seven times the instructions at 10 000 keys).
pub(super) fn table<K, V>() -> Table<K, V> {
    papaya::HashMap::builder()
        .hasher(foldhash::fast::RandomState::default())
        .resize_mode(papaya::ResizeMode::Blocking)
        .build()
}

/// A table of names while it is looked at.
pub(super) type Pinned<'a, T> =
    papaya::HashMapRef<'a, CompactString, Arc<T>, foldhash::fast::RandomState, papaya::LocalGuard<'a>>;

/// A bounded table of names, each with what is kept for it. Names with series stay for
/// good, as those do.
#[derive(Debug)]
pub(super) struct Names<T> {
    table: Table<CompactString, Arc<T>>,
    used: AtomicUsize,
    /// What all other names share.
    other: Arc<T>,
}

impl<T> Names<T> {
    /// An empty table.
    pub(super) fn new(other: T) -> Self {
        Self { table: table(), used: AtomicUsize::new(0), other: Arc::new(other) }
    }

    /// The names at the moment, to use what is kept for one where it is: its count is shared by all processors, and
    /// taking one for each call would make them wait for each other.
    pub(super) fn pin(&self) -> Pinned<'_, T> {
        self.table.pin()
    }

    /// What is kept for a name that was admitted.
    pub(super) fn get(&self, name: &str) -> Option<Arc<T>> {
        self.table.pin().get(name).cloned()
    }

    /// Visits what is kept, that of the others too.
    pub(super) fn visit(&self, mut visit: impl FnMut(&T)) {
        visit(&self.other);
        self.table.pin().values().for_each(|known| visit(known));
    }

    /// What the names without a place share.
    pub(super) fn other(&self) -> &Arc<T> {
        &self.other
    }

    /// Admits a name unless `limit` names have a place already. `new` is given the number of the place.
    pub(super) fn admit(&self, name: &str, limit: usize, new: impl FnOnce(usize) -> T) -> Option<Arc<T>> {
        if let Some(known) = self.get(name) {
            return Some(known);
        }
        let place = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| (used < limit).then_some(used + 1))
            .ok()?;
        let fresh = Arc::new(new(place));
        // When another thread admitted it meanwhile, its entry counts and this place stays empty: places only
        // number labels, and the race costs at most one of them per thread.
        Some(Arc::clone(self.table.pin().get_or_insert(CompactString::new(name), fresh)))
    }

    /// Forgets a name and frees its place; only for tables whose entries have no series.
    pub(super) fn remove(&self, name: &str) {
        if self.table.pin().remove(name).is_some() {
            self.used.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// What the label `client_id` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientIdMode {
    /// The first 8 hexadecimal digits of SHA-256 over the identity.
    #[default]
    Hash,
    /// The name that the client gives itself, cleaned and cut.
    Name,
    /// Nothing.
    Off,
}

/// A value of the label `client_id`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientLabel {
    /// Distinct per text: 0 for none, 1 for [`OTHER`].
    pub place: usize,
    /// The label value.
    pub text: CompactString,
}

/// Client labels, at most a fixed number of them.
#[derive(Debug)]
pub(super) struct Clients {
    mode: ClientIdMode,
    limit: usize,
    none: Arc<ClientLabel>,
    /// By label text, so that a name and a header of the same digest share a series.
    labels: Names<ClientLabel>,
    /// By `clientInfo.name`, which saves the digest; bounded by the same limit.
    by_name: Names<Arc<ClientLabel>>,
}

impl Clients {
    /// An empty table of at most `limit` clients.
    #[must_use]
    pub(super) fn new(mode: ClientIdMode, limit: usize) -> Self {
        let other = || ClientLabel { place: 1, text: CompactString::const_new(OTHER) };
        Self {
            mode,
            limit,
            none: Arc::new(ClientLabel { place: 0, text: CompactString::const_new("") }),
            labels: Names::new(other()),
            by_name: Names::new(Arc::new(other())),
        }
    }

    /// The label of a caller: by its identity header (hash mode only, since the value is a secret), else by the name
    /// it gives itself, else none.
    #[must_use]
    pub(super) fn label(&self, client: &Client) -> Arc<ClientLabel> {
        let name = client.info.as_ref().map(|info| info.name.as_str()).filter(|name| !name.is_empty());
        match (self.mode, client.caller, name) {
            (ClientIdMode::Hash, Some(digest), _) => self.admit(&hexadecimal(digest)),
            (ClientIdMode::Hash | ClientIdMode::Name, _, Some(name)) => self.by_name(name),
            _ => Arc::clone(&self.none),
        }
    }

    /// Uses the label of a caller where it is.
    pub(super) fn with_label<R>(&self, client: &Client, look: impl FnOnce(&ClientLabel) -> R) -> R {
        let name = client.info.as_ref().map(|info| info.name.as_str()).filter(|name| !name.is_empty());
        match (self.mode, client.caller, name) {
            (ClientIdMode::Hash, None, Some(name)) | (ClientIdMode::Name, _, Some(name)) => {
                match self.by_name.pin().get(name) {
                    Some(known) => look(known),
                    None => look(&self.label(client)),
                }
            }
            (ClientIdMode::Hash, None, None) => look(&self.none),
            _ => look(&self.label(client)),
        }
    }

    /// The other label: where a family has no room for more series.
    #[must_use]
    pub(super) fn other(&self) -> &Arc<ClientLabel> {
        self.labels.other()
    }

    fn by_name(&self, name: &str) -> Arc<ClientLabel> {
        self.by_name
            .admit(name, self.limit, |_| match self.mode {
                ClientIdMode::Hash => self.admit(&hexadecimal(Client::digest(name.as_bytes()))),
                _ => self.admit(&shown(name)),
            })
            .map_or_else(|| Arc::clone(self.labels.other()), |label| Arc::clone(&label))
    }

    fn admit(&self, text: &str) -> Arc<ClientLabel> {
        let new = |place| ClientLabel { place: place + 2, text: CompactString::new(text) };
        self.labels.admit(text, self.limit, new).unwrap_or_else(|| Arc::clone(self.labels.other()))
    }
}

/// The first 8 hexadecimal digits of a digest.
fn hexadecimal(digest: u64) -> CompactString {
    compact_str::format_compact!("{:08x}", digest >> 32)
}

/// A client's name as it may be shown: no control characters, at most 64 characters.
fn shown(name: &str) -> CompactString {
    name.trim()
        .chars()
        .take(CLIENT_NAME)
        .map(|letter| if letter.is_control() { '_' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::Implementation;

    fn named(name: &str) -> Client {
        let info = Implementation { name: name.into(), version: "1".into() };
        Client { info: Some(info), ..Client::default() }
    }

    #[test]
    fn a_name_keeps_its_place_and_the_table_its_bound() {
        let names = Names::new(usize::MAX);
        for round in 0..2 {
            for name in ["a", "b", "c"] {
                let place = names.admit(name, 2, |place| place);
                let expected = [("a", Some(0)), ("b", Some(1)), ("c", None)];
                let expected = expected.into_iter().find(|(known, _)| *known == name).expect("listed").1;
                assert_eq!(place.as_deref().copied(), expected, "{name} in round {round}");
            }
        }
        assert_eq!(**names.other(), usize::MAX);
    }

    #[test]
    fn hash_mode_shows_the_header_before_the_name() {
        let clients = Clients::new(ClientIdMode::Hash, 100);
        // printf %s claude-ai | sha256sum
        let by_name = clients.label(&named("claude-ai"));
        assert_eq!(by_name.text, "2e6a9951");
        let header = Client { caller: Some(0xab << 32 | 7), ..named("claude-ai") };
        assert_eq!(clients.label(&header).text, "000000ab");
        assert_eq!(clients.label(&Client::default()).text, "");
        // A header with the name's digest is the same label.
        let same = Client { caller: Some(Client::digest(b"claude-ai")), ..Client::default() };
        assert_eq!(clients.label(&same), by_name);
    }

    #[test]
    fn name_mode_shows_a_cleaned_name_and_never_the_header() {
        let clients = Clients::new(ClientIdMode::Name, 100);
        assert_eq!(clients.label(&named(" a\u{7}b\nc ")).text, "a_b_c");
        assert_eq!(clients.label(&named(&"é".repeat(300))).text.chars().count(), 64);
        let header = Client { caller: Some(1), info: None };
        assert_eq!(clients.label(&header).text, "");
        assert_eq!(Clients::new(ClientIdMode::Off, 100).label(&named("claude-ai")).text, "");
    }

    #[test]
    fn ten_thousand_clients_are_a_hundred_and_the_rest() {
        for mode in [ClientIdMode::Hash, ClientIdMode::Name] {
            let clients = Clients::new(mode, 100);
            let texts: std::collections::BTreeSet<_> = (0..10_000_u64)
                .flat_map(|number| {
                    let header = Client { caller: Some(number << 32), ..Client::default() };
                    [clients.label(&named(&format!("client-{number}"))), clients.label(&header)]
                })
                .map(|label| label.text.clone())
                .collect();
            assert!(texts.contains(OTHER));
            assert!(texts.len() <= 102, "{}", texts.len());
        }
    }
}
