use std::os::unix::fs::symlink;
use std::sync::{Arc, Mutex};

use super::*;
use crate::slo::{Engine, Plan, Time};

/// An engine whose time stands still, and the attempts that were counted.
#[derive(Clone)]
struct Fake(Arc<Mutex<(Engine, [u64; 2])>>);

const NOW: Time = Time(1_800_000_000_000);

impl Fake {
    fn new() -> Self {
        Self(Arc::new(Mutex::new((Engine::new(Arc::new(Plan::default()), "demo", NOW), [0; 2]))))
    }

    fn with_bad(bad: u64) -> Self {
        let fake = Self::new();
        fake.0.lock().unwrap().0.observe("availability", 0, bad, NOW);
        fake
    }

    fn bad(&self) -> f64 {
        self.0.lock().unwrap().0.report(NOW).objectives[0].window.bad
    }

    /// Failed and successful attempts to save.
    fn attempts(&self) -> [u64; 2] {
        self.0.lock().unwrap().1
    }
}

impl Source for Fake {
    fn save(&self, _: Instant) -> Vec<u8> {
        self.0.lock().unwrap().0.save(NOW)
    }

    fn restore(&self, bytes: &[u8], _: Instant) -> Result<Restored, StateError> {
        self.0.lock().unwrap().0.restore(bytes, NOW)
    }

    fn count(&self, saved: bool, attempts: u64) {
        self.0.lock().unwrap().1[usize::from(saved)] += attempts;
    }
}

fn keeper(dir: &Path, source: &Fake) -> Keeper<Fake> {
    Keeper::new(dir, "demo", source.clone())
}

fn tend(keeper: &mut Keeper<Fake>) {
    keeper.tend(clock::now(), UNIX_EPOCH + Duration::from_millis(NOW.0));
}

/// The names in a directory, in order.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_was_saved_is_there_for_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let first = Fake::with_bad(5);
    tend(&mut keeper(dir.path(), &first));
    assert_eq!(names(dir.path()), ["demo.lock", "demo.slo"]);
    let next = Fake::with_bad(1);
    let mut keeper = keeper(dir.path(), &next);
    tend(&mut keeper);
    tend(&mut keeper);
    // Read once, and added to what was counted.
    assert_eq!((next.bad(), next.attempts()), (6.0, [0, 2]));
}

#[test]
fn a_second_process_waits_for_the_end_of_the_first_and_adds_its_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (Fake::with_bad(5), Fake::with_bad(2));
    let (mut holds, mut waits) = (keeper(dir.path(), &first), keeper(dir.path(), &second));
    tend(&mut holds);
    tend(&mut waits);
    assert_eq!((second.bad(), second.attempts()), (2.0, [1, 0]));
    assert_eq!(waits.trouble.as_deref(), Some("another process of this server saves them there"));
    first.0.lock().unwrap().0.observe("availability", 0, 1, NOW);
    tend(&mut holds);
    drop(holds);
    tend(&mut waits);
    assert_eq!((second.bad(), second.attempts()), (8.0, [1, 1]));
    assert_eq!(waits.trouble, None);
}

#[test]
fn files_that_are_no_state_are_set_aside() {
    let aside = format!("demo.slo.set-aside-{}", NOW.0);
    let kept = ["demo.lock", "demo.slo", &aside];
    for content in [&b""[..], b"foreign", &Fake::new().0.lock().unwrap().0.save(NOW)[..40]] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("demo.slo"), content).unwrap();
        let fake = Fake::new();
        tend(&mut keeper(dir.path(), &fake));
        assert_eq!(fake.attempts(), [0, 1]);
        assert_eq!(names(dir.path()), kept);
        assert_eq!(fs::read(dir.path().join(&aside)).unwrap(), content);
    }
    // Not readable as a file at all.
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("demo.slo")).unwrap();
    tend(&mut keeper(dir.path(), &Fake::new()));
    assert_eq!(names(dir.path()), kept);
    // Larger than any state, without being read whole.
    let dir = tempfile::tempdir().unwrap();
    let file = File::create(dir.path().join("demo.slo")).unwrap();
    file.set_len(1 << 40).unwrap();
    tend(&mut keeper(dir.path(), &Fake::new()));
    assert_eq!(names(dir.path()), kept);
}

#[test]
fn a_directory_that_is_missing_at_first_is_used_when_it_comes() {
    let dir = tempfile::tempdir().unwrap();
    let volume = dir.path().join("volume");
    let fake = Fake::with_bad(3);
    let mut keeper = keeper(&volume, &fake);
    tend(&mut keeper);
    tend(&mut keeper);
    assert_eq!(fake.attempts(), [2, 0]);
    assert!(keeper.trouble.as_deref().unwrap().contains("demo.lock: No such file or directory"));
    // It comes with the state of an earlier process.
    fs::create_dir(&volume).unwrap();
    fs::write(volume.join("demo.slo"), Fake::with_bad(4).save(clock::now())).unwrap();
    tend(&mut keeper);
    assert_eq!((fake.attempts(), keeper.trouble), ([2, 1], None));
    assert_eq!(fake.bad(), 7.0);
    assert_eq!(names(&volume), ["demo.lock", "demo.slo"]);
}

#[test]
fn an_old_file_stays_when_a_new_one_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::with_bad(3);
    let mut keeper = keeper(dir.path(), &fake);
    tend(&mut keeper);
    let before = fs::read(dir.path().join("demo.slo")).unwrap();
    // In the way, and not to be removed as a file.
    fs::create_dir(dir.path().join("demo.slo.new")).unwrap();
    tend(&mut keeper);
    assert_eq!(fake.attempts(), [1, 1]);
    assert_eq!(fs::read(dir.path().join("demo.slo")).unwrap(), before);
    fs::remove_dir(dir.path().join("demo.slo.new")).unwrap();
    tend(&mut keeper);
    assert_eq!((fake.attempts(), keeper.trouble), ([1, 2], None));
}

#[test]
fn a_link_at_the_place_of_the_new_file_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let precious = dir.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    symlink(&precious, dir.path().join("demo.slo.new")).unwrap();
    let fake = Fake::new();
    tend(&mut keeper(dir.path(), &fake));
    assert_eq!(fake.attempts(), [0, 1]);
    assert_eq!(fs::read_to_string(precious).unwrap(), "precious");
}

#[test]
fn names_of_servers_become_names_of_files_that_differ() {
    for (server, expected) in [
        ("demo", "demo"),
        ("my_server-2.example.com", "my_server-2.example.com"),
        ("127.0.0.1:3001", "127.0.0.1_3001-2b6ff266"),
        ("../../etc/passwd", "_.._etc_passwd-3754d6cb"),
        ("..", "-5ec1f7e7"),
        ("", "-e3b0c442"),
    ] {
        assert_eq!(file_name(server), expected, "{server}");
    }
    let names: std::collections::BTreeSet<_> =
        ["a:b", "a/b", "a_b", "ä", "ö", &"x".repeat(200), &"x".repeat(201)].map(file_name).into();
    assert_eq!(names.len(), 7);
    assert!(names.iter().all(|name| name.len() <= MAX_NAME + 9));
}

#[test]
fn a_directory_that_is_read_only_is_read() {
    // As if: the lock is a directory, which cannot be opened for writing by anybody.
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("demo.slo"), Fake::with_bad(4).save(clock::now())).unwrap();
    fs::create_dir(dir.path().join("demo.lock")).unwrap();
    let fake = Fake::with_bad(1);
    let mut keeper = keeper(dir.path(), &fake);
    tend(&mut keeper);
    tend(&mut keeper);
    assert_eq!((fake.bad(), fake.attempts()), (5.0, [2, 0]));
}

#[test]
fn no_more_than_five_files_are_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    // Not ours to delete: of another server, of somebody else, and a directory.
    let others = ["demo.slo.set-aside-", "demo.slo.set-aside-1.bak", "demo2.slo.set-aside-1"];
    others.iter().for_each(|name| fs::write(dir.path().join(name), "").unwrap());
    fs::create_dir(dir.path().join("demo.slo.set-aside-2")).unwrap();
    for start in 0..20 {
        fs::write(dir.path().join("demo.slo"), format!("foreign {start}")).unwrap();
        let wall = UNIX_EPOCH + Duration::from_millis(90 + start);
        keeper(dir.path(), &Fake::new()).tend(clock::now(), wall);
    }
    let aside: Vec<_> = names(dir.path()).into_iter().filter(|name| name.contains("aside")).collect();
    let newest = (105..110).map(|moment| format!("demo.slo.set-aside-{moment}"));
    let others = others.into_iter().chain(["demo.slo.set-aside-2"]).map(str::to_owned);
    let mut expected: Vec<_> = newest.chain(others).collect();
    expected.sort();
    assert_eq!(aside, expected);
    assert_eq!(fs::read(dir.path().join("demo.slo.set-aside-109")).unwrap(), b"foreign 19");
}

#[test]
fn links_and_pipes_at_the_places_of_our_files_harm_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("precious"), "precious").unwrap();
    symlink(path("precious"), path("demo.slo")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(path("demo.lock")).status().unwrap();
    assert!(made.success());
    let fake = Fake::with_bad(3);
    tend(&mut keeper(dir.path(), &fake));
    assert_eq!((fake.bad(), fake.attempts()), (3.0, [0, 1]));
    assert_eq!(fs::read_to_string(path("precious")).unwrap(), "precious");
    assert!(fs::symlink_metadata(path("demo.slo")).unwrap().is_file());
    // A good state behind a link is taken, and what it leads to is left alone.
    let good = Fake::with_bad(4).save(clock::now());
    fs::write(path("precious"), &good).unwrap();
    fs::remove_file(path("demo.slo")).unwrap();
    symlink(path("precious"), path("demo.slo")).unwrap();
    let fake = Fake::with_bad(1);
    tend(&mut keeper(dir.path(), &fake));
    assert_eq!((fake.bad(), fs::read(path("precious")).unwrap()), (5.0, good));
    // A pipe at the place of the state is no state, and nobody waits for it.
    fs::remove_file(path("demo.slo")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(path("demo.slo")).status().unwrap();
    assert!(made.success());
    let fake = Fake::with_bad(1);
    tend(&mut keeper(dir.path(), &fake));
    assert_eq!((fake.bad(), fake.attempts()), (1.0, [0, 1]));
}
