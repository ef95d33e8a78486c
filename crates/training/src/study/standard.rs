//! The representations that a study can be asked for by name.

use burn::tensor::Device;
use burn_recsys_embeddings::{
    CohortAddressingConfig, CompositionalEmbeddingConfig, EmbeddingTableConfig, HashEmbeddingConfig,
    MixtureConfig, TableInitializer,
};
use burn_recsys_models::{
    Cohort, CrossDecoupled, CrossDecoupledConfig, DeepHash, DeepHashConfig, IdLookup, Mixture, TwoBranch,
    TwoBranchConfig,
};
use serde::{Deserialize, Serialize};

use super::candidate::{Candidate, StudySizes};
use crate::{Error, Result};

/// A representation with its sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepresentationConfig {
    /// Which one.
    pub kind: RepresentationKind,
    /// The name in tables and plots. Default: the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// For `hashed`: the number of rows that users share; for `quotient-remainder`: the number of
    /// remainders. Default: an eighth of the users; the square root of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_rows: Option<usize>,
    /// For `dhe`: the number of hashes of an id, an even number. Default 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_hashes: Option<usize>,
    /// For `cohort`, `cohort-top-k`, `mixture`: the number of cohorts. Default 32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_cohorts: Option<usize>,
    /// For `cohort-top-k`: how many cohorts a user belongs to. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k: Option<usize>,
    /// For `mixture`: the width of the hidden layer of its gate; 0 is the original gate without one.
    /// Default 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub d_gate: Option<usize>,
    /// For `cohort`, `cohort-top-k` and `mixture`: the probability that an affinity, or for `mixture`
    /// a hidden unit of the gate, is dropped while training. Default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f64>,
}

/// A representation that can be asked for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RepresentationKind {
    /// A row of a table for every user.
    Id,
    /// Rows that users share by a hash of their id.
    Hashed,
    /// A row for the quotient and one for the remainder of the id (Shi et al. 2020).
    QuotientRemainder,
    /// A network over hashes of the id.
    Dhe,
    /// Softmax over cohorts, from features alone.
    Cohort,
    /// The k nearest cohorts, from features alone.
    CohortTopK,
    /// The table and the cohorts, weighed by a gate.
    Mixture,
    /// The Cross Decoupling Network (Zhang et al. 2023): users and items by their id and by their
    /// features, weighed by how often they were seen, with a second branch of users that learns from rows
    /// in which head items are thinned out.
    CrossDecoupled,
}

const DEFAULT_COHORTS: usize = 32;

impl RepresentationConfig {
    /// A representation with its default sizes.
    pub fn new(kind: RepresentationKind) -> Self {
        let (name, n_rows, n_hashes) = (None, None, None);
        RepresentationConfig {
            kind,
            name,
            n_rows,
            n_hashes,
            n_cohorts: None,
            k: None,
            d_gate: None,
            dropout: None,
        }
    }

    /// What is compared if the configuration does not say.
    pub(super) fn defaults() -> Vec<Self> {
        use RepresentationKind::{Cohort, CohortTopK, CrossDecoupled, Dhe, Id, Mixture};
        [Id, Dhe, Cohort, CohortTopK, Mixture, CrossDecoupled].map(Self::new).to_vec()
    }

    /// The name in tables and plots.
    pub fn name(&self) -> String {
        let kind = match self.kind {
            RepresentationKind::Id => "id",
            RepresentationKind::Hashed => "hashed",
            RepresentationKind::QuotientRemainder => "quotient-remainder",
            RepresentationKind::Dhe => "dhe",
            RepresentationKind::Cohort => "cohort",
            RepresentationKind::CohortTopK => "cohort-top-k",
            RepresentationKind::Mixture => "mixture",
            RepresentationKind::CrossDecoupled => "cross-decoupled",
        };
        self.name.clone().unwrap_or_else(|| kind.into())
    }

    /// Checks every value.
    ///
    /// # Errors
    /// The first impossible one, and one that this kind does not have.
    pub(super) fn validate(&self) -> Result<()> {
        use RepresentationKind::{Cohort, CohortTopK, Dhe, Hashed, Mixture, QuotientRemainder};
        let refuse = |message: String| {
            Err(Error::Config { key: "representations", message: format!("{}: {message}", self.name()) })
        };
        let kind = self.kind;
        let has_cohorts = matches!(kind, Cohort | CohortTopK | Mixture);
        for (key, is_set, belongs) in [
            ("n_rows", self.n_rows.is_some(), matches!(kind, Hashed | QuotientRemainder)),
            ("n_hashes", self.n_hashes.is_some(), kind == Dhe),
            ("n_cohorts", self.n_cohorts.is_some(), has_cohorts),
            ("k", self.k.is_some(), kind == CohortTopK),
            ("d_gate", self.d_gate.is_some(), kind == Mixture),
            ("dropout", self.dropout.is_some(), has_cohorts),
        ] {
            if is_set && !belongs {
                return refuse(format!("{key} is not a key of this kind"));
            }
        }
        for (key, value, least, most) in [
            ("n_rows", self.n_rows, 1, 1 << 24),
            ("n_hashes", self.n_hashes, 2, 1 << 14),
            ("n_cohorts", self.n_cohorts, 1, 1 << 16),
            ("k", self.k, 1, 1 << 16),
            ("d_gate", self.d_gate, 0, 1 << 12),
        ] {
            if let Some(value) = value
                && !(least..=most).contains(&value)
            {
                return refuse(format!("{key} is {value}; it must be {least} to {most}"));
            }
        }
        let n_cohorts = self.n_cohorts.unwrap_or(DEFAULT_COHORTS);
        if self.k.is_some_and(|k| k > n_cohorts) {
            return refuse(format!("k is above {n_cohorts}, the number of cohorts"));
        }
        if self.n_hashes.is_some_and(|n_hashes| n_hashes % 2 == 1) {
            return refuse("n_hashes must be even: Gaussian codes come in pairs".into());
        }
        match self.dropout {
            Some(dropout) if !(0.0..1.0).contains(&dropout) => {
                refuse(format!("dropout is {dropout}; it must be at least 0 and below 1"))
            }
            _ => Ok(()),
        }
    }

    /// The representation as something that takes part.
    pub fn candidate(&self) -> Candidate {
        let config = self.clone();
        let name = self.name();
        match self.kind {
            RepresentationKind::Id => Candidate::new(name, id),
            RepresentationKind::Hashed => Candidate::new(name, move |sizes, seed, device| {
                let n_rows = config.n_rows.unwrap_or(sizes.n_users.div_ceil(8));
                IdLookup::new(shared_rows(n_rows, sizes, seed).init(device))
            }),
            RepresentationKind::QuotientRemainder => Candidate::new(name, move |sizes, seed, device| {
                let n_users = sizes.n_users;
                let n_remainders = config.n_rows.unwrap_or((n_users as f64).sqrt().ceil() as usize);
                IdLookup::new(quotient_remainder(sizes, n_remainders.min(n_users), seed, device))
            }),
            RepresentationKind::Dhe => Candidate::new(name, move |sizes, seed, device| {
                dhe(sizes.d_user, config.n_hashes.unwrap_or(256), seed, device)
            }),
            RepresentationKind::Cohort | RepresentationKind::CohortTopK => {
                Candidate::new(name, move |sizes, seed, device| {
                    Cohort::new(config.cohorts(sizes, seed).init(device))
                })
            }
            RepresentationKind::Mixture => Candidate::new(name, move |sizes, seed, device| {
                let cohorts = RepresentationConfig { dropout: None, ..config.clone() }.cohorts(sizes, seed);
                let gate = MixtureConfig::new(sizes.n_user_features, 2, config.d_gate.unwrap_or(16))
                    .with_dropout(config.dropout.unwrap_or(0.0))
                    .with_seed(seed.wrapping_add(1 << 62));
                let experts = (id(sizes, seed, device), Cohort::new(cohorts.init(device)));
                Mixture::new(experts, gate.init(device))
            }),
            RepresentationKind::CrossDecoupled => {
                Candidate::two_branch(name, cross_decoupled_users, cross_decoupled_items)
            }
        }
    }

    fn cohorts(&self, sizes: &StudySizes, seed: u64) -> CohortAddressingConfig {
        let n_cohorts = self.n_cohorts.unwrap_or(DEFAULT_COHORTS);
        let k = (self.kind == RepresentationKind::CohortTopK).then(|| self.k.unwrap_or(1));
        Cohort::original(sizes.n_user_features, n_cohorts, sizes.d_user)
            .with_k(k)
            .with_dropout(self.dropout.unwrap_or(0.0))
            .with_seed(seed.wrapping_add(1 << 61))
    }
}

fn id(sizes: &StudySizes, seed: u64, device: &Device) -> IdLookup {
    IdLookup::new(sizes.table(sizes.n_users, sizes.d_user, seed).init(device))
}

/// One hash into rows that all users share: the hashing trick.
pub(super) fn shared_rows(n_rows: usize, sizes: &StudySizes, seed: u64) -> HashEmbeddingConfig {
    HashEmbeddingConfig::new(n_rows, sizes.d_user)
        .with_n_hashes(1)
        .with_initializer(TableInitializer::Normal { std: sizes.initial_std })
        .with_seed(seed)
}

/// The feature that says how often a user or an item was seen.
const FREQUENCY: &str = "past_log_count";

/// Three quarters of the attention are with the main branch when training ends.
const GAMMA: f64 = 2.0;

fn cross_decoupled_users(sizes: &StudySizes, seed: u64, device: &Device) -> TwoBranch<CrossDecoupled> {
    let ids = sizes.table(sizes.n_users, sizes.d_user, seed);
    let base = cross_decoupled(ids, &sizes.user_feature_names, device);
    TwoBranchConfig::new(sizes.d_user, GAMMA).with_seed(seed.wrapping_add(1 << 62)).init(base, device)
}

fn cross_decoupled_items(sizes: &StudySizes, seed: u64, device: &Device) -> CrossDecoupled {
    let ids = sizes.table(sizes.n_items, sizes.d_item, seed);
    cross_decoupled(ids, &sizes.item_feature_names, device)
}

/// Vectors as wide as those of the table, by experts with a hidden layer of that width.
fn cross_decoupled(ids: EmbeddingTableConfig, feature_names: &[String], device: &Device) -> CrossDecoupled {
    let (d, seed) = (ids.d_embedding, ids.seed);
    // Columns of the past follow those that the data brings, which may have this name too.
    let frequency = feature_names.iter().rposition(|name| name == FREQUENCY);
    CrossDecoupledConfig::new(ids, feature_names.len(), Vec::from_iter(frequency), d)
        .with_id_hidden(vec![d])
        .with_feature_hidden(vec![d])
        .with_seed(seed.wrapping_add(1 << 61))
        .init(device)
}

fn dhe(d_user: usize, n_hashes: usize, seed: u64, device: &Device) -> DeepHash {
    DeepHashConfig::new(d_user).with_n_hashes(n_hashes).with_seed(seed).init(device)
}

pub(super) fn quotient_remainder(
    sizes: &StudySizes,
    n_remainders: usize,
    seed: u64,
    device: &Device,
) -> burn_recsys_embeddings::CompositionalEmbedding {
    CompositionalEmbeddingConfig::quotient_remainder(sizes.n_users as u64, n_remainders, sizes.d_user)
        .with_std(sizes.initial_std)
        .with_seed(seed)
        .init(device)
}
