//! The borders within the server, read from the sources: who may name what.

#[path = "../../proxy/tests/support/borders.rs"]
mod borders;

use borders::Border;

const IO: &[&str] = &[
    "tokio",
    "hyper",
    "hyper_util",
    "axum",
    "tower",
    "kube",
    "rmcp",
    "metrics",
    "moka",
    "std::net",
    "std::fs",
    "std::io",
];

const BORDERS: &[Border] = &[
    Border { place: "check", except: &[], forbidden: IO, why: "rules are pure" },
    Border { place: "report", except: &[], forbidden: IO, why: "answers are data" },
    Border { place: "quantity", except: &[], forbidden: IO, why: "amounts are numbers" },
    Border { place: "log", except: &[], forbidden: IO, why: "lines are parsed, not read" },
    Border {
        place: "check",
        except: &[],
        forbidden: &["crate::clock", "crate::tool", "crate::serve", "crate::sim", "crate::telemetry"],
        why: "facts and the time are given to rules",
    },
    Border {
        place: "sim/world",
        except: &[],
        forbidden: IO,
        why: "the world is a function of seed and time",
    },
    Border { place: "sim/world", except: &[], forbidden: &["crate::clock"], why: "time is an argument" },
    Border {
        place: "sim",
        except: &[],
        // It may name the table of kinds in crate::cluster: both sides of the API share it.
        forbidden: &["crate::tool", "crate::check", "crate::serve", "crate::telemetry"],
        why: "the simulated cluster does not know who asks it",
    },
    Border {
        place: "tool",
        except: &[],
        forbidden: &["crate::serve", "crate::sim", "rmcp", "axum", "kube"],
        why: "tools do not know who calls them, nor which cluster they read",
    },
    Border {
        place: "",
        except: &["serve"],
        forbidden: &["rmcp", "axum"],
        why: "one folder knows how the server is reached",
    },
    Border {
        place: "",
        except: &["telemetry", "lib.rs"],
        forbidden: &["metrics"],
        why: "one place records metrics",
    },
    Border {
        place: "",
        except: &["clock.rs"],
        forbidden: &["Instant::now", "SystemTime::now", "Timestamp::now"],
        why: "only clock.rs reads the clock",
    },
];

#[test]
fn no_module_names_what_lies_behind_its_border() {
    borders::check(BORDERS);
}

#[test]
fn files_stay_small() {
    borders::check_sizes();
}

/// The server is somebody else's: it must not lean on what observes it.
#[test]
fn the_server_depends_on_no_package_of_the_proxy() {
    let manifest = include_str!("../Cargo.toml");
    let named: Vec<_> =
        manifest.lines().filter(|line| line.contains("mcp-tap") || line.contains("mcp-loadtest")).collect();
    assert!(named.is_empty(), "Cargo.toml names {named:?}");
}
