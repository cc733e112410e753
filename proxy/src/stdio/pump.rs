//! Copies one direction, chunk by chunk, and notices when either side is done.
//!
//! Plain blocking calls on a thread of its own: the files may be pipes, sockets, terminals or regular files, which other
//! processes may share, so that they cannot be made non-blocking behind their backs; and nothing is faster.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read, write};

use crate::clock;

/// Bytes that are read at a time.
pub(super) const CHUNK: usize = 64 * 1024;

/// Why a direction is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    /// Whoever writes came to the end.
    End,
    /// Whoever reads wants no more.
    Gone,
    /// The system refused.
    Failed,
}

/// What becomes of the chunks on their way.
pub(super) trait Look {
    /// A chunk came. What is in `go` afterwards goes on; `None`: the chunk as it is.
    fn chunk<'a>(&'a mut self, chunk: &'a [u8], at: Instant) -> &'a [u8];

    /// The chunk went on.
    fn passed(&mut self);

    /// Until when bytes are held back.
    fn deadline(&self) -> Option<Instant>;

    /// The time is over: the bytes that go on.
    fn release(&mut self) -> &[u8];
}

/// Copies until one side is done.
pub(super) fn pump(from: impl AsFd, to: impl AsFd, look: &mut impl Look) -> Done {
    let mut buffer = vec![0; CHUNK];
    loop {
        let wait = look.deadline().map(|deadline| deadline.saturating_duration_since(clock::now()));
        let next = match wait_for(&from, &to, wait) {
            Ok(Ready::Time) => look.release(),
            Ok(Ready::Gone) => return Done::Gone,
            Err(_) => return Done::Failed,
            Ok(Ready::Data) => match read(&from, &mut buffer) {
                Ok(count) if count > 0 => look.chunk(&buffer[..count], clock::now()),
                Err(Errno::INTR | Errno::AGAIN) => continue,
                // The end, or a terminal or a socket that was cut off: what was held is all that there will be.
                over => {
                    let done = if over.is_ok() { Done::End } else { Done::Failed };
                    return write_all(&to, look.release()).err().unwrap_or(done);
                }
            },
        };
        if let Err(done) = write_all(&to, next) {
            return done;
        }
        look.passed();
    }
}

/// What a wait brought.
enum Ready {
    Data,
    Gone,
    Time,
}

/// Waits until there is something to read, or nobody to write to. Without a limit on the time where `wait` has none.
fn wait_for(from: &impl AsFd, to: &impl AsFd, wait: Option<Duration>) -> io::Result<Ready> {
    // A duration that is no time of the system's is longer than anybody waits.
    let wait = wait.and_then(|wait| Timespec::try_from(wait).ok());
    loop {
        // Of a file that is only looked at for errors the system tells when all its readers are gone.
        let mut files = [PollFd::new(from, PollFlags::IN), PollFd::new(to, PollFlags::empty())];
        return match poll(&mut files, wait.as_ref()) {
            Ok(0) => Ok(Ready::Time),
            Ok(_) if !files[1].revents().is_empty() => Ok(Ready::Gone),
            Ok(_) => Ok(Ready::Data),
            Err(Errno::INTR | Errno::AGAIN) if wait.is_none() => continue,
            Err(Errno::INTR | Errno::AGAIN) => Ok(Ready::Time),
            Err(error) => Err(error.into()),
        };
    }
}

/// Writes all of it, however long that takes.
fn write_all(to: &impl AsFd, mut bytes: &[u8]) -> Result<(), Done> {
    while !bytes.is_empty() {
        match write(to, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            // Somebody else made it non-blocking.
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::new(to, PollFlags::OUT)], None).ok();
            }
            Err(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN) => return Err(Done::Gone),
            Err(_) => return Err(Done::Failed),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _, pipe};
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;

    /// Passes everything on; holds back what begins with `#` for a while.
    #[derive(Default)]
    struct Plain {
        held: Vec<u8>,
        until: Option<Instant>,
        passed: usize,
    }

    impl Look for Plain {
        fn chunk<'a>(&'a mut self, chunk: &'a [u8], at: Instant) -> &'a [u8] {
            if chunk.first() != Some(&b'#') {
                return chunk;
            }
            self.held.extend_from_slice(chunk);
            self.until = Some(at + Duration::from_millis(20));
            &[]
        }

        fn passed(&mut self) {
            self.passed += 1;
            if self.until.is_none() {
                self.held.clear();
            }
        }

        fn deadline(&self) -> Option<Instant> {
            self.until
        }

        fn release(&mut self) -> &[u8] {
            self.until = None;
            &self.held
        }
    }

    #[test]
    fn bytes_pass_as_they_come_until_the_end() {
        let ((from, mut feed), (mut out, to)) = (pipe().expect("a pipe"), pipe().expect("a pipe"));
        let running = thread::spawn(move || pump(from, to, &mut Plain::default()));
        let mut buffer = [0; 100];
        for part in [&b"a"[..], b"\n", b"no end of line", b"\0\xff"] {
            feed.write_all(part).expect("the pump reads");
            let count = out.read(&mut buffer).expect("the pump writes");
            assert_eq!(&buffer[..count], part);
        }
        drop(feed);
        assert_eq!(out.read(&mut buffer).expect("the end"), 0);
        assert_eq!(running.join().expect("no panic"), Done::End);
    }

    #[test]
    fn a_reader_that_leaves_is_noticed_while_nothing_passes() {
        let ((from, _feed), (out, to)) = (pipe().expect("a pipe"), pipe().expect("a pipe"));
        let running = thread::spawn(move || pump(from, to, &mut Plain::default()));
        drop(out);
        assert_eq!(running.join().expect("no panic"), Done::Gone);
        // As Node makes them.
        let ((_client, from), (out, to)) =
            (UnixStream::pair().expect("sockets"), UnixStream::pair().expect("sockets"));
        let running = thread::spawn(move || pump(from, to, &mut Plain::default()));
        drop(out);
        assert_eq!(running.join().expect("no panic"), Done::Gone);
    }

    #[test]
    fn a_slow_reader_of_a_non_blocking_file_gets_everything() {
        let (mut from, to) = UnixStream::pair().expect("sockets");
        to.set_nonblocking(true).expect("a socket");
        let sent: Vec<u8> = (0..1 << 20).map(|number: u32| number.to_le_bytes()[0]).collect();
        let all = sent.clone();
        let ((source, mut feed), mut got) = (pipe().expect("a pipe"), Vec::new());
        let writer = thread::spawn(move || feed.write_all(&all));
        let running = thread::spawn(move || pump(source, to, &mut Plain::default()));
        from.read_to_end(&mut got).expect("until the end");
        assert!(got == sent);
        assert_eq!(running.join().expect("no panic"), Done::End);
        writer.join().expect("no panic").expect("written");
    }

    #[test]
    fn what_is_held_goes_on_when_its_time_is_over_or_the_input_ends() {
        let ((from, mut feed), (mut out, to)) = (pipe().expect("a pipe"), pipe().expect("a pipe"));
        let running = thread::spawn(move || pump(from, to, &mut Plain::default()));
        let mut buffer = [0; 10];
        feed.write_all(b"#1").expect("the pump reads");
        let count = out.read(&mut buffer).expect("after its time");
        assert_eq!(&buffer[..count], b"#1");
        feed.write_all(b"#2").expect("the pump reads");
        drop(feed);
        let count = out.read(&mut buffer).expect("at the end");
        assert_eq!(&buffer[..count], b"#2");
        assert_eq!(running.join().expect("no panic"), Done::End);
    }
}
