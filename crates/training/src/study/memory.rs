//! The same memory spent in different ways.

use burn_recsys_embeddings::MixtureConfig;
use burn_recsys_models::{Cohort, DeepHashConfig, IdLookup, Mixture, Projected};

use super::candidate::{Candidate, StudySizes};
use super::standard::{quotient_remainder, shared_rows};

/// The width of the hidden layer of the gate of a mixture.
const D_GATE: usize = 8;

/// Every way to save memory at every budget where it fits.
///
/// A budget is a part of the parameters of the full table, `n_users * d_user`. The table itself gets
/// narrower rows and a linear map back to `d_user`; at 1 it is the full table. Quotient and remainder
/// need about `2 sqrt(n_users)` rows at least, and what does not fit is left out.
pub fn memory_candidates(budgets: &[f64], sizes: &StudySizes) -> Vec<Candidate> {
    let full = (sizes.n_users * sizes.d_user) as f64;
    let ways: [fn(usize, &StudySizes) -> Option<Candidate>; 6] =
        [table, hashed, quotients, deep_hash, cohort, mixture];
    let at = |budget: f64| {
        let n_parameters = (full * budget) as usize;
        ways.iter().filter_map(move |way| {
            let candidate = way(n_parameters, sizes)?;
            let way = candidate.name().to_string();
            Some(candidate.renamed(format!("{way} x{budget}")).with_budget(way, budget))
        })
    };
    budgets.iter().flat_map(|&budget| at(budget)).collect()
}

fn table(n_parameters: usize, sizes: &StudySizes) -> Option<Candidate> {
    let (n_users, d_user) = (sizes.n_users, sizes.d_user);
    let d = n_parameters / n_users;
    if d >= d_user {
        let id = |sizes: &StudySizes, seed, device: &_| {
            IdLookup::new(sizes.table(sizes.n_users, sizes.d_user, seed).init(device))
        };
        return (d == d_user).then(|| Candidate::new("table", id));
    }
    let d = n_parameters.checked_sub(d_user)? / (n_users + d_user);
    (d > 0).then(|| {
        Candidate::new("table", move |sizes, seed, device| {
            let rows = IdLookup::new(sizes.table(sizes.n_users, d, seed).init(device));
            Projected::new(rows, sizes.d_user, seed.wrapping_add(1 << 62), device)
        })
    })
}

fn hashed(n_parameters: usize, sizes: &StudySizes) -> Option<Candidate> {
    let n_rows = n_parameters / sizes.d_user;
    (n_rows > 0).then(|| {
        Candidate::new("hashed", move |sizes, seed, device| {
            IdLookup::new(shared_rows(n_rows, sizes, seed).init(device))
        })
    })
}

fn quotients(n_parameters: usize, sizes: &StudySizes) -> Option<Candidate> {
    let (n_rows, n_users) = (n_parameters / sizes.d_user, sizes.n_users);
    // The most remainders that leave room for the quotients.
    let n_remainders = (1..n_rows.min(n_users)).rev().find(|&n| n + n_users.div_ceil(n) <= n_rows)?;
    Some(Candidate::new("quotient-remainder", move |sizes, seed, device| {
        IdLookup::new(quotient_remainder(sizes, n_remainders, seed, device))
    }))
}

fn deep_hash(n_parameters: usize, sizes: &StudySizes) -> Option<Candidate> {
    let d = sizes.d_user;
    // As deep as leaves half of the parameters to the first layer, which reads the hashes.
    let behind = |n_layers: usize| (n_layers - 1) * (d * d + d) + d;
    let n_layers = (1..=4).rev().find(|&n_layers| 2 * behind(n_layers) <= n_parameters)?;
    let n_hashes = (n_parameters - behind(n_layers)) / d / 2 * 2;
    (n_hashes > 0).then(|| {
        Candidate::new("dhe", move |sizes, seed, device| {
            DeepHashConfig::new(sizes.d_user)
                .with_n_hashes(n_hashes)
                .with_n_layers(n_layers)
                .with_seed(seed)
                .init(device)
        })
    })
}

fn cohort(n_parameters: usize, sizes: &StudySizes) -> Option<Candidate> {
    let (n_cohorts, decoder) = cohorts_of(n_parameters, sizes)?;
    Some(Candidate::new("cohort", move |sizes, seed, device| {
        let cohorts = Cohort::original(sizes.n_user_features, n_cohorts, sizes.d_user);
        Cohort::new(cohorts.with_decoder_hidden(vec![sizes.d_user; decoder]).with_seed(seed).init(device))
    }))
}

/// The number of cohorts that a number of parameters allows, and the hidden layers behind them: three, or
/// none where they would take more than a third.
fn cohorts_of(n_parameters: usize, sizes: &StudySizes) -> Option<(usize, usize)> {
    let d = sizes.d_user;
    let decoder = 4 * (d * d + d);
    let (room, hidden) =
        if n_parameters >= 3 * decoder { (n_parameters - decoder, 3) } else { (n_parameters, 0) };
    let n_cohorts = room / (sizes.n_user_features + 1 + d);
    (n_cohorts > 1).then_some((n_cohorts, hidden))
}

fn mixture(n_parameters: usize, sizes: &StudySizes) -> Option<Candidate> {
    let gate = D_GATE * (sizes.n_user_features + 1) + 2 * (D_GATE + 1);
    let half = n_parameters.checked_sub(gate)? / 2;
    let (n_cohorts, decoder) = cohorts_of(half, sizes)?;
    let n_rows = half / sizes.d_user;
    (n_rows > 0).then(|| {
        Candidate::new("mixture", move |sizes, seed, device| {
            let cohorts = Cohort::original(sizes.n_user_features, n_cohorts, sizes.d_user)
                .with_decoder_hidden(vec![sizes.d_user; decoder])
                .with_seed(seed.wrapping_add(1 << 61));
            let gate =
                MixtureConfig::new(sizes.n_user_features, 2, D_GATE).with_seed(seed.wrapping_add(1 << 62));
            let rows = IdLookup::new(shared_rows(n_rows, sizes, seed).init(device));
            Mixture::new((rows, Cohort::new(cohorts.init(device))), gate.init(device))
        })
    })
}
