//! The borders of style-examples.md §2, read from the sources: who may name what.

#[path = "support/borders.rs"]
mod borders;

use borders::Border;

const IO: &[&str] = &[
    "tokio",
    "hyper",
    "hyper_util",
    "http",
    "http_body",
    "tower",
    "socket2",
    "rustls",
    "metrics",
    "std::net",
    "std::fs",
    "std::io",
];

const BORDERS: &[Border] = &[
    Border { place: "protocol", except: &[], forbidden: IO, why: "parsers are pure" },
    Border {
        place: "protocol",
        except: &[],
        forbidden: &[
            "crate::exchange",
            "crate::http",
            "crate::telemetry",
            "crate::admin",
            "crate::config",
            "crate::app",
            "crate::clock",
        ],
        why: "imports go http, telemetry -> exchange -> protocol",
    },
    Border {
        place: "exchange",
        except: &["exchange/handle.rs"],
        forbidden: &["crate::clock"],
        why: "time is an argument",
    },
    Border { place: "exchange", except: &[], forbidden: IO, why: "the core is pure state" },
    Border {
        place: "exchange",
        except: &[],
        forbidden: &["crate::http", "crate::telemetry", "crate::admin", "crate::config", "crate::app"],
        why: "imports go http, telemetry -> exchange -> protocol",
    },
    Border { place: "slo", except: &[], forbidden: IO, why: "service levels are arithmetic" },
    Border {
        place: "slo",
        except: &[],
        forbidden: &[
            "crate::protocol",
            "crate::exchange",
            "crate::http",
            "crate::telemetry",
            "crate::admin",
            "crate::config",
            "crate::app",
            "crate::cli",
            "crate::clock",
            "crate::rules",
            "crate::slo_client",
        ],
        why: "telemetry hands samples to the service levels, and time is an argument",
    },
    Border { place: "rules", except: &[], forbidden: IO, why: "the same plan gives the same bytes" },
    Border {
        place: "rules",
        except: &[],
        forbidden: &[
            "crate::exchange",
            "crate::http",
            "crate::admin",
            "crate::config",
            "crate::app",
            "crate::cli",
            "crate::clock",
            "crate::slo_client",
        ],
        why: "rules are made of the plan and the names of metrics",
    },
    Border {
        place: "slo_client",
        // Its module has the crate's name.
        except: &["slo_client/http.rs", "slo_client/mod.rs"],
        forbidden: IO,
        why: "one file fetches; what was fetched is made into reports and tables without I/O",
    },
    Border {
        place: "slo_client",
        except: &[],
        forbidden: &[
            "crate::protocol",
            "crate::exchange",
            "crate::http",
            "crate::telemetry",
            "crate::admin",
            "crate::config",
            "crate::app",
            "crate::cli",
            "crate::clock",
        ],
        why: "it reads what a process answers and what rules recorded, like anybody outside",
    },
    Border {
        place: "",
        except: &["cli", "slo_client", "ps"],
        forbidden: &["crate::slo_client"],
        why: "it is a command, and no part of the sidecar",
    },
    Border {
        place: "install",
        except: &["install/apply.rs"],
        forbidden: IO,
        why: "one file reads and writes; what is written is made of texts without I/O",
    },
    Border {
        place: "install",
        except: &[],
        forbidden: &[
            "crate::protocol",
            "crate::exchange",
            "crate::http",
            "crate::telemetry",
            "crate::admin",
            "crate::config",
            "crate::app",
            "crate::cli",
            "crate::clock",
        ],
        why: "it edits files of other programs, and knows nothing of what mcp-tap does then",
    },
    Border {
        place: "",
        except: &["cli", "install"],
        forbidden: &["crate::install"],
        why: "it is a command, and no part of the sidecar",
    },
    Border {
        place: "",
        except: &["cli", "ps"],
        forbidden: &["crate::ps"],
        why: "it is a command, and no part of the sidecar",
    },
    Border {
        place: "ps",
        except: &[],
        forbidden: &[
            "crate::protocol",
            "crate::exchange",
            "crate::http",
            "crate::telemetry",
            "crate::admin",
            "crate::clock",
            "std::net",
            "std::fs",
            "std::io",
        ],
        why: "it asks processes like anybody outside, by the client of slo_client, and time is an argument",
    },
    Border {
        place: "registry",
        except: &[],
        forbidden: &[
            "crate::protocol",
            "crate::exchange",
            "crate::http",
            "crate::telemetry",
            "crate::slo",
            "crate::admin",
            "crate::clock",
            "tokio",
            "hyper",
            "tracing",
        ],
        why: "whoever runs enters it and whoever asks reads it; what was found they say",
    },
    Border {
        place: "",
        except: &["registry", "admin", "ps", "app", "cli", "config"],
        forbidden: &["crate::registry"],
        why: "traffic and telemetry do not care who else runs",
    },
    Border {
        place: "stdio",
        except: &[],
        forbidden: &[
            "crate::http",
            "crate::telemetry",
            "crate::slo",
            "crate::admin",
            "crate::config",
            "crate::app",
            "crate::cli",
            "hyper",
        ],
        why: "imports go stdio -> exchange -> protocol; who keeps accounts of what a process uses, app says",
    },
    Border { place: "protocol", except: &[], forbidden: &["rand"], why: "parsers are pure" },
    Border {
        place: "exchange",
        except: &["exchange/trace/ids.rs"],
        forbidden: &["rand"],
        why: "chance is in the source of ids, which tests replace",
    },
    Border {
        place: "",
        except: &["telemetry/traces", "telemetry/export/otlp"],
        forbidden: &["opentelemetry", "opentelemetry_sdk"],
        why: "the exchange chooses ids, the exporter's thread makes the spans",
    },
    Border {
        place: "",
        except: &["telemetry/export/otlp"],
        forbidden: &["opentelemetry_otlp", "opentelemetry_http", "opentelemetry_proto", "prost", "tonic"],
        why: "one place knows collectors",
    },
    Border {
        place: "telemetry",
        except: &[],
        forbidden: &["crate::http", "crate::admin", "crate::config", "crate::app", "crate::rules"],
        why: "telemetry records events, whoever carries them",
    },
    Border {
        place: "telemetry/sli",
        except: &[],
        forbidden: &["crate::clock", "tokio", "std::thread", "std::net", "std::fs", "std::io"],
        why: "counting service levels waits for nothing, and time is an argument",
    },
    Border {
        place: "telemetry/quality",
        except: &[],
        forbidden: &["crate::clock", "tokio", "std::thread::Builder", "std::net", "std::fs", "std::io"],
        why: "what is judged is told; the thread and the clock are app's",
    },
    Border {
        place: "",
        except: &["telemetry/quality/compile.rs"],
        forbidden: &["jsonschema"],
        why: "one place compiles schemas, within bounds",
    },
    Border {
        place: "",
        except: &["config"],
        forbidden: &["serde_saphyr"],
        why: "YAML is read in one place, and rules write theirs for people",
    },
    Border {
        place: "config/slo",
        except: &[],
        forbidden: &["tokio", "std::fs", "std::net", "crate::clock", "crate::app", "crate::cli"],
        why: "configuration is read from a text, so that a reload reads it just as the start does",
    },
    Border {
        place: "telemetry",
        // A client of a collector, which no traffic passes.
        except: &["telemetry/export/otlp/client.rs"],
        forbidden: &["hyper", "tower"],
        why: "telemetry knows no transport of traffic",
    },
    Border {
        place: "telemetry/export/otlp/metrics",
        except: &["telemetry/export/otlp/metrics/mod.rs", "telemetry/export/otlp/metrics/link.rs"],
        forbidden: &["crate::clock", "tokio", "http", "tonic", "std::net", "std::fs", "std::io"],
        why: "a snapshot is made of series and a moment, however it is sent",
    },
    Border {
        place: "telemetry/traces",
        except: &[],
        forbidden: &["crate::clock", "crate::telemetry::export", "std::net", "std::fs", "std::io"],
        why: "spans are made of facts and times, wherever they go",
    },
    Border {
        place: "telemetry/traces",
        // It wakes the exporter.
        except: &["telemetry/traces/queue.rs"],
        forbidden: &["tokio"],
        why: "nothing in traces waits",
    },
    Border {
        place: "http",
        except: &[],
        forbidden: &["crate::telemetry", "crate::admin", "crate::config", "crate::app", "metrics"],
        why: "the traffic path meets telemetry only through the exchange's sink",
    },
    Border {
        place: "admin",
        except: &[],
        forbidden: &["crate::config", "crate::app"],
        why: "modules own their settings",
    },
    Border {
        place: "",
        except: &["main.rs", "app.rs", "app", "cli", "config"],
        forbidden: &["crate::config", "crate::app", "crate::cli"],
        why: "only main and app import config and app",
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
        forbidden: &["Instant::now", "SystemTime::now"],
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
