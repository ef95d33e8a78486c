//! A `ratings.csv` in the format and with the sizes of MovieLens 25M.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use burn_recsys_data::random::{Random, Stream};

use crate::Result;
use crate::zipf::Zipf;

const N_USERS: u32 = 162_541;
const N_MOVIES: u32 = 59_047;
/// Movie ids are scattered below this, as in MovieLens 25M.
const MAX_MOVIE_ID: u32 = 209_171;
/// Everyone in MovieLens 25M has rated at least this many.
const MIN_OF_A_USER: u32 = 20;
/// Room for every user and every movie.
pub(super) const MIN_ROWS: u32 = N_USERS * MIN_OF_A_USER;

/// Writes `n_rows` rows sorted by user and gives the size of the file in bytes.
///
/// Deterministic. Every user has [`MIN_OF_A_USER`] rows and a heavy-tailed share of the others. Every
/// movie has a row; popularity falls as one over the rank, the most popular in 0.3% of rows as in the
/// original.
pub(super) fn write(path: &Path, n_rows: u32) -> Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let random = Random::new(25, Stream::Synthetic, 0);
    let movie_ids = movie_ids(random);
    let movies = Zipf::new(N_MOVIES).with_shift(50.0);
    let counts = counts(random, n_rows);
    let mut row = 0u64;
    writeln!(out, "userId,movieId,rating,timestamp")?;
    for (user, count) in (1..).zip(counts) {
        for _ in 0..count {
            let mut draws = random.row(1 + row);
            let movie = if row < u64::from(N_MOVIES) { row as u32 } else { movies.draw(&mut draws) };
            let movie = movie_ids[movie as usize];
            let half_stars = draws.below(10) + 1;
            let timestamp = 1_000_000_000 + draws.below(574_327_703);
            writeln!(out, "{user},{movie},{}.{},{timestamp}", half_stars / 2, half_stars % 2 * 5)?;
            row += 1;
        }
    }
    let file = out.into_inner().map_err(|error| error.into_error())?;
    Ok(file.metadata()?.len())
}

/// Ascending movie ids: a random subset of `1..=MAX_MOVIE_ID`.
fn movie_ids(random: Random) -> Vec<u32> {
    let mut ids = random.permutation(MAX_MOVIE_ID);
    ids.truncate(N_MOVIES as usize);
    ids.sort_unstable();
    ids.iter().map(|id| id + 1).collect()
}

/// The number of rows of every user; they add up to `n_rows`.
fn counts(random: Random, n_rows: u32) -> Vec<u32> {
    let mut draws = random.row(0);
    // Pareto with exponent 1.5.
    let weights: Vec<f64> = (0..N_USERS).map(|_| (1.0 - draws.uniform()).powf(-1.0 / 1.5)).collect();
    let total: f64 = weights.iter().sum();
    let others = n_rows - MIN_ROWS;
    let (mut cumulative, mut given) = (0.0, 0);
    weights
        .iter()
        .zip(1..)
        .map(|(weight, n_users)| {
            cumulative += weight;
            let target =
                if n_users == N_USERS { others } else { (cumulative / total * f64::from(others)) as u32 };
            let count = MIN_OF_A_USER + target.min(others) - given;
            given = target.min(others);
            count
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_leave_no_user_out() {
        let counts = counts(Random::new(1, Stream::Synthetic, 0), MIN_ROWS + 1000);
        assert_eq!(counts.iter().sum::<u32>(), MIN_ROWS + 1000);
        assert!(counts.iter().all(|&count| count >= MIN_OF_A_USER));
    }
}
