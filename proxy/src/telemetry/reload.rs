//! How often the configuration file was read while running.

use super::Telemetry;
use super::names::{Metric, label};

const RESULTS: [&str; 2] = ["failure", "success"];

impl Telemetry {
    /// Says that the configuration file is watched: from now on its readings are counted, from zero.
    pub fn watch_config(&self) {
        for result in RESULTS {
            self.registry().counter(Metric::ConfigReloads, &[(label::RESULT, result)]).increment(0);
        }
    }

    /// Counts one reading of the changed configuration file.
    pub fn config_read(&self, taken: bool) {
        let result = RESULTS[usize::from(taken)];
        self.registry().counter(Metric::ConfigReloads, &[(label::RESULT, result)]).increment(1);
    }
}
