//! Users as their own vector and the mean of what they met, compared with items by cosine.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use burn_recsys_baselines::{Error, VectorScorer};
use burn_recsys_embeddings::dense::seeded_param;
use burn_recsys_embeddings::{
    EmbeddingTable, EmbeddingTableConfig, JaggedIds, Pooling, TableInitializer, Tape,
};

use crate::streams;
use crate::vectors::{host, unit};

/// Configuration of a [`SimpleX`].
#[derive(Config, Debug)]
pub struct SimpleXConfig {
    /// The number of users; user ids are below it.
    pub n_users: usize,
    /// The number of items; item ids are below it.
    pub n_items: usize,
    /// The size of user and item vectors.
    #[config(default = 64)]
    pub d_embedding: usize,
    /// How much of a user is the user's own vector, in 0..=1: 1 forgets the history, 0 has no vector for
    /// each user.
    #[config(default = 0.5)]
    pub own_weight: f64,
    /// How both tables are first filled.
    #[config(default = "TableInitializer::Normal { std: 0.1 }")]
    pub initializer: TableInitializer,
    /// What the first values are a function of.
    #[config(default = 0)]
    pub seed: u64,
}

/// SimpleX (Mao et al. 2021, "SimpleX: A simple and strong baseline for collaborative filtering"): a user is
/// `g p_u + (1 - g) V m_u`, where `p_u` is the user's own vector, `m_u` the mean of the vectors of the items
/// of the user's history, `V` a square matrix and `g` the own weight. Logits are cosines.
///
/// It is trained by a [`RetrievalLoss`](crate::RetrievalLoss) of these cosines: the paper's
/// `CosineContrastive`, or `Softmax`.
///
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::{JaggedIds, Tape};
/// use burn_recsys_models::SimpleXConfig;
///
/// let model = SimpleXConfig::new(100, 1000).init(&Device::default());
/// let histories = JaggedIds::from_bags(&[vec![17, 4, 250], vec![]])?;
/// let users = model.embed_users(&[3, 99], &histories, &mut Tape::off());
/// let items = model.embed_items(&[17, 18, 19], &mut Tape::off());
/// let cosines = users.matmul(items.transpose());
/// assert_eq!(cosines.dims(), [2, 3]);
/// # Ok::<(), burn_recsys_embeddings::JaggedError>(())
/// ```
#[derive(Module, Debug)]
pub struct SimpleX {
    /// The users' own vectors, `[n_users, d_embedding]`.
    pub users: EmbeddingTable,
    /// Item vectors, `[n_items, d_embedding]`, of histories and of candidates; not of unit length.
    pub items: EmbeddingTable,
    /// What the mean of a history is multiplied by, `[d_embedding, d_embedding]`.
    pub history: Param<Tensor<2>>,
    #[module(skip)]
    own_weight: f64,
}

impl SimpleXConfig {
    /// A fresh model on `device`.
    ///
    /// # Panics
    /// If a size is 0, or `own_weight` is not in 0..=1.
    pub fn init(&self, device: &Device) -> SimpleX {
        let &SimpleXConfig { n_users, n_items, d_embedding, own_weight, seed, .. } = self;
        assert!((0.0..=1.0).contains(&own_weight), "an own weight of {own_weight} is not in 0..=1");
        let table = |n_rows, seed| {
            EmbeddingTableConfig::new(n_rows, d_embedding)
                .with_initializer(self.initializer)
                .with_seed(seed)
                .init(device)
        };
        // It keeps the length of what it maps, as rows of independent values with variance 1 / d do.
        let of_matrix = TableInitializer::Normal { std: 1.0 / (d_embedding as f64).sqrt() };
        SimpleX {
            users: table(n_users, seed.wrapping_mul(2)),
            items: table(n_items, seed.wrapping_mul(2).wrapping_add(1)),
            history: seeded_param([d_embedding; 2], of_matrix, seed, streams::SIMPLEX, device),
            own_weight,
        }
    }
}

impl SimpleX {
    /// User vectors of unit length.
    ///
    /// A user whose history is empty is the own vector alone. Where that is left out too, the vector is zero
    /// and all cosines are 0.
    ///
    /// # Shapes
    /// - `users`: `[batch]`
    /// - `histories`: `[batch]` bags of items
    /// - output: `[batch, d_embedding]`
    ///
    /// # Panics
    /// If there is not one history a user, or an id is not in its table.
    pub fn embed_users(&self, users: &[u32], histories: &JaggedIds, tape: &mut Tape) -> Tensor<2> {
        let n_bags = histories.n_bags();
        assert!(n_bags == users.len(), "{n_bags} histories for {} users", users.len());
        if self.own_weight == 1.0 {
            return unit(self.users.forward(users, tape));
        }
        let means = self.items.forward_bags(histories, Pooling::Mean, tape);
        let history = means.matmul(self.history.val());
        if self.own_weight == 0.0 {
            return unit(history);
        }
        let own = self.users.forward(users, tape);
        unit(own * self.own_weight + history * (1.0 - self.own_weight))
    }

    /// Item vectors of unit length.
    ///
    /// # Shapes
    /// - `items`: `[n]`
    /// - output: `[n, d_embedding]`
    ///
    /// # Panics
    /// If an id is not in the table.
    pub fn embed_items(&self, items: &[u32], tape: &mut Tape) -> Tensor<2> {
        unit(self.items.forward(items, tape))
    }

    /// The size of user and item vectors.
    pub fn d_embedding(&self) -> usize {
        self.items.d_embedding()
    }

    /// Scores all items by the vectors of now, for the user of each history: to the scorer, user `i` is
    /// `users[i]`.
    ///
    /// # Shapes
    /// - `users`: `[n]`
    /// - `histories`: `[n]` bags of items
    ///
    /// # Errors
    /// If a vector is not finite.
    ///
    /// # Panics
    /// As [`embed_users`](Self::embed_users).
    pub fn scorer(&self, users: &[u32], histories: &JaggedIds) -> Result<VectorScorer, Error> {
        let n_bags = histories.n_bags();
        assert!(n_bags == users.len(), "{n_bags} histories for {} users", users.len());
        let mut vectors = Vec::with_capacity(users.len() * self.d_embedding());
        for start in (0..users.len()).step_by(BLOCK) {
            let users = &users[start..(start + BLOCK).min(users.len())];
            let bags: Vec<&[u32]> = (start..start + users.len()).map(|at| histories.bag(at)).collect();
            #[expect(clippy::expect_used, reason = "a part of bags that are valid")]
            let bags = JaggedIds::from_bags(&bags).expect("not more ids than before");
            vectors.extend(host(self.embed_users(users, &bags, &mut Tape::off())));
        }
        let items: Vec<u32> = (0..self.items.n_rows() as u32).collect();
        let items = host(self.embed_items(&items, &mut Tape::off()));
        VectorScorer::of_vectors(self.d_embedding(), vectors, items)
    }
}

/// Users that are embedded at once.
const BLOCK: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use burn_recsys_baselines::ItemScorer;

    const D: usize = 5;

    fn model(own_weight: f64) -> SimpleX {
        let config = SimpleXConfig::new(4, 6).with_d_embedding(D).with_own_weight(own_weight).with_seed(3);
        config.init(&Device::default())
    }

    fn histories() -> JaggedIds {
        JaggedIds::from_bags(&[vec![0, 5, 2], vec![], vec![4]]).unwrap()
    }

    fn unit_of(mut row: Vec<f32>) -> Vec<f32> {
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
        row
    }

    fn near(actual: &[f32], expected: &[f32]) {
        assert_eq!(actual.len(), expected.len());
        assert!(actual.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{actual:?} {expected:?}");
    }

    #[test]
    fn users_are_the_weighted_sum_of_own_vector_and_history() {
        for own_weight in [0.0, 0.3, 1.0] {
            let model = model(own_weight);
            let (own, items) = (model.users.vectors(), model.items.vectors());
            let matrix = host(model.history.val());
            let users = [2, 0, 3];
            let actual = host(model.embed_users(&users, &histories(), &mut Tape::off()));
            for (at, &user) in users.iter().enumerate() {
                let bag = histories().bag(at).to_vec();
                let mean = |k: usize| {
                    let sum: f32 = bag.iter().map(|&item| items[item as usize * D + k]).sum();
                    sum / bag.len().max(1) as f32
                };
                let g = own_weight as f32;
                let row: Vec<f32> = (0..D)
                    .map(|k| {
                        let history: f32 = (0..D).map(|from| mean(from) * matrix[from * D + k]).sum();
                        g * own[user as usize * D + k] + (1.0 - g) * history
                    })
                    .collect();
                let actual = &actual[at * D..][..D];
                // Nothing is known of the second user but the own vector.
                match own_weight == 0.0 && bag.is_empty() {
                    true => assert_eq!(actual, [0.0; D]),
                    false => near(actual, &unit_of(row)),
                }
            }
        }
    }

    #[test]
    fn a_user_of_nothing_has_a_finite_gradient() {
        let device = Device::default().autodiff();
        let model = SimpleXConfig::new(1, 2).with_d_embedding(D).with_own_weight(0.0).init(&device);
        let mut tape = Tape::new();
        let history = JaggedIds::from_bags(&[Vec::new()]).unwrap();
        let user = model.embed_users(&[0], &history, &mut tape);
        let item = model.embed_items(&[1], &mut tape);
        let mut grads = (user * item).sum().backward();
        let gradient = model.history.val().grad(&grads).unwrap();
        assert!(host(gradient).iter().all(|x| x.is_finite()));
        tape.gradients(&mut grads).check_finite().unwrap();
    }

    #[test]
    fn the_scorer_gives_cosines_of_the_listed_users() {
        let model = model(0.5);
        let scorer = model.scorer(&[3, 1, 0], &histories()).unwrap();
        let mut scores = vec![0.0; 2 * 6];
        scorer.score(&[2, 0], &mut scores);
        let users = model.embed_users(&[3, 1, 0], &histories(), &mut Tape::off());
        let items = model.embed_items(&[0, 1, 2, 3, 4, 5], &mut Tape::off());
        let expected = host(users.matmul(items.transpose()));
        near(&scores, &[&expected[12..], &expected[..6]].concat());
        assert!(scores.iter().all(|score| score.abs() <= 1.0 + 1e-6));
    }

    #[test]
    #[should_panic(expected = "3 histories for 2 users")]
    fn a_history_too_many_panics() {
        model(0.5).embed_users(&[0, 1], &histories(), &mut Tape::off());
    }
}
