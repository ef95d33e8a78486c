//! Lists, truth and training rows in shuffled columns.

use std::path::Path;

use burn_recsys_data::random::{Draws, Random, Stream};

use super::Arguments;
use crate::Result;
use crate::columns::write;

/// Users have 1 to this many relevant items, 5 on average.
pub(super) const MAX_RELEVANT: u32 = 9;
/// How many of them are drawn from the user's list: random items alone would hardly ever be hits.
const FROM_LIST: f64 = 0.3;
/// Training rows of a user.
const SEEN: u32 = 10;

/// Writes the columns into `folder`; returns the bytes of lists, scores, truth and training part.
pub(super) fn write_columns(folder: &Path, arguments: &Arguments) -> Result<u64> {
    let &Arguments { users, items, length, training, .. } = arguments;
    let random = |what| Random::new(1, Stream::Synthetic, what);
    let [mut lists, mut truth, mut seen] = [const { (Vec::new(), Vec::new()) }; 3];
    let mut scores = Vec::new();
    for user in 0..users {
        let mut draws = random(0).row(user.into());
        let first = lists.1.len();
        for _ in 0..length {
            add_another(&mut lists, user, first, &mut draws, |draws| draws.below(items));
            scores.push(draws.uniform());
        }
        let list = &lists.1[first..];
        let first = truth.1.len();
        for _ in 0..1 + draws.below(MAX_RELEVANT) {
            add_another(&mut truth, user, first, &mut draws, |draws| {
                if draws.uniform() < FROM_LIST {
                    list[draws.below(length) as usize]
                } else {
                    draws.below(items)
                }
            });
        }
        if training {
            let first = seen.1.len();
            // A part of the catalogue stays unseen.
            (0..SEEN).for_each(|_| {
                add_another(&mut seen, user, first, &mut draws, |draws| draws.below(items - items / 10));
            });
        }
    }
    let mut bytes = 0;
    for (what, name, (users, items)) in [(1, "lists", &lists), (2, "truth", &truth), (3, "training", &seen)] {
        let order = random(what).permutation(users.len() as u32);
        let shuffled = |column: &[u32]| {
            let values: Vec<_> = order.iter().map(|&row| column[row as usize].to_le_bytes()).collect();
            values
        };
        write(&folder.join(format!("{name}.users")), shuffled(users))?;
        write(&folder.join(format!("{name}.items")), shuffled(items))?;
        bytes += 8 * users.len() as u64;
        if name == "lists" {
            let values = order.iter().map(|&row| f64::to_le_bytes(scores[row as usize]));
            write(&folder.join("lists.scores"), values)?;
            bytes += 8 * scores.len() as u64;
        }
    }
    Ok(bytes)
}

/// Adds a row of `user` with an item that is not among those from `first` on.
fn add_another(
    (users, items): &mut (Vec<u32>, Vec<u32>),
    user: u32,
    first: usize,
    draws: &mut Draws,
    mut draw: impl FnMut(&mut Draws) -> u32,
) {
    loop {
        let item = draw(draws);
        if !items[first..].contains(&item) {
            users.push(user);
            return items.push(item);
        }
    }
}
