//! What came of each scenario of each cell.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::ensure;

use super::{SDKS, ways};

/// The scenarios, as `scenarios.py` has them.
const SCENARIOS: [&str; 18] = [
    "text",
    "stream",
    "sampled",
    "tools",
    "streamed",
    "steps",
    "image",
    "schema",
    "both",
    "none",
    "required",
    "named",
    "reasoning",
    "switch",
    "error",
    "missing",
    "broken",
    "cancel",
];

/// What the scripts said.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// By SDK, way and scenario.
    results: BTreeMap<(String, String, String), Outcome>,
}

/// What came of a scenario, with what there is to say of it.
#[derive(Debug)]
enum Outcome {
    /// All that was asked for.
    Ok,
    /// The same, but for what a header says, as it should.
    Warned(String),
    /// A clear refusal, as it should be.
    Refused(String),
    /// The SDK has no word for it, or its own provider refused it.
    Unsaid(String),
    /// It is known not to work yet.
    Known(String),
    Failed(String),
}

impl Outcome {
    /// What stands in the table.
    fn word(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warned(_) => "warned",
            Self::Refused(_) => "refused",
            Self::Unsaid(_) => "-",
            Self::Known(_) => "known",
            Self::Failed(_) => "FAILED",
        }
    }
}

impl Table {
    /// Reads what a script said, which has to be of every way and scenario.
    pub(super) fn read(&mut self, sdk: &str, said: &str) -> anyhow::Result<()> {
        for line in said.lines() {
            let mut parts = line.splitn(3, ": ");
            let (Some(word), Some(cell)) = (parts.next(), parts.next()) else { continue };
            let why = parts.next().unwrap_or_default().to_owned();
            let outcome = match word {
                "ok" => Outcome::Ok,
                "warned" => Outcome::Warned(why),
                "refused" => Outcome::Refused(why),
                "unsaid" => Outcome::Unsaid(why),
                "known" => Outcome::Known(why),
                "FAILED" => Outcome::Failed(why),
                _ => continue,
            };
            let (way, scenario) = cell.split_once(' ').unwrap_or((cell, ""));
            self.results.insert((sdk.to_owned(), way.to_owned(), scenario.to_owned()), outcome);
        }
        let count = self.results.keys().filter(|(of, ..)| of == sdk).count();
        ensure!(count == ways().count() * SCENARIOS.len(), "{sdk} told of {count} scenarios: {said}");
        Ok(())
    }

    fn word(&self, sdk: &str, way: &str, scenario: &str) -> &'static str {
        let cell = (sdk.to_owned(), way.to_owned(), scenario.to_owned());
        self.results.get(&cell).map_or("?", Outcome::word)
    }

    /// Every scenario that failed, with why.
    pub(super) fn failures(&self) -> Vec<String> {
        let failed = |((sdk, way, scenario), outcome): (&(String, String, String), &Outcome)| match outcome {
            Outcome::Failed(why) => Some(format!("{sdk} by {way}, {scenario}: {why}")),
            Outcome::Ok | Outcome::Warned(_) | Outcome::Refused(_) | Outcome::Unsaid(_) | Outcome::Known(_) => None,
        };
        self.results.iter().filter_map(failed).collect()
    }

    /// Whether what a stand-in found wrong is what an application was to be refused for.
    pub(super) fn knows(&self, fault: &str) -> bool {
        let plain = |text: &str| text.replace(['"', '\\', '\''], "");
        // Behind whose it is and where: a cell tells the first of several.
        let words = plain(fault.splitn(3, ": ").last().unwrap_or_default());
        let words = words.split(", in ").next().unwrap_or_default();
        let words: String = words.chars().take(40).collect();
        let is_told = |why: &String| !words.is_empty() && plain(why).contains(&words);
        self.results.values().any(|outcome| match outcome {
            Outcome::Known(why) | Outcome::Unsaid(why) => is_told(why),
            Outcome::Ok | Outcome::Warned(_) | Outcome::Refused(_) | Outcome::Failed(_) => false,
        })
    }

    /// What was refused, what was warned of and what is known, with how often.
    fn told(&self) -> BTreeMap<String, usize> {
        let mut told = BTreeMap::new();
        for ((sdk, ..), outcome) in &self.results {
            match outcome {
                Outcome::Warned(why) | Outcome::Refused(why) | Outcome::Unsaid(why) | Outcome::Known(why) => {
                    *told.entry(format!("{sdk} {}: {why}", outcome.word())).or_default() += 1;
                }
                Outcome::Ok | Outcome::Failed(_) => {}
            }
        }
        told
    }

    /// How many cells there are of each outcome.
    fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for outcome in self.results.values() {
            *counts.entry(outcome.word()).or_default() += 1;
        }
        counts
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for sdk in SDKS {
            write!(formatter, "\n{sdk:<20}")?;
            SCENARIOS.iter().try_for_each(|scenario| write!(formatter, "{scenario:<10}"))?;
            for way in ways() {
                write!(formatter, "\n  {:<18}", way.name)?;
                for scenario in SCENARIOS {
                    write!(formatter, "{:<10}", self.word(sdk, way.name, scenario))?;
                }
            }
            writeln!(formatter)?;
        }
        writeln!(formatter)?;
        for (what, count) in self.told() {
            writeln!(formatter, "{count:>4} {what}")?;
        }
        let counts: Vec<_> = self.counts().iter().map(|(word, count)| format!("{count} {word}")).collect();
        writeln!(formatter, "\n{} cells: {}", self.results.len(), counts.join(", "))
    }
}
