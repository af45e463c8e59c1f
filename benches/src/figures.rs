//! Durations to figures: what is printed of a series.

use std::time::Duration;

/// Prints the least, the median, the 99th percentile and the greatest of a series, in milliseconds.
#[expect(clippy::print_stdout, reason = "the figures are what the program is for")]
pub(crate) fn print(what: &str, mut series: Vec<Duration>) {
    series.sort_unstable();
    let at = |fraction: f64| {
        let index = ((series.len() as f64 * fraction) as usize).min(series.len().saturating_sub(1));
        series.get(index).copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    println!(
        "{what:<44} n {:>5}  min {:>8.3}  p50 {:>8.3}  p99 {:>8.3}  max {:>8.3} ms",
        series.len(),
        at(0.0),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// Prints one duration, in milliseconds.
#[expect(clippy::print_stdout, reason = "the figures are what the program is for")]
pub(crate) fn print_one(what: &str, duration: Duration) {
    println!("{what:<44} {:>8.1} ms", duration.as_secs_f64() * 1e3);
}
