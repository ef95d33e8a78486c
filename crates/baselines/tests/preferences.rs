//! Generated data with known preferences.

use burn_recsys_baselines::ItemScorer;
use burn_recsys_data::Csr;
use burn_recsys_data::random::{Draws, Random, Stream};

/// Users that like a third of the items, by the inner product of vectors of three values.
pub(crate) struct Planted {
    pub(crate) positives: Csr,
    /// One liked item of every user, which is not in `positives`.
    pub(crate) held_out: Vec<u32>,
    /// The items that each user does not like.
    pub(crate) disliked: Vec<Vec<u32>>,
    pub(crate) n_items: usize,
}

pub(crate) fn planted(n_users: u32, n_items: u32, seed: u64) -> Planted {
    let users = Random::new(seed, Stream::Synthetic, 0);
    let items = Random::new(seed, Stream::Synthetic, 1);
    let vector = |mut draws: Draws| [(); 3].map(|()| draws.uniform() - 0.5);
    let items: Vec<[f64; 3]> = (0..n_items).map(|item| vector(items.row(item.into()))).collect();
    let (mut rows, mut held_out, mut disliked) = (Vec::new(), Vec::new(), Vec::new());
    for user in 0..n_users {
        let mut draws = users.row(user.into());
        let vector = vector(draws.clone());
        let affinity =
            |item: u32| -> f64 { vector.iter().zip(items[item as usize]).map(|(a, b)| a * b).sum() };
        let mut order: Vec<u32> = (0..n_items).collect();
        order.sort_by(|&a, &b| affinity(b).total_cmp(&affinity(a)));
        let mut liked = order[..n_items as usize / 3].to_vec();
        held_out.push(liked.swap_remove(draws.below(liked.len() as u32) as usize));
        liked.sort_unstable();
        rows.push(liked);
        disliked.push(order.split_off(n_items as usize / 3));
    }
    Planted { positives: Csr::from_rows(rows), held_out, disliked, n_items: n_items as usize }
}

/// All scores of `0..n_users`.
pub(crate) fn scores(model: &impl ItemScorer, n_users: u32) -> Vec<f32> {
    let users: Vec<u32> = (0..n_users).collect();
    let mut scores = vec![f32::NAN; users.len() * model.n_items()];
    model.score(&users, &mut scores);
    scores
}

/// How often the held-out item has a higher score than an item that is not liked.
pub(crate) fn area_under_curve(model: &impl ItemScorer, planted: &Planted) -> f64 {
    let scores = scores(model, planted.held_out.len() as u32);
    let mut below = 0;
    let mut n_pairs = 0;
    for (user, row) in scores.chunks_exact(planted.n_items).enumerate() {
        let score = row[planted.held_out[user] as usize];
        below += planted.disliked[user].iter().filter(|&&item| row[item as usize] < score).count();
        n_pairs += planted.disliked[user].len();
    }
    below as f64 / n_pairs as f64
}
