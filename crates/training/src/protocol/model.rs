//! The models known by name.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;
use burn_recsys_baselines::{
    BprMfConfig, EaseConfig, ImplicitAlsConfig, ItemKnnConfig, LogisticMfConfig, SlimConfig,
};

use super::lightgcn::LightGcnRecipe;
use super::simplex::SimpleXRecipe;
use super::{Contender, Grid, Popular, TwoTowerRecipe};

/// A model that can take part in a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolModel {
    /// The same items for everybody.
    Popular,
    /// Neighbourhoods of items.
    ItemKnn,
    /// A linear autoencoder in closed form.
    Ease,
    /// Sparse linear models of items.
    Slim,
    /// Implicit alternating least squares.
    Ials,
    /// Logistic factorisation with sampled negatives: dot products of vectors.
    Mf,
    /// Bayesian personalised ranking.
    Bpr,
    /// Users as their own vectors and the means of their histories.
    SimpleX,
    /// Users and items as means of what their neighbourhoods in the graph of who met what are.
    LightGcn,
    /// Two towers of ids with a softmax over sampled items.
    TwoTower,
}

/// No model has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no model {name:?}; there are {}", known())]
pub struct UnknownModel {
    name: String,
}

impl ProtocolModel {
    /// All there are.
    pub const ALL: [ProtocolModel; 10] = [
        ProtocolModel::Popular,
        ProtocolModel::ItemKnn,
        ProtocolModel::Ease,
        ProtocolModel::Slim,
        ProtocolModel::Ials,
        ProtocolModel::Mf,
        ProtocolModel::Bpr,
        ProtocolModel::SimpleX,
        ProtocolModel::LightGcn,
        ProtocolModel::TwoTower,
    ];

    /// The name that users write.
    pub fn name(self) -> &'static str {
        match self {
            ProtocolModel::Popular => "popular",
            ProtocolModel::ItemKnn => "itemknn",
            ProtocolModel::Ease => "ease",
            ProtocolModel::Slim => "slim",
            ProtocolModel::Ials => "ials",
            ProtocolModel::Mf => "mf",
            ProtocolModel::Bpr => "bpr",
            ProtocolModel::SimpleX => "simplex",
            ProtocolModel::LightGcn => "lightgcn",
            ProtocolModel::TwoTower => "two-tower",
        }
    }

    /// The model with its candidates; those of deep learning compute on `device`.
    pub fn contender(self, device: &Device) -> Box<dyn Contender> {
        match self {
            ProtocolModel::Popular => Box::new(Popular),
            ProtocolModel::ItemKnn => Box::new(Grid::new(ItemKnnConfig::candidates())),
            ProtocolModel::Ease => Box::new(Grid::new(EaseConfig::candidates())),
            ProtocolModel::Slim => Box::new(Grid::new(SlimConfig::candidates())),
            ProtocolModel::Ials => Box::new(Grid::new(ImplicitAlsConfig::candidates())),
            ProtocolModel::Mf => Box::new(Grid::new(LogisticMfConfig::default().candidates())),
            ProtocolModel::Bpr => Box::new(Grid::new(BprMfConfig::default().candidates())),
            ProtocolModel::SimpleX => Box::new(Grid::new(SimpleXRecipe::candidates(device))),
            ProtocolModel::LightGcn => Box::new(Grid::new(LightGcnRecipe::candidates(device))),
            ProtocolModel::TwoTower => Box::new(Grid::new(TwoTowerRecipe::candidates(device))),
        }
    }
}

fn known() -> String {
    ProtocolModel::ALL.map(ProtocolModel::name).join(", ")
}

impl fmt::Display for ProtocolModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ProtocolModel {
    type Err = UnknownModel;

    fn from_str(name: &str) -> Result<Self, UnknownModel> {
        let found = ProtocolModel::ALL.into_iter().find(|model| model.name() == name.trim());
        found.ok_or_else(|| UnknownModel { name: name.into() })
    }
}
