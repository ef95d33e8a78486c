//! Fitting trees, by hessboost.

use hessboost::config::{Monotone, TrainingParams, TreeMethod};
use hessboost::data::DMatrix;
use hessboost::objective::{LambdaRank, Objective};
use hessboost::tree::RegTree;
use serde::{Deserialize, Serialize};

use super::BoostedTrees;
use super::tree::{DEEPEST, Split, Tree};
use crate::{Error, RankingExamples, Result};

/// What the order of a visit's candidates is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RankingObjective {
    /// LambdaMART: logistic loss of pairs, weighed by how much NDCG changes if the two swap places (Burges
    /// 2010, "From RankNet to LambdaRank to LambdaMART: an overview").
    #[default]
    Ndcg,
    /// The logistic loss of pairs, all of one weight.
    Pairwise,
}

/// How [`BoostedTrees`] are fitted: Newton boosting with histograms (Chen and Guestrin 2016, "XGBoost: a
/// scalable tree boosting system") of a ranking objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BoostedTreesConfig {
    /// The objective. Default [`RankingObjective::Ndcg`].
    pub objective: RankingObjective,
    /// The number of trees; 1 to 10,000. Time to rank grows with it. Default 200.
    pub n_trees: usize,
    /// How many splits lead to a leaf at most; 1 to 8. Default 4.
    pub max_depth: usize,
    /// How much of each tree counts, above 0, at most 1. Default 0.05.
    pub learning_rate: f64,
    /// Added to the second derivatives of a leaf, at least 0. Default 1.
    pub l2: f64,
    /// The least sum of second derivatives in a leaf, at least 0. Default 1.
    pub min_child_weight: f64,
    /// The part of the features that each tree may use, above 0, at most 1. Default 1.
    pub feature_fraction: f64,
    /// The part of the examples that each tree is fitted to, above 0, at most 1. Default 1.
    pub row_fraction: f64,
    /// Names of features of which more is never worse: a score does not fall when one of them rises. Names that
    /// the examples lack are an error. Default none.
    pub increasing: Vec<String>,
    /// The seed of what is drawn. Default 0.
    pub seed: u64,
}

impl Default for BoostedTreesConfig {
    fn default() -> Self {
        BoostedTreesConfig {
            objective: RankingObjective::Ndcg,
            n_trees: 200,
            max_depth: 4,
            learning_rate: 0.05,
            l2: 1.0,
            min_child_weight: 1.0,
            feature_fraction: 1.0,
            row_fraction: 1.0,
            increasing: Vec::new(),
            seed: 0,
        }
    }
}

impl BoostedTreesConfig {
    /// Learns the order of each visit's candidates, on all threads of the current pool. The bits of the
    /// result do not depend on their number.
    ///
    /// # Errors
    /// If a parameter is out of range or there are no examples.
    pub fn fit(&self, examples: &RankingExamples) -> Result<BoostedTrees> {
        self.validate()?;
        let n_features = examples.names().len();
        if examples.is_empty() || n_features == 0 {
            let message = "there are none: no visit has candidates of different labels".into();
            return Err(Error::Parameter { parameter: "examples", message });
        }
        if n_features > usize::from(u16::MAX) {
            let message = format!("{n_features}; there can be {}", u16::MAX);
            return Err(Error::Parameter { parameter: "features", message });
        }
        let refused = |error: hessboost::error::HessboostError| Error::Parameter {
            parameter: "trees",
            message: error.to_string(),
        };
        let rows = DMatrix::from_dense(examples.features(), examples.len(), n_features)
            .and_then(|rows| rows.with_labels(examples.labels()))
            .and_then(|rows| rows.with_group_sizes(examples.group_sizes()))
            .map_err(refused)?;
        let pairs = LambdaRank::default();
        let objective = match self.objective {
            RankingObjective::Ndcg => Objective::RankNdcg(pairs),
            RankingObjective::Pairwise => Objective::RankPairwise(pairs),
        };
        let parameters = TrainingParams::builder()
            .objective(objective)
            .tree_method(TreeMethod::Hist)
            .max_depth(self.max_depth)
            .eta(self.learning_rate)
            .lambda(self.l2)
            .min_child_weight(self.min_child_weight)
            .colsample_bytree(self.feature_fraction)
            .subsample(self.row_fraction)
            .monotone_constraints(self.directions(examples)?)
            .seed(self.seed)
            .global_pool()
            .build()
            .map_err(refused)?;
        let model = hessboost::training::train(&parameters, &rows, self.n_trees).map_err(refused)?;
        let trees = model.trees().iter().map(complete).collect();
        Ok(BoostedTrees { names: examples.names().to_vec(), trees })
    }

    /// One direction for every feature, or none at all.
    fn directions(&self, examples: &RankingExamples) -> Result<Vec<Monotone>> {
        if let Some(name) = self.increasing.iter().find(|name| !examples.names().contains(name)) {
            let message = format!("the examples have no feature {name}");
            return Err(Error::Parameter { parameter: "increasing", message });
        }
        if self.increasing.is_empty() {
            return Ok(Vec::new());
        }
        let direction =
            |name| if self.increasing.contains(name) { Monotone::Increasing } else { Monotone::None };
        Ok(examples.names().iter().map(direction).collect())
    }

    /// Checks every parameter.
    ///
    /// # Errors
    /// The first that is out of range.
    pub fn validate(&self) -> Result<()> {
        let refuse = |parameter, message: String| Err(Error::Parameter { parameter, message });
        if !(1..=10_000).contains(&self.n_trees) {
            return refuse("n_trees", format!("{} is not from 1 to 10,000", self.n_trees));
        }
        if !(1..=DEEPEST).contains(&self.max_depth) {
            return refuse("max_depth", format!("{} is not from 1 to {DEEPEST}", self.max_depth));
        }
        for (parameter, value) in [
            ("learning_rate", self.learning_rate),
            ("feature_fraction", self.feature_fraction),
            ("row_fraction", self.row_fraction),
        ] {
            if !(value > 0.0 && value <= 1.0) {
                return refuse(parameter, format!("{value} is not above 0 and at most 1"));
            }
        }
        for (parameter, value) in [("l2", self.l2), ("min_child_weight", self.min_child_weight)] {
            if !(value >= 0.0 && value.is_finite()) {
                return refuse(parameter, format!("{value} is not a finite number from 0"));
            }
        }
        Ok(())
    }
}

/// The tree filled up to one depth.
fn complete(tree: &RegTree) -> Tree {
    let depth = tree.depth().min(DEEPEST);
    let filler = Split { threshold: 0.0, feature: 0, is_missing_left: true };
    let mut splits = vec![filler; (1 << depth) - 1];
    let mut gains = vec![0.0; splits.len()];
    let mut leaves = vec![0.0; 1 << depth];
    // Where a node of the fitted tree stands in the complete one; a leaf stands for all below it.
    let mut open = vec![(0usize, 0usize)];
    while let Some((node, place)) = open.pop() {
        let fitted = tree.node(node);
        if place >= splits.len() {
            leaves[place - splits.len()] = fitted.leaf_value;
        } else if fitted.is_leaf() {
            open.extend([(node, 2 * place + 1), (node, 2 * place + 2)]);
        } else {
            let feature = fitted.split_feature as u16;
            splits[place] =
                Split { threshold: fitted.split_cond, feature, is_missing_left: fitted.default_left };
            gains[place] = fitted.split_gain;
            open.extend([(fitted.left as usize, 2 * place + 1), (fitted.right as usize, 2 * place + 2)]);
        }
    }
    Tree { splits, leaves, gains }
}
