//! What the operating system says of this process, read when somebody asks. Only Linux says it; elsewhere the series
//! are absent.

use std::fs;

use super::names::Metric;
use super::registry::Registry;
use crate::proc_stat::{self, TICKS};

/// Brings the `process_*` series up to date.
pub(super) fn refresh(registry: &Registry) {
    if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::parse) {
        registry.float_counter(Metric::ProcessCpu, &[]).raise_to(stat.cpu_seconds);
        let boot = fs::read_to_string("/proc/stat").ok().as_deref().and_then(boot_time);
        show(registry, Metric::ProcessStart, boot.map(|boot| boot + stat.started_after_boot));
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    show(registry, Metric::ProcessResident, kibibytes(&status, "VmRSS:"));
    show(registry, Metric::ProcessVirtual, kibibytes(&status, "VmSize:"));
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    show(registry, Metric::ProcessMaxFds, open_files_limit(&limits));
    // The directory handle of this very look is one too many.
    let open = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count().saturating_sub(1));
    show(registry, Metric::ProcessOpenFds, open.map(|open| open as f64));
}

fn show(registry: &Registry, metric: Metric, value: Option<f64>) {
    if let Some(value) = value {
        registry.gauge(metric, &[]).set(value);
    }
}

struct Stat {
    cpu_seconds: f64,
    started_after_boot: f64,
}

impl Stat {
    /// Fields 14 and 15 are user and system time, 22 the start.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<_> = proc_stat::fields(text)?.collect();
        let ticks = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
        Some(Self { cpu_seconds: (ticks(14)? + ticks(15)?) / TICKS, started_after_boot: ticks(22)? / TICKS })
    }
}

fn boot_time(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn kibibytes(status: &str, key: &str) -> Option<f64> {
    let value = status.lines().find_map(|line| line.strip_prefix(key))?;
    Some(value.trim().strip_suffix(" kB")?.parse::<f64>().ok()? * 1024.0)
}

fn open_files_limit(limits: &str) -> Option<f64> {
    let soft = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match soft.split_ascii_whitespace().next()? {
        "unlimited" => Some(f64::INFINITY),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_brackets_and_spaces_does_not_shift_the_fields() {
        let line =
            "7 (a ) b) S 1 7 7 0 -1 4194560 107 0 0 0 150 50 0 0 20 0 1 0 12345 2314240 203 1844674407370955";
        let stat = Stat::parse(line).expect("a stat line");
        assert_eq!((stat.cpu_seconds, stat.started_after_boot), (2.0, 123.45));
        assert!(Stat::parse("7 (a) S 1").is_none());
    }

    #[test]
    fn limits_and_sizes_are_read() {
        assert_eq!(open_files_limit("Max open files            1024     4096     files"), Some(1024.0));
        assert_eq!(open_files_limit("Max open files unlimited unlimited files"), Some(f64::INFINITY));
        assert_eq!(kibibytes("Name:\tx\nVmRSS:\t     12 kB\n", "VmRSS:"), Some(12_288.0));
        assert_eq!(boot_time("cpu 1\nbtime 1700000000\n"), Some(1_700_000_000.0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_all_series() {
        let registry = Registry::new(crate::clock::now());
        refresh(&registry);
        for metric in Metric::ALL.iter().filter(|metric| metric.name().starts_with("process_")) {
            assert_eq!(registry.len(*metric), 1, "{}", metric.name());
        }
    }
}
