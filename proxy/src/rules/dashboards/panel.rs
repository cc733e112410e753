//! Panels: what is asked, how it is drawn, and what a reader is told about it.

use serde_json::{Value, json};

use crate::telemetry::names::label;

/// What a number means, in Grafana's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// A part of a whole, 0 to 1.
    Ratio,
    /// Percent, 0 to 100.
    Percent,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// US dollars.
    Dollars,
    /// Things per second.
    PerSecond,
    /// A number of things, or a factor.
    Number,
}

impl Unit {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ratio => "percentunit",
            Self::Percent => "percent",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "Bps",
            Self::Dollars => "currencyUSD",
            Self::PerSecond => "reqps",
            Self::Number => "short",
        }
    }
}

/// Colours that say how bad something is: the first from the lowest value on, each further one from its number on.
pub(super) type Steps = (&'static str, Vec<(f64, &'static str)>);

/// Neither good nor bad.
pub(super) fn plain() -> Steps {
    ("blue", Vec::new())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    TimeSeries,
    Stat,
    Gauge,
    Table,
    HeatMap,
}

/// One query: what is asked, and what its series or column is called.
struct Query {
    expr: String,
    name: String,
    /// Of a column: its unit and colours.
    column: Option<(Unit, Steps)>,
}

/// A panel of a dashboard.
pub(super) struct Panel {
    kind: Kind,
    title: String,
    description: String,
    unit: Unit,
    steps: Steps,
    empty: &'static str,
    width: u64,
    height: u64,
    stacked: bool,
    logarithmic: bool,
    points: bool,
    exemplars: bool,
    limits: bool,
    least: Option<f64>,
    most: Option<f64>,
    sort_by: Option<(&'static str, bool)>,
    queries: Vec<Query>,
    links: Vec<(String, String)>,
}

impl Panel {
    fn new(kind: Kind, (width, height): (u64, u64), title: impl Into<String>, description: &str) -> Self {
        Self {
            kind,
            title: title.into(),
            description: description.to_owned(),
            unit: Unit::Number,
            steps: plain(),
            empty: "idle",
            width,
            height,
            stacked: false,
            logarithmic: false,
            points: false,
            exemplars: false,
            limits: false,
            least: None,
            most: None,
            sort_by: None,
            queries: Vec::new(),
            links: Vec::new(),
        }
    }

    /// Lines over time.
    pub(super) fn lines(title: impl Into<String>, description: &str) -> Self {
        Self::new(Kind::TimeSeries, (12, 8), title, description)
    }

    /// Numbers as they are now.
    pub(super) fn number(title: impl Into<String>, description: &str) -> Self {
        Self::new(Kind::Stat, (6, 5), title, description)
    }

    /// Numbers as they are now, on a scale.
    pub(super) fn gauge(title: impl Into<String>, description: &str) -> Self {
        Self::new(Kind::Gauge, (12, 7), title, description)
    }

    /// One row per label set, one column per query.
    pub(super) fn table(title: impl Into<String>, description: &str) -> Self {
        Self::new(Kind::Table, (24, 8), title, description)
    }

    /// The buckets of a histogram over time.
    pub(super) fn heat_map(title: impl Into<String>, description: &str) -> Self {
        Self::new(Kind::HeatMap, (12, 8), title, description)
    }

    /// Asks one more thing; `name` may hold labels as `{{label}}`.
    pub(super) fn ask(mut self, name: impl Into<String>, expr: impl Into<String>) -> Self {
        self.queries.push(Query { expr: expr.into(), name: name.into(), column: None });
        self
    }

    /// One more column of a table.
    pub(super) fn column(mut self, name: &str, unit: Unit, steps: Steps, expr: impl Into<String>) -> Self {
        let column = Some((unit, steps));
        self.queries.push(Query { expr: expr.into(), name: name.to_owned(), column });
        self
    }

    pub(super) const fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    pub(super) fn steps(mut self, first: &'static str, steps: &[(f64, &'static str)]) -> Self {
        self.steps = (first, steps.to_vec());
        self
    }

    /// Draws the steps as lines.
    pub(super) const fn limits(mut self) -> Self {
        self.limits = true;
        self
    }

    pub(super) const fn size(mut self, width: u64, height: u64) -> Self {
        (self.width, self.height) = (width, height);
        self
    }

    pub(super) const fn stacked(mut self) -> Self {
        self.stacked = true;
        self
    }

    /// Draws values by their logarithm, for some are hundreds of times as large as others: a call whose end was not seen
    /// lasts five minutes.
    pub(super) const fn logarithmic(mut self) -> Self {
        self.logarithmic = true;
        self
    }

    /// Draws points instead of lines.
    pub(super) const fn points(mut self) -> Self {
        self.points = true;
        self
    }

    /// Shows single calls that have a trace.
    pub(super) const fn exemplars(mut self) -> Self {
        self.exemplars = true;
        self
    }

    pub(super) const fn scale(mut self, least: Option<f64>, most: Option<f64>) -> Self {
        (self.least, self.most) = (least, most);
        self
    }

    /// What stands there when there is nothing.
    pub(super) const fn empty(mut self, text: &'static str) -> Self {
        self.empty = text;
        self
    }

    /// Which column of a table is first, and whether its greatest value is.
    pub(super) const fn sort_by(mut self, column: &'static str, descending: bool) -> Self {
        self.sort_by = Some((column, descending));
        self
    }

    /// Where a reader goes from here.
    pub(super) fn link(mut self, title: impl Into<String>, url: impl Into<String>) -> Self {
        self.links.push((title.into(), url.into()));
        self
    }

    /// One more sentence of the description.
    pub(super) fn tell(mut self, sentence: &str) -> Self {
        self.description.push(' ');
        self.description.push_str(sentence);
        self
    }

    pub(super) const fn dimensions(&self) -> (u64, u64) {
        (self.width, self.height)
    }

    /// The panel as Grafana reads it.
    pub(super) fn to_json(&self, id: u64, (x, y): (u64, u64)) -> Value {
        let mut panel = json!({
            "id": id,
            "type": self.type_name(),
            "title": self.title,
            "description": self.description,
            "datasource": super::frame::data_source(),
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": self.targets(),
            "fieldConfig": {"defaults": self.defaults(), "overrides": self.overrides()},
            "options": self.options(),
        });
        if self.kind == Kind::Table {
            panel["transformations"] = self.transformations();
        }
        if !self.links.is_empty() {
            panel["links"] =
                self.links.iter().map(|(title, url)| super::frame::panel_link(title, url)).collect();
        }
        panel
    }

    const fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::TimeSeries => "timeseries",
            Kind::Stat => "stat",
            Kind::Gauge => "gauge",
            Kind::Table => "table",
            Kind::HeatMap => "heatmap",
        }
    }

    fn targets(&self) -> Value {
        let instant = matches!(self.kind, Kind::Stat | Kind::Gauge | Kind::Table);
        let format = match self.kind {
            Kind::Table => "table",
            Kind::HeatMap => "heatmap",
            _ => "time_series",
        };
        let target = |(place, query): (usize, &Query)| {
            let mut target = json!({
                "refId": reference(place),
                "datasource": super::frame::data_source(),
                "editorMode": "code",
                "expr": query.expr,
                "format": format,
                "instant": instant,
                "range": !instant,
            });
            if self.kind != Kind::Table {
                target["legendFormat"] =
                    json!(if self.kind == Kind::HeatMap { "{{le}}" } else { &query.name });
            }
            if self.exemplars && place == 0 {
                target["exemplar"] = json!(true);
            }
            target
        };
        self.queries.iter().enumerate().map(target).collect()
    }

    fn defaults(&self) -> Value {
        let mut defaults = json!({
            "unit": self.unit.as_str(),
            "noValue": self.empty,
            "color": {"mode": if self.kind == Kind::TimeSeries { "palette-classic" } else { "thresholds" }},
            "thresholds": thresholds(&self.steps),
            "mappings": [],
            "custom": self.custom(),
        });
        for (name, bound) in [("min", self.least), ("max", self.most)] {
            if let Some(bound) = bound {
                defaults[name] = json!(bound);
            }
        }
        defaults
    }

    fn custom(&self) -> Value {
        let mut custom = match self.kind {
            Kind::TimeSeries => json!({
                "drawStyle": if self.points { "points" } else { "line" },
                "lineWidth": 1,
                "fillOpacity": if self.stacked { 40 } else { 5 },
                "pointSize": 5,
                "showPoints": if self.points { "always" } else { "auto" },
                "spanNulls": false,
                "stacking": {"mode": if self.stacked { "normal" } else { "none" }, "group": "A"},
                "thresholdsStyle": {"mode": if self.limits { "dashed" } else { "off" }},
            }),
            Kind::Table => json!({"align": "auto", "cellOptions": {"type": "auto"}, "inspect": false}),
            Kind::HeatMap => json!({"hideFrom": {"legend": false, "tooltip": false, "viz": false}}),
            Kind::Stat | Kind::Gauge => json!({}),
        };
        if self.logarithmic {
            custom["scaleDistribution"] = json!({"type": "log", "log": 10});
        }
        custom
    }

    /// Targets are dashed lines; columns have their own units and colours.
    fn overrides(&self) -> Value {
        let column = |query: &Query| {
            let (unit, steps) = query.column.as_ref()?;
            let mut properties = vec![json!({"id": "unit", "value": unit.as_str()})];
            if *steps != plain() {
                properties.push(json!({"id": "thresholds", "value": thresholds(steps)}));
                properties.push(json!({"id": "custom.cellOptions", "value": {"type": "color-text"}}));
            }
            Some(json!({"matcher": {"id": "byName", "options": query.name}, "properties": properties}))
        };
        let mut overrides: Vec<_> = self.queries.iter().filter_map(column).collect();
        if self.kind == Kind::TimeSeries && self.queries.iter().any(|query| query.name.starts_with("target"))
        {
            let dashed = json!({"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [10, 10]}});
            let matcher = json!({"id": "byRegexp", "options": "/^target/"});
            overrides.push(json!({"matcher": matcher, "properties": [dashed]}));
        }
        Value::Array(overrides)
    }

    fn options(&self) -> Value {
        let reduce = json!({"calcs": ["lastNotNull"], "fields": "", "values": false});
        match self.kind {
            Kind::TimeSeries => json!({
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }),
            Kind::Stat => json!({
                "reduceOptions": reduce,
                "colorMode": "value",
                "graphMode": "none",
                "justifyMode": "auto",
                "orientation": "auto",
                "textMode": "auto",
                "wideLayout": true,
                "showPercentChange": false,
                "percentChangeColorMode": "standard",
            }),
            Kind::Gauge => json!({
                "reduceOptions": reduce,
                "orientation": "auto",
                "showThresholdLabels": false,
                "showThresholdMarkers": true,
                "sizing": "auto",
                "minVizHeight": 75,
                "minVizWidth": 75,
            }),
            Kind::Table => json!({"showHeader": true, "cellHeight": "sm", "sortBy": self.sorting()}),
            Kind::HeatMap => heat_map_options(self.unit),
        }
    }

    fn sorting(&self) -> Value {
        self.sort_by
            .iter()
            .map(|(column, descending)| json!({"displayName": column, "desc": descending}))
            .collect()
    }

    /// Joins the queries into one table, and calls its columns by their names.
    fn transformations(&self) -> Value {
        let single = self.queries.len() == 1;
        let column = |(place, query): (usize, &Query)| {
            let column = if single { "Value".to_owned() } else { format!("Value #{}", reference(place)) };
            (column, json!(query.name))
        };
        let labels = LABELS.map(|(name, title)| (name.to_owned(), json!(title)));
        let names: serde_json::Map<_, _> =
            self.queries.iter().enumerate().map(column).chain(labels).collect();
        let organize = json!({
            "excludeByName": {"Time": true, "__name__": true, "burn_factor": true},
            "indexByName": {},
            "renameByName": names,
        });
        json!([{"id": "merge", "options": {}}, {"id": "organize", "options": organize}])
    }
}

/// What labels are called at the head of a table.
const LABELS: [(&str, &str); 11] = [
    ("namespace", "Namespace"),
    ("alertname", "Alert"),
    ("alertstate", "State"),
    ("severity", "Severity"),
    ("category", "Category"),
    (label::SERVER, "Server"),
    (label::SLO, "Objective"),
    (label::TOOL, "Tool"),
    (label::CLIENT_ID, "Caller"),
    (label::FAULT, "Fault"),
    (label::RESOURCE_TYPE, "For"),
];

fn heat_map_options(unit: Unit) -> Value {
    json!({
        "calculate": false,
        "cellGap": 1,
        "color": {
            "mode": "scheme", "scheme": "Oranges", "fill": "dark-orange", "scale": "exponential", "exponent": 0.5,
            "steps": 64, "reverse": false,
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": true},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "showColorScale": false, "yHistogram": false},
        "yAxis": {"axisPlacement": "left", "reverse": false, "unit": unit.as_str()},
    })
}

/// `A`, `B`, … as Grafana calls queries; a panel has few.
fn reference(place: usize) -> char {
    char::from(b'A'.saturating_add(u8::try_from(place).unwrap_or(u8::MAX)))
}

fn thresholds((first, steps): &Steps) -> Value {
    let mut values = vec![json!({"color": first, "value": null})];
    values.extend(steps.iter().map(|(from, color)| json!({"color": color, "value": from})));
    json!({"mode": "absolute", "steps": values})
}
