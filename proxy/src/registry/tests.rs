//! The directory: where it is, who may be in it, and what is read of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::entries::{pid_of, read};
use super::folders::{candidates, check_found};
use super::process::{Mark, Stat};
use super::*;

fn about(name: &str) -> About {
    About { name: name.to_owned(), kind: Kind::Stdio, serves: "server-files".to_owned() }
}

/// A directory that is not there yet.
fn place() -> (tempfile::TempDir, PathBuf, Folders) {
    let outer = tempfile::tempdir().unwrap();
    let path = outer.path().join("a/running");
    let folders = Folders::new(Some(path.clone()));
    (outer, path, folders)
}

fn enter(folders: &Folders) -> Result<Registration, FolderError> {
    Registration::enter(folders, about("files"), "unix:/a.sock".to_owned(), crate::clock::wall())
}

/// The entry of a process that may not exist.
fn write(folder: &Path, entry: &Entry) -> PathBuf {
    let path = folder.join(format!("{}.json", entry.pid));
    fs::write(&path, serde_json::to_vec(entry).unwrap()).unwrap();
    path
}

/// An entry as this process would write it.
fn own_entry() -> Entry {
    let mark = Mark::own();
    Entry {
        pid: std::process::id(),
        start_ticks: mark.start_ticks,
        pid_namespace: mark.namespace,
        about: about("files"),
        version: "1".to_owned(),
        started_unix_ms: 1,
        admin: "http://127.0.0.1:1".to_owned(),
    }
}

fn pids(folders: &Folders) -> Vec<u32> {
    folders.list().entries.iter().map(|entry| entry.pid).collect()
}

/// A process that does nothing until it is killed.
fn sleeper() -> Child {
    Command::new("sleep").arg("600").stdout(Stdio::null()).spawn().unwrap()
}

#[test]
fn the_directory_is_where_every_process_of_the_user_finds_it() {
    const MINE: &[&str] = &["/run/user/7", "/mine"];
    for (variables, mine, expected) in [
        (&[][..], &[][..], &["/tmp/mcp-tap-7"][..]),
        (&[("XDG_RUNTIME_DIR", "/mine")], MINE, &["/mine/mcp-tap", "/run/user/7/mcp-tap", "/tmp/mcp-tap-7"]),
        (&[("XDG_RUNTIME_DIR", "/run/user/7")], MINE, &["/run/user/7/mcp-tap", "/tmp/mcp-tap-7"]),
        (&[("XDG_RUNTIME_DIR", "/of/somebody/else")], MINE, &["/run/user/7/mcp-tap", "/tmp/mcp-tap-7"]),
        (&[("XDG_RUNTIME_DIR", "relative"), ("TMPDIR", "")], &["relative"], &["/tmp/mcp-tap-7"]),
        (&[("TMPDIR", "/var/t/")], &[], &["/var/t/mcp-tap-7", "/tmp/mcp-tap-7"]),
        (&[("TMPDIR", "/tmp/")], &[], &["/tmp/mcp-tap-7"]),
    ] {
        let variables: BTreeMap<_, _> = variables.iter().copied().collect();
        let variable = |name: &str| variables.get(name).map(OsString::from);
        let found = candidates(variable, 7, |path| mine.iter().any(|mine| path == Path::new(mine)));
        let expected: Vec<_> = expected.iter().map(PathBuf::from).collect();
        assert_eq!(found, expected, "{variables:?}");
    }
}

#[test]
fn who_enters_is_listed_and_who_leaves_is_not() {
    let (_outer, path, folders) = place();
    assert!(pids(&folders).is_empty());
    assert!(!path.exists(), "whoever only looks makes nothing");
    let registration = enter(&folders).unwrap();
    let [entry] = &folders.list().entries[..] else { panic!("one") };
    assert_eq!((entry.pid, &entry.about), (std::process::id(), &about("files")));
    assert_eq!(entry.version, env!("CARGO_PKG_VERSION"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(registration.path())), (0o700, 0o600));
    let text = fs::read_to_string(registration.path()).unwrap();
    assert!(text.contains(r#""name":"files","kind":"stdio","serves":"server-files""#), "{text}");
    drop(registration);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
}

#[test]
fn an_entry_that_took_the_place_of_ours_is_not_removed_with_it() {
    let (_outer, path, folders) = place();
    let registration = enter(&folders).unwrap();
    fs::remove_file(registration.path()).unwrap();
    let other = write(&path, &own_entry());
    drop(registration);
    assert!(other.exists());
}

#[test]
fn a_directory_that_is_not_ours_alone_is_refused_with_a_remedy() {
    let (outer, path, folders) = place();
    fs::create_dir_all(&path).unwrap();
    for (mode, expected) in
        [(0o777, Some("mode 0777")), (0o750, Some("mode 0750")), (0o1700, None), (0o700, None)]
    {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let told = enter(&folders).err().map(|error| error.to_string());
        match expected {
            Some(expected) => {
                let told = told.unwrap();
                assert!(told.contains(expected) && told.contains("chmod 700"), "{told}");
                assert_eq!(folders.list().problems.len(), 1);
            }
            None => assert_eq!(told, None, "{mode:o}"),
        }
    }
    let link = outer.path().join("link");
    symlink(&path, &link).unwrap();
    fs::write(outer.path().join("file"), "").unwrap();
    for (name, expected) in [("link", "a symbolic link"), ("file", "a file"), ("file/below", "cannot create")]
    {
        let told = enter(&Folders::new(Some(outer.path().join(name)))).unwrap_err().to_string();
        assert!(told.contains(expected) && told.contains("MCP_TAP_RUNTIME_DIR"), "{told}");
    }
    let found = fs::symlink_metadata(&path).unwrap();
    let told = check_found(&path, &found, 4_000_000).unwrap_err().to_string();
    assert!(told.contains("and not to 4000000"), "{told}");
}

#[test]
fn entries_of_processes_that_are_gone_are_removed_with_their_sockets() {
    let (_outer, path, folders) = place();
    folders.open().unwrap();
    let mut killed = sleeper();
    let running = sleeper();
    let entry = |child: &Child| Entry { pid: child.id(), start_ticks: None, ..own_entry() };
    let files = [write(&path, &entry(&killed)), path.join(format!("{}.sock", killed.id()))];
    drop(UnixListener::bind(&files[1]).unwrap());
    let stays = write(&path, &entry(&running));
    let mut both = vec![killed.id(), running.id()];
    both.sort_unstable();
    assert_eq!(pids(&folders), both);
    // Nobody has asked yet how it ended: it is a zombie, which can still be sent a signal.
    killed.kill().unwrap();
    while pids(&folders).contains(&killed.id()) {
        std::thread::yield_now();
    }
    assert_eq!(files.map(|file| file.exists()), [false, false]);
    killed.wait().unwrap();
    assert!(stays.exists());
    let mut running = running;
    running.kill().unwrap();
    running.wait().unwrap();
    // Whoever enters clears away as well.
    drop(enter(&folders).unwrap());
    assert!(!stays.exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_later_process_of_the_same_id_is_another_one() {
    let (_outer, path, folders) = place();
    folders.open().unwrap();
    let own = own_entry();
    let ticks = own.start_ticks.unwrap();
    for (start_ticks, namespace, listed) in [
        (Some(ticks), own.pid_namespace, true),
        (None, None, true),
        (Some(ticks + 1), own.pid_namespace, false),
        (Some(ticks + 1), None, false),
        // An id of a container says nothing here.
        (Some(ticks + 1), own.pid_namespace.map(|namespace| namespace + 1), true),
    ] {
        let entry = Entry { start_ticks, pid_namespace: namespace, ..own.clone() };
        let file = write(&path, &entry);
        assert_eq!((!pids(&folders).is_empty(), file.exists()), (listed, listed), "{entry:?}");
    }
}

#[test]
fn a_process_of_a_container_is_gone_when_its_socket_is_stale() {
    let (_outer, path, folders) = place();
    folders.open().unwrap();
    let foreign = own_entry().pid_namespace.map(|namespace| namespace + 1);
    let file = write(&path, &Entry { pid_namespace: foreign, ..own_entry() });
    let socket = socket_of(&path, std::process::id());
    let listener = UnixListener::bind(&socket).unwrap();
    assert_eq!(pids(&folders), [std::process::id()]);
    drop(listener);
    assert_eq!((pids(&folders), file.exists(), socket.exists()), (Vec::new(), foreign.is_none(), false));
}

#[test]
fn a_socket_at_which_somebody_listens_is_never_removed() {
    let (_outer, path, folders) = place();
    folders.open().unwrap();
    let mut killed = sleeper();
    killed.kill().unwrap();
    killed.wait().unwrap();
    let entry = Entry { pid: killed.id(), start_ticks: None, ..own_entry() };
    let file = write(&path, &entry);
    let socket = socket_of(&path, killed.id());
    let _later = UnixListener::bind(&socket).unwrap();
    assert!(pids(&folders).is_empty());
    assert_eq!((file.exists(), socket.exists()), (false, true));
}

#[test]
fn what_is_no_entry_is_left_alone() {
    let (_outer, path, folders) = place();
    let registration = enter(&folders).unwrap();
    let own = own_entry();
    let other = if own.pid == 1 { 2 } else { 1 };
    let long = format!("{}{}", serde_json::to_string(&own).unwrap(), " ".repeat(64 << 10));
    fs::write(path.join(format!("{other}.json")), long).unwrap();
    fs::write(path.join("3.json"), "{").unwrap();
    fs::write(path.join("4.json"), serde_json::to_vec(&own).unwrap()).unwrap();
    fs::write(path.join("notes.txt"), "a").unwrap();
    fs::write(path.join("05.json"), serde_json::to_vec(&Entry { pid: 5, ..own.clone() }).unwrap()).unwrap();
    fs::create_dir(path.join("6.json")).unwrap();
    symlink(registration.path(), path.join("7.json")).unwrap();
    assert_eq!(pids(&folders), [own.pid]);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 8);
}

#[test]
fn names_of_entries_are_ids_as_we_write_them() {
    for (name, pid) in [
        ("1.json", Some(1)),
        ("4294967295.json", Some(u32::MAX)),
        ("4294967296.json", None),
        ("0.json", None),
        ("01.json", None),
        ("+1.json", None),
        ("-1.json", None),
        (".json", None),
        ("1.json.new", None),
        ("1.sock", None),
    ] {
        assert_eq!(pid_of(name), pid, "{name}");
    }
}

#[test]
fn an_entry_of_a_newer_version_is_read_as_far_as_it_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("7.json");
    fs::write(
        &path,
        r#"{"pid":7,"name":"a","kind":"http","serves":"b","version":"9","started_unix_ms":1,"admin":"unix:/c","new":[]}"#,
    )
    .unwrap();
    let entry = read(&path).unwrap();
    assert_eq!((entry.pid, entry.start_ticks, entry.about.kind), (7, None, Kind::Http));
    assert_eq!(read(&folder.path().join("8.json")), None);
}

#[test]
fn no_more_than_a_thousand_entries_are_read() {
    let (_outer, path, folders) = place();
    folders.open().unwrap();
    // An id of a container cannot be told to be gone.
    let foreign = own_entry().pid_namespace.map(|namespace| namespace + 1);
    for pid in 1..=1200 {
        write(&path, &Entry { pid, pid_namespace: foreign, ..own_entry() });
    }
    assert!(folders.list().entries.len() <= MAX_ENTRIES);
    assert!(foreign.is_none() || folders.list().entries.len() == MAX_ENTRIES);
}

#[test]
fn a_command_with_brackets_and_spaces_does_not_shift_the_fields() {
    let line = |state: &str| {
        format!("7 (a ) b) {state} 1 7 7 0 -1 4194560 107 0 0 0 150 50 0 0 20 0 1 0 12345 2314240 203")
    };
    for (state, is_dead) in [("S", false), ("R", false), ("T", false), ("Z", true), ("X", true)] {
        assert_eq!(Stat::parse(&line(state)), Some(Stat { is_dead, start_ticks: 12345 }));
    }
    assert_eq!(Stat::parse("7 (a) S 1"), None);
}

#[test]
fn a_probe_tells_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sock");
    assert_eq!(probe(&path).unwrap(), Probe::Absent);
    let listener = UnixListener::bind(&path).unwrap();
    // Whoever listens and never accepts is live, however many wait already.
    for _ in 0..600 {
        assert_eq!(probe(&path).unwrap(), Probe::Live);
    }
    drop(listener);
    assert_eq!(probe(&path).unwrap(), Probe::Stale);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "").unwrap();
    assert_eq!(probe(&path).unwrap(), Probe::Foreign);
}
