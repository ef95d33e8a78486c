//! User vectors from what is known of a user, without the id.

use burn::module::Module;
use burn::tensor::Tensor;
use burn_recsys_embeddings::{CohortAddressing, CohortAddressingConfig, TableInitializer, Tape};

use crate::UserRepresentation;

/// Users known by the cohorts that their features address; see [`CohortAddressing`].
///
/// It has no parameters of single users, so it serves a new user as well as any other with the same
/// features, and cannot learn what is special about one with a long history.
///
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_models::{Cohort, UserRepresentation};
///
/// let users = Cohort::original(10, 256, 50).with_dropout(0.5).init(&Device::default());
/// assert_eq!(Cohort::new(users).d_user(), 50);
/// ```
#[derive(Module, Debug)]
pub struct Cohort {
    /// From features to vectors.
    pub addressing: CohortAddressing,
}

impl Cohort {
    /// Users by `addressing`.
    pub fn new(addressing: CohortAddressing) -> Self {
        Cohort { addressing }
    }

    /// The original form: affinities linear in the features, cohort vectors of size `d_user` that begin as
    /// standard normal, and four linear layers of that width behind them.
    pub fn original(n_user_features: usize, n_cohorts: usize, d_user: usize) -> CohortAddressingConfig {
        CohortAddressingConfig::new(n_user_features, n_cohorts, d_user)
            .with_decoder_hidden(vec![d_user; 3])
            .with_initializer(TableInitializer::Normal { std: 1.0 })
    }
}

impl UserRepresentation for Cohort {
    fn d_user(&self) -> usize {
        self.addressing.d_embedding()
    }

    fn user_vectors(&self, _ids: &[u64], features: &Tensor<2>, _tape: &mut Tape) -> Tensor<2> {
        self.addressing.forward(features.clone())
    }

    fn n_user_features(&self) -> Option<usize> {
        Some(self.addressing.n_features())
    }
}
