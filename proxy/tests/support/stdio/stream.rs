//! What a client reads, when it reads.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use mcp_tap::clock;
use memchr::memmem;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionread, read};

use super::super::PATIENCE;
use super::super::process::fail;

/// How long the reading thread waits at a time, in milliseconds: after that it sees whether it is to go on reading.
const TURN: i64 = 10;

/// One file that is read by a thread of its own.
pub(crate) struct Stream(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    ended: bool,
    wish: Wish,
    /// Bytes that are there and not read yet, while they are not to be read.
    waiting: u64,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Wish {
    #[default]
    Read,
    Hold,
    Close,
}

impl Stream {
    pub(super) fn of(file: OwnedFd) -> Self {
        let shared = Arc::new(Shared::default());
        let reader = Arc::clone(&shared);
        thread::spawn(move || {
            reader.read(&file);
            drop(file);
            reader.change(|state| state.ended = true);
        });
        Self(shared)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no reader panics")
    }

    /// From now on nothing is read; what comes stays in the file.
    pub(crate) fn hold(&self) {
        self.state().wish = Wish::Hold;
    }

    /// It is read again.
    pub(crate) fn go_on(&self) {
        self.state().wish = Wish::Read;
    }

    /// Closes the file.
    pub(crate) fn close(&self) {
        self.state().wish = Wish::Close;
        self.wait_for_end();
    }

    /// What was read so far.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.state().bytes.clone()
    }

    /// The same as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.state().bytes).into_owned()
    }

    /// Waits until this was read.
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait(&format!("{text:?}"), |state| memmem::find(&state.bytes, text.as_bytes()).is_some());
    }

    /// Waits until it ends with this.
    pub(crate) fn wait_for_last(&self, bytes: &[u8]) {
        let what = format!("{:?} at the end", String::from_utf8_lossy(&bytes[..bytes.len().min(80)]));
        self.wait(&what, |state| state.bytes.ends_with(bytes));
    }

    /// Waits until so many bytes were read.
    pub(crate) fn wait_for_bytes(&self, count: usize) {
        self.wait(&format!("{count} bytes"), |state| state.bytes.len() >= count);
    }

    /// Waits until so many bytes are there that are not read.
    pub(crate) fn wait_for_waiting(&self, count: u64) {
        self.wait(&format!("{count} bytes that wait"), |state| state.waiting >= count);
    }

    /// Waits for the end of the file.
    pub(crate) fn wait_for_end(&self) {
        self.wait("an end", |state| state.ended);
    }

    /// Whether the file came to its end.
    pub(crate) fn has_ended(&self) -> bool {
        self.state().ended
    }

    fn wait(&self, what: &str, is_so: impl Fn(&State) -> bool) {
        let deadline = clock::now() + PATIENCE;
        let mut state = self.state();
        while !is_so(&state) {
            let left = deadline.saturating_duration_since(clock::now());
            if left.is_zero() || (state.ended && !is_so(&state)) {
                let length = state.bytes.len();
                let last = String::from_utf8_lossy(&state.bytes[length.saturating_sub(2000)..]).into_owned();
                let ended = if state.ended { "ended" } else { "goes on" };
                drop(state);
                fail(&format!("no {what}; it {ended}, and after {length} bytes it reads: {last}"));
            }
            state = self.0.changed.wait_timeout(state, left).expect("no reader panics").0;
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Ok(mut state) = self.0.state.lock() {
            state.wish = Wish::Close;
        }
    }
}

impl Shared {
    /// Reads until the end, or until that is not wanted any more.
    fn read(&self, file: &OwnedFd) {
        let turn = Timespec { tv_sec: 0, tv_nsec: TURN * 1_000_000 };
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let wish = self.state.lock().expect("no reader panics").wish;
            let ready = match wish {
                Wish::Read => {
                    poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&turn)).is_ok_and(|count| count > 0)
                }
                Wish::Hold => {
                    self.change(|state| state.waiting = ioctl_fionread(file).unwrap_or_default());
                    poll(&mut [], Some(&turn)).ok();
                    false
                }
                Wish::Close => break,
            };
            if !ready {
                continue;
            }
            match read(file, &mut buffer) {
                Ok(0) => break,
                Ok(count) => self.change(|state| state.bytes.extend_from_slice(&buffer[..count])),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(_) => break,
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().expect("no reader panics"));
        self.changed.notify_all();
    }
}
