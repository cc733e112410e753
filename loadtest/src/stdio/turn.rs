//! One turn of one way: start, calls of three kinds, end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::session::{Session, SessionError, quoted};
use super::talk::Call;
use super::ways::{Between, Way};
use super::{LARGE, PIPELINED, Settings, StdioError};
use crate::clock;
use crate::compare::{CpuTime, ProcessError, Processes};
use crate::load::Latency;
use crate::payload::Answers;

/// Calls under way where there are several.
const WINDOW: usize = 32;
/// Bytes of lines that may be under way: half of what a pipe holds.
const UNDER_WAY: usize = 32 * 1024;
/// What a start leaves to do is done by then.
const SETTLE: Duration = Duration::from_millis(300);
/// Calls before those that are measured: one in so many.
const WARM_UP: u64 = 10;

/// What is called in a turn.
pub(super) struct Plan {
    pub(super) calls: u64,
    pub(super) pipelined_calls: u64,
    pub(super) window: usize,
    pub(super) large_calls: u64,
    echo: Call,
    large: Call,
    program: PathBuf,
}

impl Plan {
    pub(super) fn new(settings: &Settings) -> Self {
        let echo = Call::echo(settings.size);
        let (least, one_in) = LARGE;
        Self {
            calls: settings.calls,
            pipelined_calls: settings.calls * PIPELINED,
            window: (UNDER_WAY / echo.longest()).clamp(1, WINDOW),
            large_calls: (settings.calls / one_in).max(least),
            echo,
            large: Call::large(&Answers::new()),
            program: settings.program.clone(),
        }
    }
}

/// What a turn gave.
#[derive(Debug)]
pub(super) struct Turn {
    /// From before the process was started until its first answer was read.
    pub(super) first_answer: Duration,
    pub(super) single: Case,
    pub(super) pipelined: Case,
    pub(super) large: Case,
    /// Memory of the wrapper; `None` without one.
    pub(super) resident: Option<Resident>,
}

/// Calls of one kind.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) calls: u64,
    pub(super) took: Duration,
    /// Of each call; nothing where several are under way.
    pub(super) latency: Latency,
    /// What the wrapper used; `None` without one.
    pub(super) cpu: Option<CpuTime>,
}

/// Resident memory in KiB.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resident {
    /// Of the wrapper when it was idle after its start.
    pub(super) started: u64,
    /// Of the wrapper after the small calls.
    pub(super) called: u64,
    /// Of the wrapper after all calls.
    pub(super) ended: u64,
    /// Of the shell that watches over it.
    pub(super) guard: u64,
}

/// Takes it.
pub(super) fn take(way: &Way, plan: &Plan) -> Result<Turn, StdioError> {
    let name = || way.name.to_owned();
    let began = clock::now();
    let mut session =
        Session::start(way.command()).map_err(|source| StdioError::Start { name: name(), source })?;
    let said = session.said();
    let turn = measure(&mut session, way, plan, began).and_then(|turn| {
        session.end()?;
        Ok(turn)
    });
    turn.map_err(|error| match error {
        Failure::Process(source) => StdioError::Process { name: name(), source },
        Failure::Call(source) => {
            let said = said.and_then(quoted).unwrap_or_default();
            let said = if said.is_empty() { said } else { format!("; it said:\n{said}") };
            StdioError::Call { name: name(), source, said }
        }
    })
}

/// What made a turn fail.
enum Failure {
    Process(ProcessError),
    Call(SessionError),
}

impl From<ProcessError> for Failure {
    fn from(error: ProcessError) -> Self {
        Self::Process(error)
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self::Call(error)
    }
}

fn measure(
    session: &mut Session,
    way: &Way,
    plan: &Plan,
    began: std::time::Instant,
) -> Result<Turn, Failure> {
    session.call(&Call::initialize())?;
    let first_answer = clock::now() - began;
    session.finish_handshake()?;
    session.call(&Call::context(way.traced))?;
    let pid = session.pid();
    let tap = (way.between == Between::Tap).then(|| Processes::of(pid).only(|one| one == pid));
    let floor = (way.between == Between::Floor).then(|| not_the_fixture(pid, &plan.program));
    let resident = || tap.as_ref().map(Processes::resident_kib).transpose();
    let wrapper = tap.as_ref().or(floor.as_ref());
    std::thread::sleep(SETTLE);
    let started = resident()?;
    session.call_one_by_one(&plan.echo, plan.calls / WARM_UP)?;
    let single = case(wrapper, plan.calls, || session.call_one_by_one(&plan.echo, plan.calls))?;
    let pipelined = case(wrapper, plan.pipelined_calls, || {
        session.call_pipelined(&plan.echo, plan.pipelined_calls, plan.window)?;
        Ok(Latency::new())
    })?;
    let called = resident()?;
    session.call_one_by_one(&plan.large, 1)?;
    let large = case(wrapper, plan.large_calls, || session.call_one_by_one(&plan.large, plan.large_calls))?;
    let ended = resident()?;
    let resident = match (started, called, ended) {
        (Some(started), Some(called), Some(ended)) => {
            let guard = not_the_fixture(pid, &plan.program).only(|one| one != pid).resident_kib()?;
            Some(Resident { started, called, ended, guard })
        }
        _ => None,
    };
    Ok(Turn { first_answer, single, pipelined, large, resident })
}

/// Times calls, and what the wrapper uses for them.
fn case(
    wrapper: Option<&Processes>,
    calls: u64,
    call: impl FnOnce() -> Result<Latency, SessionError>,
) -> Result<Case, Failure> {
    let cpu = || wrapper.map(Processes::cpu).transpose();
    let before = cpu()?;
    let began = clock::now();
    let latency = call()?;
    let took = clock::now() - began;
    // The last answer is written before the wrapper is done with it; the next wait is not long enough to matter.
    let cpu = cpu()?.zip(before).map(|(after, before)| after.since(&before));
    Ok(Case { calls, took, latency, cpu })
}

/// What was started, and what came of it but for the fixture.
fn not_the_fixture(started: u32, fixture: &Path) -> Processes {
    let fixture = fixture.canonicalize().unwrap_or_else(|_| fixture.to_owned());
    Processes::of(started)
        .only(|pid| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|program| program != fixture))
}
