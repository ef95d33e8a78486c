//! A representation of one size brought to another.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use burn_recsys_embeddings::Tape;
use burn_recsys_embeddings::dense::seeded_linear;

use crate::{UserRepresentation, streams};

/// A representation followed by a linear map to another size: narrow rows that save memory, or parts of
/// different sizes that are to be mixed.
///
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::EmbeddingTableConfig;
/// use burn_recsys_models::{IdLookup, Projected, UserRepresentation};
///
/// let device = Device::default();
/// let narrow = IdLookup::new(EmbeddingTableConfig::new(6_040, 4).init(&device));
/// assert_eq!(Projected::new(narrow, 32, 0, &device).d_user(), 32);
/// ```
#[derive(Module, Debug)]
pub struct Projected<R: Module> {
    /// The representation.
    pub inner: R,
    /// The map, `[inner.d_user, d_user]`.
    pub projection: Linear,
}

impl<R: UserRepresentation> Projected<R> {
    /// `inner` brought to vectors of size `d_user`; the first values of the map are a function of `seed`.
    ///
    /// # Panics
    /// If `d_user` is 0.
    pub fn new(inner: R, d_user: usize, seed: u64, device: &Device) -> Self {
        assert!(d_user > 0, "vectors of size {} cannot be projected to size 0", inner.d_user());
        let projection = seeded_linear(inner.d_user(), d_user, seed, streams::PROJECTED, device);
        Projected { inner, projection }
    }
}

impl<R: UserRepresentation> UserRepresentation for Projected<R> {
    fn d_user(&self) -> usize {
        self.projection.weight.lazy_shape()[1]
    }

    fn user_vectors(&self, ids: &[u64], features: &Tensor<2>, tape: &mut Tape) -> Tensor<2> {
        self.projection.forward(self.inner.user_vectors(ids, features, tape))
    }

    fn n_user_features(&self) -> Option<usize> {
        self.inner.n_user_features()
    }

    fn n_users(&self) -> Option<u64> {
        self.inner.n_users()
    }

    fn expert_weights(&self, features: &Tensor<2>) -> Option<Tensor<2>> {
        self.inner.expert_weights(features)
    }
}
