//! Runs the cases under valgrind: this program starts itself again for each count.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Says to the program that it is to run one case, with this many iterations: `--case NAME ITERATIONS`.
const CASE: &str = "--case";
/// Where the counts are written to.
const SAVE: &str = "--save";
/// Whose counts are shown beside the new ones.
const AGAINST: &str = "--against";

/// Something whose instructions and allocations are counted.
pub(crate) struct Case {
    /// Its name, `file/what`.
    pub(crate) name: &'static str,
    /// Iterations of the shorter of the two runs: more for what takes microseconds, few for what takes milliseconds.
    pub(crate) iterations: u32,
    /// Prepares, then iterates; what is prepared once costs nothing in the result.
    pub(crate) run: fn(u32),
}

/// What one iteration costs.
#[derive(Clone, Copy)]
struct Cost {
    instructions: f64,
    /// Blocks taken from the heap, grown ones included.
    allocations: f64,
}

/// What the command line asks for.
#[derive(Default)]
struct Asked {
    save: Option<PathBuf>,
    against: Option<PathBuf>,
    /// Words that names must have.
    words: Vec<String>,
}

/// Counts the cases that the arguments select, or runs the one that they name.
pub(crate) fn run(
    cases: &[Case],
    arguments: impl Iterator<Item = String>,
    mut say: impl FnMut(&str),
) -> io::Result<()> {
    // `--bench` comes from cargo.
    let arguments: Vec<String> = arguments.filter(|argument| argument != "--bench").collect();
    if let [flag, name, iterations] = &arguments[..]
        && flag == CASE
    {
        let case = cases.iter().find(|case| case.name == name).ok_or_else(|| other("no such case"))?;
        (case.run)(iterations.parse().map_err(io::Error::other)?);
        return Ok(());
    }
    let asked = Asked::of(arguments)?;
    let before = asked.against.as_deref().map(read).transpose()?;
    say(&heading(before.is_some()));
    let mut saved = String::new();
    for case in cases.iter().filter(|case| asked.words.iter().all(|word| case.name.contains(word.as_str()))) {
        let cost = Cost::of(case)?;
        say(&row(case.name, cost, before.as_ref().map(|before| before.get(case.name).copied())));
        saved.push_str(&format!("{}\t{:.0}\t{:.1}\n", case.name, cost.instructions, cost.allocations));
    }
    asked.save.map_or(Ok(()), |path| std::fs::write(path, saved))
}

impl Asked {
    fn of(arguments: Vec<String>) -> io::Result<Self> {
        let mut asked = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let path = match argument.as_str() {
                SAVE => &mut asked.save,
                AGAINST => &mut asked.against,
                _ => {
                    asked.words.push(argument);
                    continue;
                }
            };
            let file = arguments.next().ok_or_else(|| other(&format!("{argument} needs a file")))?;
            *path = Some(PathBuf::from(file));
        }
        Ok(asked)
    }
}

/// The counts of an earlier run, by case.
fn read(path: &Path) -> io::Result<BTreeMap<String, Cost>> {
    let line = |line: &str| {
        let mut parts = line.split('\t');
        let name = parts.next()?.to_owned();
        let (instructions, allocations) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some((name, Cost { instructions, allocations }))
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    Ok(text.lines().filter_map(line).collect())
}

fn heading(compared: bool) -> String {
    let plain = format!("{:<44} {:>14} {:>12}", "case", "instructions", "allocations");
    if compared { format!("{plain} {:>14} {:>9} {:>12}", "before", "change", "before") } else { plain }
}

/// `before`: `None` when nothing is compared, `Some(None)` for a case that was not there.
fn row(name: &str, cost: Cost, before: Option<Option<Cost>>) -> String {
    let plain = format!("{name:<44} {:>14.0} {:>12.1}", cost.instructions, cost.allocations);
    match before {
        None => plain,
        Some(None) => format!("{plain} {:>14}", "new"),
        Some(Some(before)) => {
            let change = 100.0 * (cost.instructions / before.instructions - 1.0);
            format!("{plain} {:>14.0} {change:>+8.1}% {:>12.1}", before.instructions, before.allocations)
        }
    }
}

impl Cost {
    fn of(case: &Case) -> io::Result<Self> {
        Ok(Self { instructions: each(case, &CACHEGRIND)?, allocations: each(case, &DHAT)? })
    }
}

/// A tool of valgrind that counts something over a whole process.
struct Tool {
    arguments: &'static [&'static str],
    /// Finds the number in what the tool says at the end.
    count: fn(&str) -> Option<u64>,
}

/// Says `==PID== I   refs:      1,234,567`.
const CACHEGRIND: Tool = Tool {
    arguments: &["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"],
    count: |said| number(said.lines().find(|line| line.contains("refs:"))?.rsplit(':').next()?),
};

/// Says `==PID== Total:     1,234 bytes in 56 blocks`.
const DHAT: Tool = Tool {
    arguments: &["--tool=dhat", "--dhat-out-file=/dev/null"],
    count: |said| number(said.lines().find(|line| line.contains("Total:"))?.rsplit_once(" bytes in ")?.1),
};

/// The count of one iteration: of that many more in the second of two processes.
fn each(case: &Case, tool: &Tool) -> io::Result<f64> {
    let (once, twice) = (count(case, tool, case.iterations)?, count(case, tool, 2 * case.iterations)?);
    Ok((twice as f64 - once as f64) / f64::from(case.iterations))
}

/// The count of a whole process that runs one case.
fn count(case: &Case, tool: &Tool, iterations: u32) -> io::Result<u64> {
    let output = Command::new("valgrind")
        .args(tool.arguments)
        .arg(std::env::current_exe()?)
        .args([CASE, case.name, &iterations.to_string()])
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("valgrind cannot be run: {error}")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let count = output.status.success().then(|| (tool.count)(&said)).flatten();
    count.ok_or_else(|| other(&format!("{}: no count in what valgrind said:\n{said}", case.name)))
}

/// The first number of a text, with commas between its digits or not.
fn number(text: &str) -> Option<u64> {
    let digits = text.trim_start().split(' ').next()?.replace(',', "");
    digits.parse().ok()
}

fn other(why: &str) -> io::Error {
    io::Error::other(why.to_owned())
}
