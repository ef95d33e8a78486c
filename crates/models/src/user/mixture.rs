//! Several representations of a user, weighed by a gate.

use burn::module::{Module, ModuleDisplay};
use burn::tensor::Tensor;
use burn_recsys_embeddings::{self as embeddings, Tape};

use crate::UserRepresentation;

/// The representations of a [`Mixture`]: a tuple of two to four.
pub trait Experts: Module + ModuleDisplay {
    /// The vectors of every representation, all of one shape.
    ///
    /// # Shapes
    /// - as [`UserRepresentation::user_vectors`], one output for each representation
    ///
    /// # Panics
    /// As [`UserRepresentation::user_vectors`].
    fn vectors(&self, ids: &[u64], features: &Tensor<2>, tape: &mut Tape) -> Vec<Tensor<2>>;

    /// The size of the vectors of each representation.
    fn d_users(&self) -> Vec<usize>;

    /// Ids are below this; `None` if every id has a vector in each representation.
    fn n_users(&self) -> Option<u64>;
}

macro_rules! experts {
    ($($expert:ident $at:tt),+) => {
        impl<$($expert: UserRepresentation),+> Experts for ($($expert,)+) {
            fn vectors(&self, ids: &[u64], features: &Tensor<2>, tape: &mut Tape) -> Vec<Tensor<2>> {
                vec![$(self.$at.user_vectors(ids, features, tape)),+]
            }

            fn d_users(&self) -> Vec<usize> {
                vec![$(self.$at.d_user()),+]
            }

            fn n_users(&self) -> Option<u64> {
                [$(self.$at.n_users()),+].into_iter().flatten().min()
            }
        }
    };
}

experts!(A 0, B 1);
experts!(A 0, B 1, C 2);
experts!(A 0, B 1, C 2, D 3);

/// A weighted sum of representations; a gate gives the weights from the user's features.
///
/// The classic pair is a table, which memorises active users, and [`Cohort`](crate::Cohort), which
/// generalises to new ones:
///
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::{EmbeddingTableConfig, MixtureConfig};
/// use burn_recsys_models::{Cohort, IdLookup, Mixture, UserRepresentation};
///
/// let device = Device::default();
/// let ids = IdLookup::new(EmbeddingTableConfig::new(6_040, 50).init(&device));
/// let cohorts = Cohort::new(Cohort::original(10, 256, 50).init(&device));
/// // No hidden layer and a dropout of 0.8: the original gate.
/// let gate = MixtureConfig::new(10, 2, 0).with_dropout(0.8).init(&device);
/// let users = Mixture::new((ids, cohorts), gate);
/// assert_eq!(users.d_user(), 50);
/// ```
#[derive(Module, Debug)]
pub struct Mixture<E: Module> {
    /// The representations.
    pub experts: E,
    /// What weighs them.
    pub gate: embeddings::Mixture,
}

impl<E: Experts> Mixture<E> {
    /// `experts` weighed by `gate`.
    ///
    /// # Panics
    /// If the gate weighs another number of representations, or they differ in size; the message has
    /// the numbers.
    pub fn new(experts: E, gate: embeddings::Mixture) -> Self {
        let d_users = experts.d_users();
        assert!(
            gate.n_experts() == d_users.len(),
            "a gate for {} representations weighs {}",
            gate.n_experts(),
            d_users.len()
        );
        assert!(
            d_users.iter().all(|d_user| *d_user == d_users[0]),
            "representations of different sizes cannot be mixed: {d_users:?}"
        );
        Mixture { experts, gate }
    }
}

impl<E: Experts> UserRepresentation for Mixture<E> {
    fn d_user(&self) -> usize {
        self.experts.d_users()[0]
    }

    fn user_vectors(&self, ids: &[u64], features: &Tensor<2>, tape: &mut Tape) -> Tensor<2> {
        self.gate.forward(&self.experts.vectors(ids, features, tape), features.clone()).vectors
    }

    fn n_user_features(&self) -> Option<usize> {
        Some(self.gate.n_features())
    }

    fn n_users(&self) -> Option<u64> {
        self.experts.n_users()
    }

    fn expert_weights(&self, features: &Tensor<2>) -> Option<Tensor<2>> {
        Some(self.gate.weights(features.clone()))
    }
}
