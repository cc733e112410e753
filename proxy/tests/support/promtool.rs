//! promtool, which judges rules, configurations and pages of metrics as Prometheus does.

#![expect(dead_code, reason = "each test file uses its own part")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const MISSING: &str = "promtool is installed (Debian package prometheus): run `make parts`";

/// Runs it in a folder; fails with what it says.
pub(crate) fn accepts(folder: &Path, arguments: &[&str]) {
    let complaint = complaint(folder, arguments);
    assert!(complaint.is_none(), "promtool {arguments:?}: {}", complaint.unwrap_or_default());
}

/// The same; gives what it says unless it is content.
pub(crate) fn complaint(folder: &Path, arguments: &[&str]) -> Option<String> {
    let ran = Command::new("promtool").args(arguments).current_dir(folder).output().expect(MISSING);
    let said = [ran.stdout, ran.stderr].concat();
    (!ran.status.success()).then(|| String::from_utf8_lossy(&said).into_owned())
}

/// Has it read a page of metrics; fails with what it says, which may be advice as well.
pub(crate) fn accepts_page(page: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect(MISSING);
    promtool.stdin.take().expect("stdin is piped").write_all(page.as_bytes()).expect("promtool reads");
    let output = promtool.wait_with_output().expect("promtool ends");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{}: {said}\n{page}", output.status);
}
