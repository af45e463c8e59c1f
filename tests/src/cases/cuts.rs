//! A stream never lies: cut anywhere, or failing anywhere, it never looks whole to an application, whatever it speaks and whatever its provider
//! speaks.

mod asker;
mod spoiled;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use tokio::task::JoinSet;

use super::short_or_long;
use super::ways::{WAYS, Way};
use crate::cutter::{Cutter, MARK, Script};
use crate::http::{HttpClient, client};
use crate::standin::{Api, Dialect, Specimen};
use crate::world::World;
use asker::{Verdict, ask};
use spoiled::{Fate, Spoiled, all, everywhere};

/// How many streams are under way at once.
const AT_ONCE: usize = 16;

/// Eight upstreams, and a proxy.
struct Bench {
    world: World,
    cutters: Vec<(Way, Cutter)>,
    http: HttpClient,
    next: u32,
}

/// One stream to one application.
struct Trial {
    as_: Dialect,
    way: Way,
    number: u32,
    spoiled: Arc<Spoiled>,
}

/// What came of all trials.
#[derive(Debug, Default)]
struct Tally {
    /// By whether a bad end is due, and by what came.
    verdicts: BTreeMap<(bool, Verdict), u32>,
    good_ends: u32,
    /// By application and way, lest one pair hide the others.
    wrong: BTreeMap<String, Vec<String>>,
}

impl Bench {
    async fn start() -> anyhow::Result<Self> {
        let world = World::start(&[], 1).await?;
        let mut cutters = Vec::new();
        for way in WAYS {
            let cutter = Cutter::start().await?;
            let path = if way.api == Api::OpenAi { "/v1" } else { "" };
            way.connect(&world, &format!("{}{path}", cutter.origin())).await?;
            cutters.push((way, cutter));
        }
        world.admin.rolled_out(0).await?;
        Ok(Self { world, cutters, http: client(), next: 0 })
    }

    /// Every application's dialect with every way out.
    fn trials(&mut self, of: impl Fn(Dialect) -> (Specimen, Vec<Spoiled>)) -> Vec<Trial> {
        let mut trials = Vec::new();
        for (way, cutter) in &self.cutters {
            let (specimen, spoiled) = of(way.dialect);
            for spoiled in spoiled.into_iter().map(Arc::new) {
                self.next += 1;
                let (body, ending) = (spoiled.body.clone(), spoiled.ending);
                let lead = specimen.events[0].len();
                cutter.script(self.next, Script { content_type: specimen.content_type, lead, body, ending });
                let trial = |as_| Trial { as_, way: *way, number: self.next, spoiled: Arc::clone(&spoiled) };
                trials.extend(Dialect::ALL.map(trial));
            }
        }
        trials
    }

    async fn run(&self, trials: Vec<Trial>) -> anyhow::Result<Tally> {
        let (mut running, mut tally) = (JoinSet::new(), Tally::default());
        for trial in trials {
            if running.len() >= AT_ONCE {
                tally.add(running.join_next().await.context("one is running")??);
            }
            let (http, proxy, key) = (self.http.clone(), self.world.proxies[0].url(), self.world.caller_key.clone());
            running.spawn(async move {
                let judged = trial.run(&http, &proxy, &key).await;
                (trial, judged)
            });
        }
        while let Some(ended) = running.join_next().await {
            tally.add(ended?);
        }
        Ok(tally)
    }
}

impl Trial {
    async fn run(&self, http: &HttpClient, proxy: &str, key: &str) -> anyhow::Result<Verdict> {
        let prompt = format!("Go on. {MARK}{}.", self.number);
        let came = ask(http, proxy, key, self.as_, self.way.name, &prompt).await?;
        let verdict = came.verdict(self.as_)?;
        let is_refused = verdict == Verdict::Refused && came.status().is_server_error();
        let is_right = match self.spoiled.fate {
            Fate::Whole => verdict == Verdict::Whole,
            Fate::Finishes => matches!(verdict, Verdict::Whole | Verdict::Finished),
            Fate::FailsLate => is_refused || matches!(verdict, Verdict::Failed | Verdict::FailedLate),
            Fate::IsOver => is_refused || matches!(verdict, Verdict::Whole | Verdict::FailedLate),
            Fate::Fails => is_refused || verdict == Verdict::Failed,
            Fate::IsRefused => is_refused,
        };
        ensure!(is_right, "{verdict:?} {}: {}", came.status(), came.text());
        Ok(verdict)
    }
}

impl Tally {
    fn add(&mut self, (trial, judged): (Trial, anyhow::Result<Verdict>)) {
        match judged {
            Ok(verdict) => *self.verdicts.entry((trial.spoiled.fate.is_bad(), verdict)).or_default() += 1,
            Err(error) => {
                let error = format!("{error:#}");
                self.good_ends += u32::from(trial.spoiled.fate.is_bad() && error.starts_with("Whole"));
                let pair = format!("{:?} by {}", trial.as_, trial.way.name);
                self.wrong.entry(pair).or_default().push(format!("{}: {error:.900}", trial.spoiled.what));
            }
        }
    }

    /// What was found, for who reads the output; and an error where something was wrong.
    fn conclude(&self, what: &str) -> anyhow::Result<()> {
        let count = |is_bad, verdict| self.verdicts.get(&(is_bad, verdict)).copied().unwrap_or_default();
        let (refused, failed) = (count(true, Verdict::Refused), count(true, Verdict::Failed));
        let late = count(true, Verdict::FailedLate);
        println!(
            "{what}: {} spoiled streams over {} pairs: {} good ends ({refused} told by a status, {failed} by an error in the stream, {late} by an \
             error behind the answer, none by a broken connection); {} whole ones: all good, {} of them without what comes behind the answer; \
             {} wrong",
            refused + failed + late,
            Dialect::ALL.len() * WAYS.len(),
            self.good_ends,
            self.verdicts.iter().filter(|((is_bad, _), _)| !is_bad).map(|(_, count)| count).sum::<u32>(),
            count(false, Verdict::Finished),
            self.wrong.values().map(Vec::len).sum::<usize>(),
        );
        let shown = self.wrong.iter().map(|(pair, wrong)| {
            let some: Vec<_> = wrong.iter().take(3).map(String::as_str).collect();
            format!("{pair}, {} wrong:\n  {}", wrong.len(), some.join("\n  "))
        });
        let shown: Vec<_> = shown.collect();
        ensure!(shown.is_empty(), "{}", shown.join("\n"));
        ensure!(count(false, Verdict::Whole) > 0, "no stream was whole, so nothing is proved");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stream_that_was_cut_or_failed_has_a_good_end() -> anyhow::Result<()> {
    let mut bench = Bench::start().await?;
    let trials = bench.trials(|dialect| {
        let specimen = dialect.long();
        let spoiled = all(dialect, &specimen);
        (specimen, spoiled)
    });
    bench.run(trials).await?.conclude("at every event")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stream_has_a_good_end_at_whatever_byte_it_was_cut() -> anyhow::Result<()> {
    let mut bench = Bench::start().await?;
    let step = short_or_long(13, 1);
    let trials = bench.trials(|dialect| {
        let specimen = dialect.short();
        let spoiled = everywhere(dialect, &specimen, step);
        (specimen, spoiled)
    });
    bench.run(trials).await?.conclude("at every byte of some")
}
