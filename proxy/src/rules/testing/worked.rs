//! The worked examples W1 to W10 of slo-and-alerts.md §11: one event per second, scraped every 30 s, rules every minute,
//! 99.9 %, and all good for two hours, unless said.

use std::time::Duration;

use super::{Case, Check, Server, firing};
use crate::rules::alerts;
use crate::rules::duration::text;
use crate::rules::series;
use crate::rules::shape::{Shape, quoted};
use crate::slo::{Objective, Sli, tier};

/// The period that the examples are for.
const PERIOD: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Two hours of good events, as values: 240 scrapes.
const GOOD: &str = "0+30x240";
const NONE: &str = "0x240";

pub(super) fn cases(shape: &Shape<'_>) -> Vec<Case> {
    let (plan, settings) = (shape.plan, shape.settings);
    let usual = plan.period == PERIOD
        && plan.tiers == tier::defaults(PERIOD)
        && !plan.trial
        && settings.interval == Duration::from_secs(60)
        && settings.scrape_interval == Duration::from_secs(30);
    let objective = plan.objectives.iter().find(|objective| objective.target.to_string() == "99.9");
    let (true, Some(objective)) = (usual, objective) else { return Vec::new() };
    let Some(server) = Server::all(shape, objective).into_iter().next() else { return Vec::new() };
    let example = Example { shape, objective, server };
    let mut cases = vec![
        example.full_outage(),
        example.five_percent(),
        example.short_burst(),
        example.recovery(),
        example.traffic_stops(),
        example.restart(),
        example.pods(),
        example.rare_pod(),
        example.low_traffic(),
        example.weighted(),
    ];
    cases.extend(example.availability_and_latency());
    cases
}

struct Example<'a> {
    shape: &'a Shape<'a>,
    objective: &'a Objective,
    server: Server,
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

impl Example<'_> {
    fn case(&self, name: &str, about: &'static str, good: &str, bad: &str, checks: Vec<Check>) -> Case {
        let mut series = vec![(self.server.events(self.objective, "good", ""), good.to_owned())];
        if !bad.is_empty() {
            series.push((self.server.events(self.objective, "bad", ""), bad.to_owned()));
        }
        Case { name: name.to_owned(), about, series, checks }
    }

    /// A recorded ratio times a power of ten, rounded to a whole number: only those are free of noise.
    fn ratio(&self, at: u64, window: u64, times: &str, value: &str) -> Check {
        self.ratio_of(self.objective, at, window, times, value)
    }

    fn ratio_of(&self, objective: &Objective, at: u64, window: u64, times: &str, value: &str) -> Check {
        let name = series::error_ratio(minutes(window));
        let query = format!("round({times} * {name}{{slo={}}})", quoted(&objective.name));
        Check::value(minutes(at), query, &format!("{{{}}}", self.server.labels(&objective.name)), value)
    }

    /// Which tiers fire, by their place.
    fn tiers(&self, at: u64, places: &[usize]) -> Check {
        self.tiers_among(at, "severity=~\"page|ticket\"", places)
    }

    fn tiers_among(&self, at: u64, matchers: &str, places: &[usize]) -> Check {
        let expected = places.iter().filter_map(|place| self.shape.plan.tiers.get(*place)).map(|tier| {
            let labels = format!(
                "{{alertname={},slo={},severity={},long_window={}}}",
                quoted(alerts::burn_name(self.objective, tier.severity)),
                quoted(&self.objective.name),
                quoted(tier.severity.as_str()),
                quoted(&text(tier.long))
            );
            (labels, "1".to_owned())
        });
        let expr = firing(&format!("category=\"burn_rate\",{matchers}"));
        Check { at: minutes(at), expr, expected: expected.collect() }
    }

    fn full_outage(&self) -> Case {
        self.case(
            "W1: everything fails",
            "There are only two hours of history, so the long windows are short and the quiet tiers fire soon.",
            "0+30x240 7200x20",
            "0x240 30+30x20",
            vec![
                self.tiers(120, &[]),
                self.ratio(121, 60, "1e9", "16666667"),
                self.tiers(121, &[0, 1, 3]),
                self.tiers(122, &[0, 1, 2, 3]),
            ],
        )
    }

    fn five_percent(&self) -> Case {
        let pages = "severity=\"page\"";
        self.case(
            "W2: 5 % fail",
            "The fast tier needs 17 min 17 s to be sure, and an evaluation.",
            "0+30x240 7228.5+28.5x60",
            "0x240 1.5+1.5x60",
            vec![
                self.ratio(138, 60, "1e9", "15000000"),
                self.tiers_among(137, pages, &[1]),
                self.tiers_among(138, pages, &[0, 1]),
            ],
        )
    }

    fn short_burst(&self) -> Case {
        self.case(
            "W3: 2 % fail for four minutes",
            "0.185 % of the budget: nobody needs to know.",
            "0+30x240 7229.4+29.4x7 7465.2+30x40",
            "0x240 0.6+0.6x7 4.8x40",
            [123, 124, 126].into_iter().map(|at| self.tiers(at, &[])).collect(),
        )
    }

    fn recovery(&self) -> Case {
        let fast = "severity=\"page\",long_window=\"1h\"";
        self.case(
            "W4: an outage of ten minutes",
            "The short window ends the alert five minutes after the outage; keep_firing_for holds it five more.",
            "0+30x240 7200x20 7230+30x40",
            "0x240 30+30x19 600x41",
            vec![
                Check::value(
                    minutes(134),
                    format!("count({}{{slo={}}} > 0.1)", series::error_ratio(minutes(5)), quoted(&self.objective.name)),
                    "{}",
                    "1",
                ),
                self.ratio(135, 5, "1e9", "0"),
                self.tiers_among(134, fast, &[0]),
                self.tiers_among(139, fast, &[0]),
                self.tiers_among(140, "severity=\"page\"", &[1]),
            ],
        )
    }

    fn traffic_stops(&self) -> Case {
        let slo = quoted(&self.objective.name);
        let events = format!("{}{{slo={slo}}}", series::events(minutes(5)));
        let labels =
            format!("{}{{{}}}", series::events(minutes(5)), self.server.labels(&self.objective.name));
        self.case(
            "W5: no bad series at all, and traffic that stops",
            "Without a bad event the ratio is 0 while there is traffic, and absent without.",
            "0+30x240 7200x40",
            "",
            vec![
                self.ratio(60, 5, "1e9", "0"),
                Check::nothing(minutes(130), format!("{}{{slo={slo}}}", series::error_ratio(minutes(5)))),
                Check::value(minutes(130), events, &labels, "0"),
                self.tiers(130, &[]),
            ],
        )
    }

    fn restart(&self) -> Case {
        let query =
            format!("round(10 * {}{{slo={}}})", series::events(minutes(5)), quoted(&self.objective.name));
        let labels = format!("{{{}}}", self.server.labels(&self.objective.name));
        self.case(
            "W6: 10 % fail, and the only pod restarts",
            "The interval of the restart is lost for good and bad events alike.",
            "0+27x119 0+27x40",
            "0+3x119 0+3x40",
            vec![self.ratio(62, 5, "1e9", "100000000"), Check::value(minutes(62), query, &labels, "9")],
        )
    }

    fn of_pods(&self, name: &str, about: &'static str, pods: &[(&str, &str, &str)], check: Check) -> Case {
        let series = pods.iter().map(|(pod, verdict, values)| {
            (self.server.events(self.objective, verdict, pod), (*values).to_owned())
        });
        Case { name: name.to_owned(), about, series: series.collect(), checks: vec![check] }
    }

    fn pods(&self) -> Case {
        self.of_pods(
            "W7: four pods, one of them fails always",
            "All pods have the same traffic.",
            &[
                ("a", "good", GOOD),
                ("a", "bad", NONE),
                ("b", "good", GOOD),
                ("b", "bad", NONE),
                ("c", "good", GOOD),
                ("c", "bad", NONE),
                ("d", "good", NONE),
                ("d", "bad", GOOD),
            ],
            self.ratio(60, 5, "1e9", "250000000"),
        )
    }

    fn rare_pod(&self) -> Case {
        self.of_pods(
            "W7: a pod with 1 % of the traffic fails always",
            "The mean of the pods would say that half of everything fails.",
            &[
                ("a", "good", "0+29.7x240"),
                ("a", "bad", NONE),
                ("b", "good", NONE),
                ("b", "bad", "0+0.3x240"),
            ],
            self.ratio(60, 5, "1e9", "10000000"),
        )
    }

    /// Good events at minutes 3, 9, … 117 and a bad one at 123.
    fn low_traffic(&self) -> Case {
        let mut good = "0x5".to_owned();
        for count in 1..=20 {
            good.push_str(&format!(" {count}x11"));
        }
        self.case(
            "W8: ten events an hour, and one fails",
            "All tiers are above their limits; the guard for low traffic lets only tickets through.",
            &good,
            "0x245 1x10",
            vec![
                self.ratio(123, 60, "1e2", "10"),
                self.ratio(123, 5, "1e9", "1000000000"),
                self.tiers(123, &[2, 3]),
            ],
        )
    }

    /// Twelve hours are 1440 scrapes.
    fn weighted(&self) -> Case {
        self.case(
            "W9: much good traffic, then little traffic of which 10 % fail",
            "A day's ratio is weighted by traffic: the mean of the ratios would be 0.05.",
            "0+3000x1440 4320002.7+2.7x1440",
            "0x1440 0.3+0.3x1440",
            vec![self.ratio(24 * 60, 24 * 60, "1e6", "100")],
        )
    }

    /// 85 good, 10 failed, 5 good but slow, in every scrape interval.
    fn availability_and_latency(&self) -> Option<Case> {
        let of = |sli: fn(&Sli) -> bool| {
            let objectives = self.shape.plan.objectives.iter();
            objectives
                .into_iter()
                .find(|objective| sli(&objective.sli) && objective.is_for(&self.server.name))
        };
        let availability = of(|sli| *sli == Sli::Availability)?;
        let latency = of(|sli| matches!(sli, Sli::Latency { .. }))?;
        let values = [
            (availability, "good", "0+90x40"),
            (availability, "bad", "0+10x40"),
            (latency, "good", "0+85x40"),
            (latency, "bad", "0+15x40"),
        ];
        let series = values.into_iter().map(|(objective, verdict, values)| {
            (self.server.events(objective, verdict, ""), values.to_owned())
        });
        Some(Case {
            name: "W10: 85 good, 10 failed, 5 slow".to_owned(),
            about: "A slow success is bad for latency only, a failure for both.",
            series: series.collect(),
            checks: vec![
                self.ratio_of(availability, 20, 5, "1e9", "100000000"),
                self.ratio_of(latency, 20, 5, "1e9", "150000000"),
            ],
        })
    }
}
