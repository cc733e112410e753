//! Scanners that are lent to the bodies that are being read.
//!
//! A scanner is large, needs to be set up, and is used for microseconds: a few of them go round on each thread. Only those
//! whose document was finished come back; one that a panic may have left half-changed is never used again.

use std::cell::RefCell;

use crate::protocol::message::Document;
use crate::protocol::scan::Scanner;

/// Scanners that wait on a thread, at most. More are in use at one time only where many bodies are half read.
const MOST_SPARE: usize = 16;

/// One that waits.
struct Spare(Box<Scanner>);

thread_local! {
    static SCANNERS: RefCell<Vec<Spare>> = const { RefCell::new(Vec::new()) };
}

/// A scanner for documents of at most `limit` bytes.
pub(super) fn lend(limit: u64) -> Box<Scanner> {
    // A thread that is ending has none any more.
    let spare = SCANNERS.try_with(|scanners| scanners.borrow_mut().pop()).ok().flatten();
    match spare {
        Some(Spare(mut scanner)) => {
            scanner.reuse(limit);
            scanner
        }
        None => Box::new(Scanner::new(limit)),
    }
}

/// Ends the scanner's document and takes it back.
pub(super) fn finish(mut scanner: Box<Scanner>) -> Document {
    let document = scanner.finish();
    SCANNERS
        .try_with(|scanners| {
            let mut scanners = scanners.borrow_mut();
            if scanners.len() < MOST_SPARE {
                scanners.push(Spare(scanner));
            }
        })
        .ok();
    document
}
