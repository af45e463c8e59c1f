//! What came of each scenario of each cell.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::ensure;

use super::SDKS;
use crate::cases::ways::WAYS;

/// The scenarios, as `scenarios.py` has them.
const SCENARIOS: [&str; 7] = ["text", "stream", "tools", "image", "schema", "error", "cancel"];

/// What the scripts said.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// By SDK, way and scenario: why it failed, if it did.
    results: BTreeMap<(String, String, String), Option<String>>,
}

impl Table {
    /// Reads what a script said, which has to be of every way and scenario.
    pub(super) fn read(&mut self, sdk: &str, said: &str) -> anyhow::Result<()> {
        for line in said.lines() {
            let (rest, failed) = match (line.strip_prefix("ok: "), line.strip_prefix("FAILED: ")) {
                (Some(rest), _) => (rest, None),
                (_, Some(rest)) => rest.split_once(": ").map_or((rest, Some("")), |(cell, why)| (cell, Some(why))),
                (None, None) => continue,
            };
            let (way, scenario) = rest.split_once(' ').unwrap_or((rest, ""));
            let cell = (sdk.to_owned(), way.to_owned(), scenario.to_owned());
            self.results.insert(cell, failed.map(str::to_owned));
        }
        let count = self.results.keys().filter(|(of, ..)| of == sdk).count();
        ensure!(count == WAYS.len() * SCENARIOS.len(), "{sdk} told of {count} scenarios: {said}");
        Ok(())
    }

    fn is_good(&self, sdk: &str, way: &str, scenario: &str) -> bool {
        self.results.get(&(sdk.to_owned(), way.to_owned(), scenario.to_owned())).is_some_and(Option::is_none)
    }

    /// Every scenario that failed, with why.
    pub(super) fn failures(&self) -> Vec<String> {
        let failed = |((sdk, way, scenario), why): (&(String, String, String), &Option<String>)| {
            why.as_ref().map(|why| format!("{sdk} by {way}, {scenario}: {why}"))
        };
        self.results.iter().filter_map(failed).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for sdk in SDKS {
            write!(formatter, "\n{sdk:<20}")?;
            SCENARIOS.iter().try_for_each(|scenario| write!(formatter, "{scenario:<8}"))?;
            for way in WAYS {
                write!(formatter, "\n  {:<18}", way.name)?;
                for scenario in SCENARIOS {
                    let word = if self.is_good(sdk, way.name, scenario) { "ok" } else { "FAILED" };
                    write!(formatter, "{word:<8}")?;
                }
            }
            writeln!(formatter)?;
        }
        write!(formatter, "\n{:<20}", "")?;
        WAYS.iter().try_for_each(|way| write!(formatter, "{:<18}", way.name))?;
        for sdk in SDKS {
            write!(formatter, "\n{sdk:<20}")?;
            for way in WAYS {
                let good = SCENARIOS.iter().filter(|scenario| self.is_good(sdk, way.name, scenario)).count();
                write!(formatter, "{:<18}", format!("{good}/{}", SCENARIOS.len()))?;
            }
        }
        writeln!(formatter)
    }
}
