//! Candidates of several generators, and rankers behind them, on a split by time.

mod sources;

use burn::tensor::Device;
use burn_recsys_ranking::{CandidateSources, Visitor};
use burn_recsys_retrieval::ItemFilter;

use sources::FittedSources;
pub use sources::SourcesConfig;

use super::TimeSplit;
use crate::{Evaluation, Result, evaluate_lists};

/// stand-in
pub fn sources_alone(
    split: &TimeSplit,
    config: &SourcesConfig,
    seed: u64,
    device: &Device,
    k: usize,
) -> Result<Vec<(String, Evaluation)>> {
    let fitted = config.fit(split, seed, device)?;
    let FittedSources { sources, histories, .. } = &fitted;
    let names: Vec<String> = sources.names().map(String::from).collect();
    let test = split.test();
    names
        .into_iter()
        .enumerate()
        .map(|(at, name)| {
            let evaluation = evaluate_lists(test, test.evaluator(&[k])?, |users| {
                users
                    .iter()
                    .map(|&user| {
                        let visitor = Visitor { user: Some(user), history: histories.row(user), visit: 0 };
                        let filter = ItemFilter { exclude: test.seen(user), allow: &[] };
                        let found = sources.candidates(&visitor, &filter)?;
                        let mut list: Vec<(u32, u32)> = (0..found.len())
                            .filter_map(|p| Some((found.found(p)[at]?.rank, found.items()[p])))
                            .collect();
                        list.sort_unstable();
                        Ok(list.into_iter().take(k).map(|(_, item)| item).collect())
                    })
                    .collect()
            })?;
            Ok((name, evaluation))
        })
        .collect()
}
