//! How many users items share.

use std::cmp::Ordering;

use burn_recsys_data::Csr;
use burn_recsys_retrieval::Hit;

use crate::positives::users_of_items;

/// The interactions by users and by items.
pub(crate) struct SharedUsers<'a> {
    pub(crate) histories: &'a Csr,
    /// The users of every item, ascending.
    pub(crate) users: Csr,
}

/// Sums over the users of one item: memory that is used again for the next.
pub(crate) struct Sums {
    sums: Vec<f32>,
    touched: Vec<u32>,
}

impl Sums {
    pub(crate) fn new(n_items: usize) -> Self {
        Sums { sums: vec![0.0; n_items], touched: Vec::new() }
    }
}

impl<'a> SharedUsers<'a> {
    pub(crate) fn new(histories: &'a Csr, n_items: usize) -> Self {
        SharedUsers { histories, users: users_of_items(histories, n_items) }
    }

    /// The items that share users with `item`, itself included, in no order; each with the sum of `weight`
    /// (above 0) over those users, in the order of users.
    pub(crate) fn of(
        &self,
        item: u32,
        weight: impl Fn(u32) -> f32,
        Sums { sums, touched }: &mut Sums,
    ) -> impl Iterator<Item = (u32, f32)> {
        for &user in self.users.row(item) {
            let weight = weight(user);
            for &other in self.histories.row(user) {
                let sum = &mut sums[other as usize];
                if *sum == 0.0 {
                    touched.push(other);
                }
                *sum += weight;
            }
        }
        touched.drain(..).map(|other| (other, std::mem::take(&mut sums[other as usize])))
    }
}

/// The best `n` of `hits`, best first, ties by the lower item.
pub(crate) fn best(mut hits: Vec<Hit>, n: usize) -> Vec<Hit> {
    let order = |a: &Hit, b: &Hit| -> Ordering { b.score.total_cmp(&a.score).then(a.item.cmp(&b.item)) };
    if n == 0 {
        return Vec::new();
    }
    if n < hits.len() {
        hits.select_nth_unstable_by(n - 1, order);
        hits.truncate(n);
    }
    hits.sort_unstable_by(order);
    hits
}
