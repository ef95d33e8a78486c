//! Subjects measured in turn, round after round, so that drift of the machine hits all alike.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::Result;
use crate::report::note;
use crate::spread::Spread;

/// The times of one subject, round by round; no round is empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Series(Vec<Vec<Duration>>);

/// How many times as long one subject takes as another of the same rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct RoundRatio {
    /// Of the medians of all times.
    pub(crate) medians: f64,
    /// Of the ratios of the rounds, each of medians.
    pub(crate) lower_quartile: f64,
    /// As `lower_quartile`.
    pub(crate) upper_quartile: f64,
}

/// Visits `subjects` in turn, `n_rounds` times and once before, which is not timed. `visit` gives the
/// times of its repetitions, one or more.
///
/// # Errors
/// Of the first visit that fails.
pub(crate) fn measure<S>(
    subjects: &[S],
    n_rounds: usize,
    mut visit: impl FnMut(&S) -> Result<Vec<Duration>>,
) -> Result<Vec<Series>> {
    let mut series = vec![Series::default(); subjects.len()];
    for round in 0..=n_rounds {
        note(&format!("round {round} of {n_rounds}{}", if round == 0 { " (not timed)" } else { "" }));
        for (subject, series) in subjects.iter().zip(&mut series) {
            let times = visit(subject)?;
            if times.is_empty() {
                return Err("a visit without a timed repetition".into());
            }
            if round > 0 {
                series.0.push(times);
            }
        }
    }
    Ok(series)
}

impl Series {
    /// Of all times.
    ///
    /// # Errors
    /// If there was no round.
    pub(crate) fn spread(&self) -> Result<Spread> {
        Spread::of(&self.0.concat()).ok_or_else(|| "no round was timed; --rounds is at least 1".into())
    }

    /// How many times as long as `base` this takes.
    ///
    /// # Errors
    /// If there was no round.
    pub(crate) fn over(&self, base: &Series) -> Result<RoundRatio> {
        let median = |times: &Vec<Duration>| Some(Spread::of(times)?.median);
        let by_round = self.0.iter().zip(&base.0).filter_map(|(a, b)| Some(median(a)? / median(b)?));
        let quartiles = Spread::of_values(by_round.collect()).ok_or("no round was timed")?;
        Ok(RoundRatio {
            medians: self.spread()?.median / base.spread()?.median,
            lower_quartile: quartiles.lower_quartile,
            upper_quartile: quartiles.upper_quartile,
        })
    }
}

impl fmt::Display for RoundRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RoundRatio { medians, lower_quartile, upper_quartile } = self;
        write!(f, "{medians:.2} ({lower_quartile:.2}-{upper_quartile:.2})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_round_does_not_count() {
        let mut calls = 0;
        let series = measure(&[1, 3], 4, |&seconds| {
            calls += 1;
            // Twice as slow in every round as in the one before.
            let drift = 1 << ((calls - 1) / 2);
            Ok(vec![Duration::from_secs(seconds * drift)])
        })
        .unwrap();
        assert_eq!(calls, 10);
        assert_eq!(series[0].spread().unwrap().n, 4);
        assert_eq!(series[0].spread().unwrap().min, 2.0);
        let ratio = series[1].over(&series[0]).unwrap();
        assert_eq!((ratio.medians, ratio.lower_quartile, ratio.upper_quartile), (3.0, 3.0, 3.0));
        assert_eq!(ratio.to_string(), "3.00 (3.00-3.00)");
    }

    #[test]
    fn no_rounds_is_an_error() {
        let series = measure(&[()], 0, |()| Ok(vec![Duration::ZERO])).unwrap();
        assert!(series[0].spread().is_err() && series[0].over(&series[0]).is_err());
    }
}
