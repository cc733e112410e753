//! What it costs to keep error budgets: `cargo bench -p mcp-tap --bench slo`.
//!
//! A month of traffic fills all slots; then one batch a second and objective is counted, as upkeep hands them over. Each
//! time is the best of many rounds, which is what repeats on a shared machine. Memory is what the process grew by.
//!
//! Columns: what, objectives, cost. The size of a state grows with the filled slots: a quiet service needs a few hundred
//! bytes. Rings have 31,104 bytes per objective.
//!
//! Measured 2026-11-23, Rust 1.95, 2 shared cores of an Intel Xeon (x86-64, no target features), busy machine:
//!
//! ```text
//! memory, per objective   64        31603 B
//! observe, per batch       1           19 ns
//! report                   1         5932 ns
//! save, size               1        10197 B
//! save                     1        23856 ns
//! restore                  1        45356 ns
//! observe, per batch       3           19 ns
//! report                   3        18374 ns
//! save, size               3        30485 B
//! save                     3        69992 ns
//! restore                  3       136138 ns
//! observe, per batch      64           41 ns
//! report                  64       626623 ns
//! save, size              64       649323 B
//! save                    64      5491465 ns
//! restore                 64     11433470 ns
//! ```
#![expect(clippy::print_stdout, reason = "the report of a bench is its output")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_tap::slo::plan::MAX_OBJECTIVES;
use mcp_tap::slo::{Engine, Objective, Plan, Time};

const START: u64 = 1_800_000_000_000;
const MINUTE: u64 = 60_000;
/// After this all slots were written.
const MONTH: u64 = 30 * 24 * 60 * MINUTE;
/// Engines that are held at once, so that what a process grows by is theirs.
const ENGINES: usize = 10;

fn main() {
    memory();
    for objectives in [1, 3, MAX_OBJECTIVES] {
        let plan = Arc::new(plan(objectives));
        let engine = used(&plan);
        let now = Time(START + MONTH);
        let mut counting = used(&plan);
        let mut second = 0;
        report("observe, per batch", objectives, objectives, || {
            second += 1;
            for objective in &plan.objectives {
                counting.observe(&objective.name, 99, 1, Time(now.0 + second * 1000));
            }
        });
        report("report", objectives, 1, || drop(black_box(engine.report(black_box(now)))));
        let bytes = engine.save(now);
        println!("{:<22} {objectives:>3} {:>12} B", "save, size", bytes.len());
        report("save", objectives, 1, || drop(black_box(engine.save(black_box(now)))));
        report("restore", objectives, 1, || {
            let mut engine = Engine::new(Arc::clone(&plan), "demo", now);
            engine.restore(black_box(&bytes), now).expect("it is whole");
            drop(black_box(engine));
        });
    }
}

/// Prints what many engines take. First of all, while nothing was given back that would be used again.
fn memory() {
    let plan = Arc::new(plan(MAX_OBJECTIVES));
    let before = resident();
    let engines: Vec<_> = (0..ENGINES).map(|_| used(&plan)).collect();
    let each = (resident() - before) / (ENGINES * MAX_OBJECTIVES);
    drop(black_box(engines));
    println!("{:<22} {MAX_OBJECTIVES:>3} {each:>12} B", "memory, per objective");
}

/// So many objectives.
fn plan(objectives: usize) -> Plan {
    let mut plan = Plan::default();
    let model = plan.objectives[0].clone();
    plan.objectives = (0..objectives)
        .map(|number| Objective { name: format!("objective-{number}"), ..model.clone() })
        .collect();
    plan
}

/// An engine after a month of traffic.
fn used(plan: &Arc<Plan>) -> Engine {
    let mut engine = Engine::new(Arc::clone(plan), "demo", Time(START));
    for at in (START..=START + MONTH).step_by(MINUTE as usize) {
        for objective in &plan.objectives {
            engine.observe(&objective.name, 5_900 + at / MINUTE % 100, at / MINUTE % 7, Time(at));
        }
    }
    engine
}

/// Measures rounds for a while and prints the best one.
fn report(name: &str, objectives: usize, units: usize, mut work: impl FnMut()) {
    let begin = Instant::now();
    let mut best = Duration::MAX;
    while begin.elapsed() < Duration::from_millis(300) {
        let start = Instant::now();
        for _ in 0..10 {
            work();
        }
        best = best.min(start.elapsed() / 10);
    }
    println!("{name:<22} {objectives:>3} {:>12.0} ns", best.as_nanos() as f64 / units as f64);
}

/// Resident memory of this process (proc(5)).
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
    line.and_then(|kib| kib.trim().parse::<usize>().ok()).unwrap_or_default() * 1024
}
