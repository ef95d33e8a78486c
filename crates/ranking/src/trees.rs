//! Boosted regression trees that rank.

mod file;
mod fit;
mod tree;

pub use fit::{BoostedTreesConfig, RankingObjective};

#[cfg(test)]
use self::tree::Split;
use self::tree::Tree;
use crate::{Candidates, Error, RankFeatures, Ranker, Result, Visitor};

/// Boosted regression trees: a score is the sum of one leaf of every tree.
///
/// Trees are complete, so that a row goes down without a look at pointers: node `i` has the children `2 i + 1`
/// and `2 i + 2`, and a leaf that was reached early is all leaves below it. Whatever a file says, no walk
/// leaves a tree or goes in a circle.
#[derive(Debug, Clone, PartialEq)]
pub struct BoostedTrees {
    names: Vec<String>,
    trees: Vec<Tree>,
}

impl BoostedTrees {
    /// The names of the features, in their order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of trees.
    pub fn n_trees(&self) -> usize {
        self.trees.len()
    }

    /// The score of every row; higher is better, scores of different visits do not compare.
    ///
    /// # Shapes
    /// - `features`: `[n, n_features]`, row-major; NaN where unknown
    /// - returns `[n]`
    ///
    /// # Errors
    /// If `features` is not a whole number of rows.
    pub fn scores(&self, features: &[f32]) -> Result<Vec<f32>> {
        let n_features = self.names.len();
        if !features.len().is_multiple_of(n_features) {
            return Err(Error::Misfit {
                what: "values of the last candidate".into(),
                found: features.len() % n_features,
                expected: n_features,
            });
        }
        let mut scores = vec![0.0; features.len() / n_features];
        // Trees outside, rows inside: a tree stays in the nearest cache.
        for tree in &self.trees {
            tree.add_to(&mut scores, features, n_features);
        }
        Ok(scores)
    }

    /// How much each feature lowered the loss in training, as shares of the whole.
    pub fn importances(&self) -> Vec<f32> {
        let mut gains = vec![0.0f64; self.names.len()];
        self.trees.iter().for_each(|tree| tree.add_gains_to(&mut gains));
        let sum: f64 = gains.iter().sum();
        gains.iter().map(|gain| if sum > 0.0 { (gain / sum) as f32 } else { 0.0 }).collect()
    }
}

/// Ranks by [`BoostedTrees`] over [`RankFeatures`].
#[derive(Debug, Clone)]
pub struct TreeRanker {
    features: RankFeatures,
    trees: BoostedTrees,
}

impl TreeRanker {
    /// A ranker whose trees were made for these features.
    ///
    /// # Errors
    /// If the trees were made for other features, or for others in this order.
    pub fn new(features: RankFeatures, trees: BoostedTrees) -> Result<Self> {
        let names = features.names();
        if names.len() != trees.names().len() {
            return Err(Error::Misfit {
                what: "features".into(),
                found: names.len(),
                expected: trees.names().len(),
            });
        }
        if let Some((found, expected)) = names.iter().zip(trees.names()).find(|(found, name)| found != name) {
            let message = format!("the trees were made for {expected} where {found} is; fit them again");
            return Err(Error::Parameter { parameter: "features", message });
        }
        Ok(TreeRanker { features, trees })
    }

    /// The features.
    pub fn features(&self) -> &RankFeatures {
        &self.features
    }

    /// The trees.
    pub fn trees(&self) -> &BoostedTrees {
        &self.trees
    }
}

impl Ranker for TreeRanker {
    fn scores(&self, visitor: &Visitor<'_>, candidates: &Candidates) -> Result<Vec<f32>> {
        self.trees.scores(&self.features.rows(visitor, candidates)?)
    }
}

#[cfg(test)]
mod tests;
