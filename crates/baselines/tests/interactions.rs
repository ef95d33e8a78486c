//! Interactions to test with.

use burn_recsys_data::Csr;
use burn_recsys_data::random::{Random, Stream};
use proptest::prelude::*;

/// About `n_of_user` items for each of `n_users`, lower items more often.
pub(crate) fn pseudo_random(n_users: usize, n_items: u32, n_of_user: usize) -> Csr {
    let random = Random::new(5, Stream::Synthetic, 0);
    let rows = (0..n_users as u64).map(|user| {
        let mut draws = random.row(user);
        (0..n_of_user).map(|_| (draws.uniform().powi(2) * f64::from(n_items)) as u32).collect::<Vec<_>>()
    });
    Csr::from_rows(rows).sorted_unique()
}

/// Users with some, no or all items, and the number of items; at least one interaction.
pub(crate) fn histories() -> impl Strategy<Value = (Csr, usize)> {
    (1usize..12).prop_flat_map(|n_items| {
        let user = prop::collection::btree_set(0..n_items as u32, 0..=n_items);
        prop::collection::vec(user, 1..15)
            .prop_filter("an interaction", |users| users.iter().any(|user| !user.is_empty()))
            .prop_map(move |users| {
                let rows = users.into_iter().map(|user| user.into_iter().collect::<Vec<_>>());
                (Csr::from_rows(rows), n_items)
            })
    })
}

/// What `work` gives in a pool of `n_threads`.
pub(crate) fn with_threads<T: Send>(n_threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap().install(work)
}
