//! The ways to the fixture.

use std::path::PathBuf;
use std::process::Command;

use super::{Settings, StdioError};
use crate::address::Loopback;
use crate::collector;
use crate::compare::TAP;
use crate::compare::target::TAP_OFF;
use crate::workers::Running;

/// The way without anything between; the others are compared with it.
const DIRECT: &str = "direct";
/// The floor: two processes that only copy, one for each direction, in place of two threads that also look.
const FLOOR: &str = "cat | server | cat";
/// What a shell makes of it.
const COPY: &str = "cat | \"$@\" | cat";
/// The one that sends traces, and writes their context into every request.
const TRACED: &str = "mcp-tap, traces 10%, propagate full";

/// What stands between client and fixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Between {
    Nothing,
    Floor,
    Tap,
}

/// One way.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) name: &'static str,
    pub(super) between: Between,
    /// What stands before the fixture's command.
    wrapper: Vec<String>,
    /// The fixture.
    program: PathBuf,
    /// Whether the fixture is told of traces.
    pub(super) traced: bool,
}

impl Way {
    /// What is to be started.
    pub(super) fn command(&self) -> Command {
        let mut command = match self.wrapper.split_first() {
            Some((wrapper, arguments)) => {
                let mut command = Command::new(wrapper);
                command.args(arguments).arg(&self.program);
                command
            }
            None => Command::new(&self.program),
        };
        command.arg("serve-stdio");
        command
    }
}

/// All of them, and the collector of one of them, a thread of this process that costs it little: a request every few
/// seconds.
pub(super) struct Ways {
    pub(super) all: Vec<Way>,
    _collector: Running,
}

impl Ways {
    pub(super) fn new(settings: &Settings) -> Result<Self, StdioError> {
        let failed = |source| StdioError::Start { name: "collector".to_owned(), source };
        let any_port = Loopback::new((std::net::Ipv4Addr::LOCALHOST, 0).into());
        let collector = any_port.map_err(std::io::Error::other).and_then(collector::start).map_err(failed)?;
        let endpoint = format!("http://{}", collector.address());
        let traces = ["--otlp-endpoint", &endpoint, "--trace-ratio", "10%", "--propagate", "full"];
        let plain = |name, between, wrapper: &[&str]| Way {
            name,
            between,
            wrapper: wrapper.iter().map(ToString::to_string).collect(),
            program: settings.program.clone(),
            traced: false,
        };
        let all = vec![
            plain(DIRECT, Between::Nothing, &[]),
            plain(FLOOR, Between::Floor, &["sh", "-c", COPY, "sh"]),
            wrapped(settings, TAP, &[], false),
            wrapped(settings, TRACED, &traces, true),
            wrapped(settings, TAP_OFF, &["--inspect", "off"], false),
        ];
        Ok(Self { all, _collector: collector })
    }
}

fn wrapped(settings: &Settings, name: &'static str, arguments: &[&str], traced: bool) -> Way {
    let mut wrapper = vec![settings.tap.display().to_string(), "stdio".to_owned()];
    // Where nobody can ask for what was seen, and nobody is told, mcp-tap need not look.
    if !settings.tap_arguments.iter().any(|argument| argument.starts_with("--admin")) {
        wrapper.push("--admin=127.0.0.1:0".to_owned());
    }
    wrapper.extend(settings.tap_arguments.iter().cloned());
    wrapper.extend(arguments.iter().map(ToString::to_string));
    wrapper.push("--".to_owned());
    Way { name, between: Between::Tap, wrapper, program: settings.program.clone(), traced }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_command_is_the_direct_one_behind_others() {
        let settings = |arguments: &[&str]| Settings {
            program: "/a/fixture".into(),
            tap: "/a/tap".into(),
            tap_arguments: arguments.iter().map(ToString::to_string).collect(),
            pin: false,
            rounds: 1,
            calls: 1,
            size: 1,
        };
        let words = |way: &Way| {
            let command = way.command();
            let words = std::iter::once(command.get_program()).chain(command.get_args());
            words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        let ways = Ways::new(&settings(&[])).unwrap().all;
        assert_eq!(words(&ways[0]), "/a/fixture serve-stdio");
        assert_eq!(words(&ways[1]), "sh -c cat | \"$@\" | cat sh /a/fixture serve-stdio");
        assert_eq!(words(&ways[2]), "/a/tap stdio --admin=127.0.0.1:0 -- /a/fixture serve-stdio");
        assert!(words(&ways[3]).contains("--propagate full -- /a/fixture"), "{}", words(&ways[3]));
        assert!(words(&ways[4]).ends_with("--inspect off -- /a/fixture serve-stdio"));
        let ways = Ways::new(&settings(&["--admin", "auto"])).unwrap().all;
        assert_eq!(words(&ways[2]), "/a/tap stdio --admin auto -- /a/fixture serve-stdio");
    }
}
