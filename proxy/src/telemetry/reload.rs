//! What changes while running: the sections of the configuration file that need no restart.

use std::sync::Arc;
use std::time::Instant;

use crate::slo::Plan;

use super::cost::Prices;
use super::names::{Metric, label};
use super::{Telemetry, quality};

const RESULTS: [&str; 2] = ["failure", "success"];

impl Telemetry {
    /// Goes on with other objectives, prices and settings of quality. Objectives of the same name go on with their counts.
    /// Bounds of histograms stay those of the start.
    pub fn reload(&self, plan: Arc<Plan>, prices: Prices, quality: quality::Settings, now: Instant) {
        // Whoever learns tools does so at the desk, and would say what to keep by the settings of before.
        let mut desk = self.desk(now);
        self.0.quality.configure(quality, plan.window);
        self.0.reload_sli(&mut desk.books, plan, prices, now);
    }

    /// Says that the configuration file is watched: from now on its readings are counted, from zero. What was read at
    /// start is in effect.
    pub fn watch_config(&self) {
        for result in RESULTS {
            self.registry().counter(Metric::ConfigReloads, &[(label::RESULT, result)]).increment(0);
        }
        self.registry().gauge(Metric::ConfigTaken, &[]).set(1.0);
    }

    /// Counts one reading of the changed configuration file.
    pub fn config_read(&self, taken: bool) {
        let result = RESULTS[usize::from(taken)];
        self.registry().gauge(Metric::ConfigTaken, &[]).set(f64::from(u8::from(taken)));
        self.registry().counter(Metric::ConfigReloads, &[(label::RESULT, result)]).increment(1);
    }
}
