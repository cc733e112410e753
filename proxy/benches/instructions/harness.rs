//! Runs the cases under valgrind: this program starts itself again for each count.

use std::io;
use std::process::Command;

/// Says to the program that it is to run one case, with this many iterations: `--case NAME ITERATIONS`.
const CASE: &str = "--case";

/// Something whose instructions are counted.
pub(crate) struct Case {
    /// Its name, `file/what`.
    pub(crate) name: &'static str,
    /// Iterations of the shorter of the two runs: more for what takes microseconds, few for what takes milliseconds.
    pub(crate) iterations: u32,
    /// Prepares, then iterates; what is prepared once costs nothing in the result.
    pub(crate) run: fn(u32),
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
    let selected = |case: &&Case| arguments.iter().all(|word| case.name.contains(word.as_str()));
    say(&format!("{:<40} {:>16}", "case", "instructions"));
    for case in cases.iter().filter(selected) {
        let (once, twice) = (count(case, case.iterations)?, count(case, 2 * case.iterations)?);
        let each = (twice as f64 - once as f64) / f64::from(case.iterations);
        say(&format!("{:<40} {each:>16.1}", case.name));
    }
    Ok(())
}

/// Instructions of a whole process that runs one case.
fn count(case: &Case, iterations: u32) -> io::Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([CASE, case.name, &iterations.to_string()])
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("valgrind cannot be run: {error}")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let count = output.status.success().then(|| instructions(&said)).flatten();
    count.ok_or_else(|| other(&format!("{}: no count in what valgrind said:\n{said}", case.name)))
}

/// The number in the line `==PID== I   refs:      1,234,567`.
fn instructions(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.contains("refs:"))?;
    let digits: String = line.rsplit(':').next()?.chars().filter(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn other(why: &str) -> io::Error {
    io::Error::other(why.to_owned())
}
