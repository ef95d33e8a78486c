//! Links held out, and pairs without a link beside them.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::random::{Random, Stream};
use crate::{Error, Result};

/// How links are held out for the test of a link predictor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkSplitConfig {
    /// The share of links that is held out, between 0 and 1. The default is a third.
    pub test_share: f64,
    /// Whether the training part gets as many pairs without a link as it has links. The default is no:
    /// most models draw their own.
    pub train_negatives: bool,
    /// Decides which links are held out and which other pairs are drawn.
    pub seed: u64,
}

impl Default for LinkSplitConfig {
    fn default() -> Self {
        LinkSplitConfig { test_share: 1.0 / 3.0, train_negatives: false, seed: 0 }
    }
}

impl LinkSplitConfig {
    /// The same with another share.
    pub fn with_test_share(mut self, share: f64) -> Self {
        self.test_share = share;
        self
    }

    /// The same with pairs without a link for the training part.
    pub fn with_train_negatives(mut self) -> Self {
        self.train_negatives = true;
        self
    }

    /// The same with another seed.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// Undirected links in two parts, and pairs of nodes that are linked in neither.
///
/// A pair holds the smaller node first. Every list is ascending and free of duplicates, and no pair is in
/// two of them. Pairs without a link are uniform among all such pairs of different nodes; those of the
/// test part do not depend on whether the training part has any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSplit {
    /// The links that a model may see.
    pub train: Vec<(u32, u32)>,
    /// The links held out.
    pub test: Vec<(u32, u32)>,
    /// As many pairs without a link as `train` has links if they were asked for, else none.
    pub train_negatives: Vec<(u32, u32)>,
    /// As many pairs without a link as `test` has links.
    pub test_negatives: Vec<(u32, u32)>,
}

impl LinkSplit {
    /// Splits `links` between nodes below `n_nodes`, which must be ascending and unique with the smaller
    /// node first, as [`EdgeList::undirected`](super::EdgeList::undirected) gives them.
    ///
    /// # Errors
    /// If a link is not as said, the share leaves a part without a link, or the graph is so dense that
    /// there are too few pairs without a link.
    pub fn new(n_nodes: u32, links: &[(u32, u32)], config: &LinkSplitConfig) -> Result<Self> {
        let refused = |parameter, message| Err(Error::Parameter { parameter, message });
        if let Some(place) = links.iter().position(|&(a, b)| a >= b || b >= n_nodes) {
            let (a, b) = links[place];
            let message = format!(
                "link {place} is ({a}, {b}); the first node must be below the second and that below {n_nodes}"
            );
            return refused("links", message);
        }
        if let Some(place) = links.windows(2).position(|pair| pair[0] >= pair[1]) {
            let message =
                format!("link {} is not above the one before; sort them and drop repeats", place + 1);
            return refused("links", message);
        }
        let Ok(n_links) = u32::try_from(links.len()) else {
            return refused("links", format!("{} links; there can be {}", links.len(), u32::MAX));
        };
        let share = config.test_share;
        // A share that is no number gives 0.
        let n_test = (share * f64::from(n_links)).round().clamp(0.0, f64::from(n_links)) as u32;
        if !(share > 0.0 && share < 1.0) || n_test == 0 || n_test == n_links {
            let message = format!("{share} of {n_links} links leaves a part without one; both need a link");
            return refused("test_share", message);
        }

        let mut is_test = vec![false; links.len()];
        for &link in &Random::new(config.seed, Stream::Split, 0).permutation(n_links)[..n_test as usize] {
            is_test[link as usize] = true;
        }
        let part = |wanted: bool| {
            links.iter().zip(&is_test).filter(move |&(_, &is_test)| is_test == wanted).map(|(&link, _)| link)
        };
        let (train, test): (Vec<_>, Vec<_>) = (part(false).collect(), part(true).collect());

        let mut non_links = NonLinks::new(n_nodes, links, config.seed);
        let n_wanted = test.len() + if config.train_negatives { train.len() } else { 0 };
        if (n_wanted as u64) > non_links.n_pairs {
            let message = format!(
                "{n_wanted} pairs without a link are wanted, but {n_nodes} nodes with {n_links} links have {}",
                non_links.n_pairs
            );
            return refused("links", message);
        }
        let test_negatives = non_links.draw(test.len());
        let train_negatives = non_links.draw(n_wanted - test.len());
        Ok(LinkSplit { train, test, train_negatives, test_negatives })
    }

    /// For every node below `n_nodes` whether it has a training link: a model of links alone knows no
    /// other.
    pub fn seen(&self, n_nodes: u32) -> Vec<bool> {
        let mut seen = vec![false; n_nodes as usize];
        for node in self.train.iter().flat_map(|&(a, b)| [a, b]) {
            if let Some(seen) = seen.get_mut(node as usize) {
                *seen = true;
            }
        }
        seen
    }
}

/// Pairs without a link, drawn without replacement.
///
/// All pairs are numbered; a pair without a link is known by its rank among those without. Ranks are drawn
/// by a Fisher-Yates shuffle of which only the places that were touched are kept, so no draw is rejected,
/// however dense the graph is.
struct NonLinks {
    /// The numbers of the linked pairs, ascending.
    linked: Vec<u64>,
    n_pairs: u64,
    random: crate::random::Draws,
    n_drawn: u64,
    moved: FxHashMap<u64, u64>,
}

impl NonLinks {
    /// `links` are valid.
    fn new(n_nodes: u32, links: &[(u32, u32)], seed: u64) -> Self {
        let mut linked: Vec<u64> = links.iter().map(|&pair| number(pair)).collect();
        linked.sort_unstable();
        let n_pairs = u64::from(n_nodes) * u64::from(n_nodes.saturating_sub(1)) / 2 - links.len() as u64;
        let random = Random::new(seed, Stream::NonLinks, 0).row(0);
        NonLinks { linked, n_pairs, random, n_drawn: 0, moved: FxHashMap::default() }
    }

    /// `count` more pairs, ascending. There must be as many.
    fn draw(&mut self, count: usize) -> Vec<(u32, u32)> {
        let mut pairs: Vec<(u32, u32)> = (0..count).map(|_| self.next()).collect();
        pairs.sort_unstable();
        pairs
    }

    fn next(&mut self) -> (u32, u32) {
        let first = self.n_drawn;
        let drawn = first + self.random.below_u64(self.n_pairs - first);
        self.n_drawn += 1;
        // What stands at the first place moves to the place that is drawn, unless they are one.
        let at_first = self.moved.remove(&first).unwrap_or(first);
        let rank =
            if drawn == first { at_first } else { self.moved.insert(drawn, at_first).unwrap_or(drawn) };
        pair(self.pair_of_rank(rank))
    }

    /// The number of the pair that has `rank` pairs without a link before it.
    fn pair_of_rank(&self, rank: u64) -> u64 {
        // Before linked pair n there are `linked[n] - n` pairs without a link.
        let (mut low, mut high) = (0, self.linked.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.linked[middle] - middle as u64 <= rank { low = middle + 1 } else { high = middle }
        }
        rank + low as u64
    }
}

/// The number of a pair in the order (0, 1), (0, 2), (1, 2), (0, 3), ...
fn number((a, b): (u32, u32)) -> u64 {
    u64::from(b) * u64::from(b - 1) / 2 + u64::from(a)
}

/// The pair of a number.
fn pair(number: u64) -> (u32, u32) {
    // The largest b with b (b - 1) / 2 <= number; the square root is at most one off.
    let below = |b: u64| b * (b - 1) / 2;
    let mut b = ((2.0 * number as f64 + 0.25).sqrt() + 0.5) as u64;
    while below(b) > number {
        b -= 1;
    }
    while below(b + 1) <= number {
        b += 1;
    }
    ((number - below(b)) as u32, b as u32)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// A third of all pairs of 12 nodes.
    fn links() -> Vec<(u32, u32)> {
        let pairs = (0..12u32).flat_map(|a| (a + 1..12).map(move |b| (a, b)));
        pairs.filter(|&(a, b)| (7 * a + 3 * b) % 3 == 1).collect()
    }

    #[test]
    fn numbers_of_pairs_lead_back() {
        let mut expected = 0;
        for b in 1..60 {
            for a in 0..b {
                assert_eq!(number((a, b)), expected);
                assert_eq!(pair(expected), (a, b));
                expected += 1;
            }
        }
        for pair_ in [(0, u32::MAX), (u32::MAX - 1, u32::MAX), (3, u32::MAX - 1), (0, 94_906_267)] {
            assert_eq!(pair(number(pair_)), pair_);
        }
    }

    #[test]
    fn every_pair_without_a_link_is_drawn_once_if_all_are_wanted() {
        // A triangle of 0, 1, 2 and node 3: the three pairs of node 3 are free.
        let links = [(0, 1), (0, 2), (1, 2)];
        let config = LinkSplitConfig::default().with_train_negatives();
        let split = LinkSplit::new(4, &links, &config).unwrap();
        assert_eq!((split.train.len(), split.test.len()), (2, 1));
        let mut free = [split.train_negatives, split.test_negatives].concat();
        free.sort_unstable();
        assert_eq!(free, [(0, 3), (1, 3), (2, 3)]);
        let error = LinkSplit::new(3, &links, &config).unwrap_err().to_string();
        assert_eq!(error, "links: 3 pairs without a link are wanted, but 3 nodes with 3 links have 0");
    }

    #[test]
    fn pairs_without_a_link_are_uniform() {
        let links = links();
        let free = 66 - links.len();
        let mut counts: FxHashMap<(u32, u32), f64> = FxHashMap::default();
        let n_seeds = 3_000;
        let mut n_drawn = 0;
        for seed in 0..n_seeds {
            let split = LinkSplit::new(12, &links, &LinkSplitConfig::default().with_seed(seed)).unwrap();
            n_drawn += split.test_negatives.len();
            split.test_negatives.iter().for_each(|&pair| *counts.entry(pair).or_default() += 1.0);
        }
        assert_eq!(counts.len(), free);
        // Pairs of one draw exclude each other, so the counts vary less than those of a multinomial: the
        // statistic divided by 1 - share is chi-square with `free - 1` degrees of freedom.
        let expected = n_drawn as f64 / free as f64;
        let share = expected / n_seeds as f64;
        let statistic: f64 =
            counts.values().map(|count| (count - expected).powi(2) / expected).sum::<f64>() / (1.0 - share);
        let degrees = (free - 1) as f64;
        // Five standard deviations.
        assert!((statistic - degrees).abs() < 5.0 * (2.0 * degrees).sqrt(), "{statistic} for {degrees}");
    }

    #[test]
    fn impossible_splits_are_refused() {
        let refused = |links: &[(u32, u32)], share: f64| {
            let config = LinkSplitConfig::default().with_test_share(share);
            LinkSplit::new(5, links, &config).unwrap_err().to_string()
        };
        for (links, place) in [([(1, 1), (1, 2)], 0), ([(0, 1), (2, 1)], 1), ([(0, 1), (0, 5)], 1)] {
            assert!(refused(&links, 0.5).starts_with(&format!("links: link {place} is (")), "{links:?}");
        }
        for links in [[(0, 1), (0, 1)], [(1, 2), (0, 1)]] {
            assert!(refused(&links, 0.5).starts_with("links: link 1 is not above"), "{links:?}");
        }
        for share in [0.0, 1.0, -1.0, 2.0, f64::NAN, f64::INFINITY, 0.1, 0.9] {
            assert!(refused(&[(0, 1), (0, 2)], share).starts_with("test_share: "), "{share}");
        }
        assert!(refused(&[], 0.5).starts_with("test_share: "));
        assert!(refused(&[(0, 1)], 0.5).starts_with("test_share: "));
    }

    #[test]
    fn seen_nodes_have_a_training_link() {
        let split = LinkSplit {
            train: vec![(0, 2)],
            test: vec![(1, 2)],
            train_negatives: vec![],
            test_negatives: vec![(0, 1)],
        };
        assert_eq!(split.seen(4), [true, false, true, false]);
    }

    proptest! {
        #[test]
        fn parts_are_disjoint_and_negatives_are_no_links(
            n_nodes in 4u32..30,
            bits in prop::collection::vec(any::<bool>(), 435),
            share in 0.05..0.95f64,
            train_negatives: bool,
            seed: u64,
        ) {
            let pairs = (1..n_nodes).flat_map(|b| (0..b).map(move |a| (a, b)));
            let mut links: Vec<_> = pairs.zip(bits).filter(|&(_, is_link)| is_link).map(|(pair, _)| pair).collect();
            links.sort_unstable();
            let config = LinkSplitConfig { test_share: share, train_negatives, seed };
            let Ok(split) = LinkSplit::new(n_nodes, &links, &config) else { return Ok(()) };

            let mut both = [split.train.clone(), split.test.clone()].concat();
            both.sort_unstable();
            prop_assert_eq!(&both, &links);
            prop_assert_eq!(split.test.len(), (share * links.len() as f64).round() as usize);
            prop_assert_eq!(split.test_negatives.len(), split.test.len());
            let n_train = if train_negatives { split.train.len() } else { 0 };
            prop_assert_eq!(split.train_negatives.len(), n_train);
            let mut all = BTreeSet::new();
            for list in [&split.train, &split.test, &split.train_negatives, &split.test_negatives] {
                prop_assert!(list.is_sorted());
                for &(a, b) in list {
                    prop_assert!(a < b && b < n_nodes);
                    prop_assert!(all.insert((a, b)), "({}, {}) is in two lists", a, b);
                }
            }
            prop_assert_eq!(&LinkSplit::new(n_nodes, &links, &config).unwrap(), &split);
            if train_negatives {
                let alone = LinkSplit::new(n_nodes, &links, &LinkSplitConfig { train_negatives: false, ..config });
                prop_assert_eq!(&alone.unwrap().test_negatives, &split.test_negatives);
            }
        }
    }
}
