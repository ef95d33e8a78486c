//! The models known by name.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

use super::{Contender, Grid, Popular, TwoTowerRecipe};

/// A model that can take part in a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolModel {
    /// The same items for everybody.
    Popular,
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
    /// All there are, the cheap ones first.
    pub const ALL: [ProtocolModel; 2] = [ProtocolModel::Popular, ProtocolModel::TwoTower];

    /// The name that users write.
    pub fn name(self) -> &'static str {
        match self {
            ProtocolModel::Popular => "popular",
            ProtocolModel::TwoTower => "two-tower",
        }
    }

    /// The model with its candidates; those of deep learning compute on `device`.
    pub fn contender(self, device: &Device) -> Box<dyn Contender> {
        match self {
            ProtocolModel::Popular => Box::new(Popular),
            ProtocolModel::TwoTower => {
                let recipes = TwoTowerRecipe::candidates(device);
                Box::new(Grid::of(recipes, || TwoTowerRecipe::new(device)))
            }
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
