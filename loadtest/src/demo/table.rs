//! The table as text: pure, cut to a width and a height.

use std::time::Duration;

use super::figures::{Figures, Row};
use super::levels::{self, Level};

/// Longest name of a tool or client that is shown.
const NAME: usize = 20;
/// From this width on there is room for one column more.
const WIDE: usize = 92;
/// Lines above the table of tools, with its title.
const ABOVE: usize = 6;
/// Lines that the clients may take.
const CLIENT_LINES: usize = 2;
/// The pages of the admin port that are worth a look.
pub(super) const PAGES: &str = "/metrics  /slo  /operations  /catalogue";
/// What the columns mean, where there is room for it.
const LEGEND: [&str; 3] = [
    "CALLER, TOOL  failures by whose fault they are; TOKENS  mean size of a result",
    "AGAIN         calls that a client had made with the same arguments within a minute",
    "_other        tools that the server does not have",
];

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Strong,
    Faint,
    Good,
    Bad,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "\x1b[1m",
            Self::Faint => "\x1b[2m",
            Self::Good => "\x1b[36m",
            Self::Bad => "\x1b[31m",
        }
    }
}

/// A line in pieces.
#[derive(Debug, Default)]
struct Line(Vec<(Style, String)>);

impl Line {
    fn with(mut self, style: Style, text: impl Into<String>) -> Self {
        self.0.push((style, text.into()));
        self
    }

    /// As text of at most this many letters; what was cut ends with an ellipsis.
    fn render(&self, width: usize, colours: bool) -> String {
        let cut = self.0.iter().map(|(_, text)| text.chars().count()).sum::<usize>() > width;
        let mut room = if cut { width.saturating_sub(1) } else { width };
        let mut line = String::new();
        for (style, text) in &self.0 {
            // Names come from clients and servers: nothing of them may move the cursor.
            let text: String = text
                .chars()
                .map(|letter| if letter.is_control() { '?' } else { letter })
                .take(room)
                .collect();
            room -= text.chars().count();
            if colours && *style != Style::Plain && !text.is_empty() {
                line.extend([style.code(), &text, "\x1b[0m"]);
            } else {
                line.push_str(&text);
            }
        }
        if cut {
            line.push('…');
        }
        line.trim_end().to_owned()
    }
}

/// What stands above the table.
#[derive(Debug, Clone)]
pub(super) struct Header {
    /// Name and address of the server.
    pub(super) server: String,
    /// Where an MCP client connects.
    pub(super) endpoint: String,
    /// The admin port, `http://ADDRESS:PORT`.
    pub(super) admin: String,
    /// Where the logs are.
    pub(super) logs: String,
    /// Number of agents.
    pub(super) agents: usize,
}

/// The room there is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Letters of a line.
    pub(super) width: usize,
    /// Lines.
    pub(super) height: usize,
    /// Whether to colour.
    pub(super) colours: bool,
}

/// Everything, one string per line.
pub(super) fn screen(header: &Header, figures: &Figures, elapsed: Duration, room: Room) -> Vec<String> {
    let mut lines = head(header, elapsed);
    lines.push(Line::default());
    lines.extend(table(figures, room));
    if lines.len() + LEGEND.len() < room.height {
        lines.push(Line::default());
        lines.extend(LEGEND.map(|text| Line::default().with(Style::Faint, text)));
    }
    lines.truncate(room.height);
    lines.iter().map(|line| line.render(room.width, room.colours)).collect()
}

/// The table without what stands above it.
pub(super) fn plain(figures: &Figures, room: Room) -> Vec<String> {
    table(figures, room).iter().map(|line| line.render(room.width, room.colours)).collect()
}

fn head(header: &Header, elapsed: Duration) -> Vec<Line> {
    let seconds = elapsed.as_secs();
    let time = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let agents = format!("  {} agents, {time}", header.agents);
    vec![
        Line::default()
            .with(Style::Strong, "mcp-tap")
            .with(Style::Plain, format!(" before {}", header.server))
            .with(Style::Faint, agents)
            .with(Style::Strong, "  Ctrl-C ends"),
        pair("your MCP client", &header.endpoint, ""),
        pair("admin port", &header.admin, PAGES),
        pair("logs", &header.logs, ""),
    ]
}

fn pair(name: &str, value: &str, more: &str) -> Line {
    Line::default()
        .with(Style::Faint, format!("{name:<17}"))
        .with(Style::Good, value)
        .with(Style::Faint, more)
}

fn table(figures: &Figures, room: Room) -> Vec<Line> {
    let wide = room.width >= WIDE;
    let title = format!(
        "{:<NAME$}{:>7}{:>7}{:>7}{:>7}{:>7}{:>7}{:>5}{:>7}{:>6}{}",
        "CALLED TOOL",
        "CALL/S",
        "CALLS",
        "P50",
        "P95",
        "P99",
        "CALLER",
        "TOOL",
        "TOKENS",
        "AGAIN",
        if wide { "  OTHER FAULTS" } else { "" },
    );
    let mut lines = vec![Line::default().with(Style::Strong, title)];
    let all = figures.tools.len();
    let mut below = below(figures, room.width, true);
    // Service levels have a line each where that hides no tool.
    if ABOVE + all + below.len() > room.height {
        below = self::below(figures, room.width, false);
    }
    let space = room.height.saturating_sub(ABOVE + below.len());
    // Where not all fit, a line says so.
    let shown = if all <= space { all } else { space.saturating_sub(1).max(1) };
    lines.extend(figures.tools[..shown].iter().map(|tool| row(tool, Style::Plain, wide)));
    if shown < all {
        lines.push(Line::default().with(Style::Faint, format!("… {} more", all - shown)));
    }
    lines.extend(below);
    lines
}

/// The sum and what is true of all tools.
fn below(figures: &Figures, width: usize, roomy: bool) -> Vec<Line> {
    let mut lines = vec![row(&figures.total, Style::Strong, width >= WIDE)];
    if figures.levels.is_empty() {
        lines.push(Line::default());
    } else if roomy {
        lines.push(Line::default());
        lines.extend(levels_table(&figures.levels));
        lines.push(Line::default());
    } else {
        lines.push(budgets(&figures.levels));
    }
    let faults = figures.total.faults.iter().map(|(party, count)| (party.as_str(), *count));
    lines.extend(counts("at fault", faults, width, 1));
    let clients = figures.clients.iter().map(|(name, calls)| (name.as_str(), *calls));
    lines.extend(counts("clients", clients, width, CLIENT_LINES));
    let notes = format!(
        "{} tools, {} tokens per agent; unknown tools {}; connections {}",
        figures.catalogue_tools, figures.catalogue_tokens, figures.unknown_tools, figures.connections,
    );
    lines.push(Line::default().with(Style::Faint, format!("{:<10}", "catalogue")).with(Style::Plain, notes));
    lines
}

/// One line per objective.
fn levels_table(levels: &[Level]) -> Vec<Line> {
    let title =
        format!("{:<NAME$}{:>9}{:>9}{:>13}  {}", "SERVICE LEVEL", "SLI", "TARGET", "BUDGET LEFT", "STATE");
    let line = |level: &Level| {
        let numbers = format!(
            "{:>9}{:>9}{:>13}",
            levels::percent(level.sli),
            format!("{}%", level.target),
            levels::rest(level.budget_left),
        );
        Line::default()
            .with(Style::Plain, format!("{:<NAME$}", clip(&level.slo)))
            .with(Style::Good, numbers)
            .with(if level.is_bad() { Style::Bad } else { Style::Plain }, format!("  {}", level.state))
    };
    std::iter::once(Line::default().with(Style::Strong, title)).chain(levels.iter().map(line)).collect()
}

/// What is left of each budget, on one line.
fn budgets(levels: &[Level]) -> Line {
    let mut line = Line::default().with(Style::Faint, format!("{:<10}", "budgets"));
    for (number, level) in levels.iter().enumerate() {
        let style = if level.is_bad() { Style::Bad } else { Style::Plain };
        let comma = if number == 0 { "" } else { ", " };
        line = line
            .with(Style::Plain, comma)
            .with(style, format!("{} {}", clip(&level.slo), levels::rest(level.budget_left)));
    }
    line
}

fn row(row: &Row, style: Style, wide: bool) -> Line {
    let name = clip(&row.tool);
    let fault = |party: &str, width: usize| match row.fault(party) {
        0 => (Style::Faint, format!("{:>width$}", "-")),
        count => (Style::Bad, format!("{count:>width$}")),
    };
    let (caller_style, caller) = fault("caller", 7);
    let (tool_style, tool) = fault("tool", 5);
    let tokens = row.tokens.map_or_else(|| "-".to_owned(), |tokens| format!("{tokens:.0}"));
    let mut line = Line::default()
        .with(style, format!("{name:<NAME$}"))
        .with(style, format!("{:>7.1}{:>7}", row.rate, row.calls))
        .with(Style::Good, format!("{:>7}{:>7}{:>7}", time(row.p50), time(row.p95), time(row.p99)))
        .with(caller_style, caller)
        .with(tool_style, tool)
        .with(style, format!("{tokens:>7}{:>6}", row.repeated));
    if wide {
        let others = row.faults.iter().filter(|(party, _)| !["caller", "tool"].contains(&party.as_str()));
        let text: Vec<String> = others.map(|(party, count)| format!("{party} {count}")).collect();
        if row.faults_but(&["caller", "tool"]) > 0 {
            line = line.with(Style::Bad, format!("  {}", text.join(", ")));
        }
    }
    line
}

/// Names with counts, on at most this many lines; the last one is cut where they do not fit.
fn counts<'a>(
    name: &str,
    counts: impl Iterator<Item = (&'a str, u64)>,
    width: usize,
    most: usize,
) -> Vec<Line> {
    let mut texts = vec![String::new()];
    for count in counts.map(|(name, count)| format!("{} {count}", clip(name))) {
        let lines = texts.len();
        let Some(text) = texts.last_mut() else { break };
        if text.is_empty() {
            text.push_str(&count);
            continue;
        }
        text.push(',');
        // A blank before it, and a comma behind it if more follow.
        let fits = 10 + text.chars().count() + count.chars().count() + 2 <= width;
        if fits || lines == most {
            text.push(' ');
            text.push_str(&count);
        } else {
            texts.push(count);
        }
    }
    if texts[0].is_empty() {
        texts[0].push_str("nobody yet");
    }
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    let line =
        |(name, text)| Line::default().with(Style::Faint, format!("{name:<10}")).with(Style::Plain, text);
    names.zip(texts).map(line).collect()
}

fn clip(name: &str) -> String {
    if name.chars().count() <= NAME {
        return name.to_owned();
    }
    name.chars().take(NAME - 1).chain(['…']).collect()
}

/// A duration in at most six letters.
fn time(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(seconds) if seconds < 0.0095 => format!("{:.1}ms", seconds * 1e3),
        Some(seconds) if seconds < 0.9995 => format!("{:.0}ms", seconds * 1e3),
        Some(seconds) if seconds < 99.95 => format!("{seconds:.1}s"),
        Some(seconds) => format!("{seconds:.0}s"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn tool(name: &str, calls: u64) -> Row {
        Row {
            tool: name.to_owned(),
            rate: 1.25,
            calls,
            p50: Some(0.0042),
            p95: Some(0.25),
            p99: Some(2.04),
            faults: BTreeMap::from([("caller".to_owned(), 12), ("timeout".to_owned(), 1)]),
            tokens: Some(812.4),
            repeated: 3,
        }
    }

    fn figures(tools: usize) -> Figures {
        let names = ["diagnose_pod", "check_resource_usage", "a_tool_with_a_very_long_name"];
        Figures {
            tools: (0..tools).map(|number| tool(names[number % 3], 100)).collect(),
            total: tool("all tools", 100_000),
            clients: (0..30).map(|number| (format!("client-{number}"), 100 - number)).collect(),
            catalogue_tools: 11,
            catalogue_tokens: 4000,
            unknown_tools: 4,
            connections: 6,
            levels: vec![
                level("availability", Some(0.988_99), Some(-10.01), "exhausted"),
                level("latency", Some(0.975), Some(0.5), "ok"),
                level("quality", None, None, "idle"),
            ],
        }
    }

    fn level(name: &str, sli: Option<f64>, budget_left: Option<f64>, state: &str) -> Level {
        Level { slo: name.to_owned(), sli, target: "99.9".to_owned(), budget_left, state: state.to_owned() }
    }

    fn header() -> Header {
        Header {
            server: "mcp-backend at 127.0.0.1:3001".to_owned(),
            endpoint: "http://127.0.0.1:8080/mcp".to_owned(),
            admin: "http://127.0.0.1:9464".to_owned(),
            logs: "/tmp/mcp-tap-demo-123456".to_owned(),
            agents: 6,
        }
    }

    #[test]
    fn twelve_tools_fit_a_terminal_of_80_by_24_and_more_are_counted() {
        for (tools, width, height) in [(0, 80, 24), (12, 80, 24), (60, 80, 24), (60, 200, 50), (12, 20, 5)] {
            let room = Room { width, height, colours: false };
            let lines = screen(&header(), &figures(tools), Duration::from_secs(3661), room);
            assert!(lines.len() <= height, "{tools} {width}x{height}: {}", lines.len());
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{lines:#?}");
            let text = lines.join("\n");
            assert_eq!(text.contains("more"), tools == 60, "{text}");
            assert!(height < 24 || text.contains("catalogue"), "{text}");
        }
    }

    #[test]
    fn the_bundled_tools_and_six_clients_fill_a_small_terminal_and_nothing_is_cut() {
        let mut figures = figures(12);
        for row in &mut figures.tools {
            row.tool = "check_resource_usage".to_owned();
        }
        let names =
            ["python-sdk", "mcp", "cursor-vscode", "claude-code", "Visual Studio Code", "inspector-client"];
        figures.clients = names.map(|name| (name.to_owned(), 12_345)).to_vec();
        figures.unknown_tools = 12_345;
        let room = Room { width: 80, height: 24, colours: false };
        let mut header = header();
        header.server = "mcp-backend 127.0.0.1:30001".to_owned();
        let lines = screen(&header, &figures, Duration::from_secs(3661), room);
        assert_eq!(lines.len(), 24, "{lines:#?}");
        assert!(!lines.iter().any(|line| line.contains('…')), "{lines:#?}");
        assert!(lines[21].starts_with("clients   python-sdk 12345, mcp 12345,"), "{lines:#?}");
        assert!(lines[22].ends_with("inspector-client 12345"), "{lines:#?}");
    }

    #[test]
    fn a_tall_terminal_says_what_the_columns_mean() {
        let shown = |height| {
            let room = Room { width: 80, height, colours: false };
            screen(&header(), &figures(3), Duration::ZERO, room).join("\n").contains("AGAIN  ")
        };
        assert_eq!([18, 22, 24, 26].map(shown), [false, false, true, true]);
    }

    #[test]
    fn service_levels_have_a_line_each_where_that_hides_no_tool() {
        let shown = |height| plain(&figures(3), Room { width: 80, height, colours: false }).join("\n");
        let roomy = shown(30);
        for line in [
            "SERVICE LEVEL             SLI   TARGET  BUDGET LEFT  STATE",
            "availability           98.89%    99.9%       -1001%  exhausted",
            "latency                97.50%    99.9%          50%  ok",
            "quality                     -    99.9%            -  idle",
        ] {
            assert!(roomy.contains(line), "{line}\n{roomy}");
        }
        let tight = shown(16);
        assert!(tight.contains("budgets   availability -1001%, latency 50%, quality -"), "{tight}");
        assert!(!tight.contains("SERVICE LEVEL") && !tight.contains("more"), "{tight}");
    }

    #[test]
    fn a_row_shows_rate_quantiles_faults_and_tokens() {
        let room = Room { width: 100, height: 50, colours: false };
        let lines = plain(&figures(1), room);
        assert_eq!(
            lines[0],
            "CALLED TOOL          CALL/S  CALLS    P50    P95    P99 CALLER TOOL TOKENS AGAIN  OTHER FAULTS"
        );
        assert_eq!(
            lines[1],
            "diagnose_pod            1.2    100  4.2ms  250ms   2.0s     12    -    812     3  timeout 1"
        );
    }

    #[test]
    fn colours_change_no_letter() {
        let room = |colours| Room { width: 80, height: 24, colours };
        let coloured = screen(&header(), &figures(3), Duration::ZERO, room(true)).join("\n");
        let mut bare = coloured.clone();
        for code in ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[36m"] {
            bare = bare.replace(code, "");
        }
        assert_ne!(bare, coloured);
        let plain = screen(&header(), &figures(3), Duration::ZERO, room(false));
        let bare: Vec<&str> = bare.lines().map(str::trim_end).collect();
        assert_eq!(bare, plain);
    }

    #[test]
    fn a_name_cannot_move_the_cursor() {
        let line = Line::default().with(Style::Plain, "a\x1b[2Jb\nc");
        assert_eq!(line.render(80, true), "a?[2Jb?c");
        assert_eq!(line.render(4, true), "a?[…");
    }

    #[test]
    fn times_take_six_letters() {
        for (seconds, expected) in [
            (None, "-"),
            (Some(0.00004), "0.0ms"),
            (Some(0.0094), "9.4ms"),
            (Some(0.0099), "10ms"),
            (Some(0.9994), "999ms"),
            (Some(0.9999), "1.0s"),
            (Some(99.94), "99.9s"),
            (Some(300.0), "300s"),
        ] {
            assert_eq!(time(seconds), expected, "{seconds:?}");
        }
    }
}
