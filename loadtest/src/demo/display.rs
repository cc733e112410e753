//! Where the table goes: redrawn in place on a terminal, one after the other elsewhere.

use std::io::{self, IsTerminal, Write};

use rustix::termios::tcgetwinsize;

use super::table::Room;

/// A terminal that does not say its size, and what is no terminal.
const WIDTH: usize = 80;
const HEIGHT: usize = 24;
/// Tables that are not cut by a screen.
const PAPER: Room = Room { width: 120, height: 60, colours: false };

/// Shows the other screen of a terminal and hides the cursor; the first screen stays as it is.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// Standard output.
#[derive(Debug)]
pub(super) struct Display {
    live: bool,
    colours: bool,
    entered: bool,
}

impl Display {
    /// Looks at what standard output is.
    pub(super) fn new() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let live = io::stdout().is_terminal() && !dumb;
        Self { live, colours: live && !set("NO_COLOR"), entered: false }
    }

    /// It is a terminal that can be redrawn.
    pub(super) const fn is_live(&self) -> bool {
        self.live
    }

    /// The room there is now.
    pub(super) fn room(&self) -> Room {
        if !self.live {
            return PAPER;
        }
        let size = tcgetwinsize(io::stdout()).ok();
        let side = |side: Option<u16>, usual| side.filter(|side| *side > 0).map_or(usual, usize::from);
        Room {
            width: side(size.map(|size| size.ws_col), WIDTH),
            height: side(size.map(|size| size.ws_row), HEIGHT),
            colours: self.colours,
        }
    }

    /// Draws lines: over the last ones on a terminal, after them elsewhere.
    pub(super) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let mut text = String::new();
        if self.live {
            if !std::mem::replace(&mut self.entered, true) {
                text.push_str(ENTER);
            }
            text.push_str("\x1b[H");
            // No line end after the last line: on a full screen it would scroll.
            text.push_str(&lines.join("\x1b[K\r\n"));
            text.push_str("\x1b[K\x1b[J");
        } else {
            text.push_str(&lines.join("\n"));
            text.push_str("\n\n");
        }
        write(&text)
    }

    /// Back to the first screen.
    pub(super) fn leave(&mut self) {
        if std::mem::take(&mut self.entered) {
            // A terminal that is gone needs no cursor.
            drop(write(LEAVE));
        }
    }

    /// Lines that stay.
    pub(super) fn print(&mut self, lines: &[String]) -> io::Result<()> {
        self.leave();
        write(&format!("{}\n", lines.join("\n")))
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.leave();
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
