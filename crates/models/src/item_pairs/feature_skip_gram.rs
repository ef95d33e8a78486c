//! Skip-gram whose items are described by features, too.

use std::sync::Arc;

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use burn_recsys_embeddings::dense::{softmax, weighted_sum};
use burn_recsys_embeddings::{EmbeddingTable, EmbeddingTableConfig, TableInitializer, Tape};

use super::{ItemFields, PairEncoder};
use crate::UNKNOWN;

/// How an item's own vector and the vectors of its features become one.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum FieldPooling {
    /// Their mean.
    Mean,
    /// A mean weighed by the softmax of one learned number for each item and field (EGES: Wang et al. 2018,
    /// "Billion-scale commodity embedding for e-commerce recommendation in Alibaba", equation 5).
    Attention,
}

/// Configuration of a [`FeatureSkipGram`].
#[derive(Config, Debug)]
pub struct FeatureSkipGramConfig {
    /// The size of item vectors.
    #[config(default = 128)]
    pub d_embedding: usize,
    /// How an item's own vector and those of its features are pooled.
    #[config(default = "FieldPooling::Mean")]
    pub pooling: FieldPooling,
    /// What the first values are a function of.
    #[config(default = 0)]
    pub seed: u64,
}

/// Skip-gram of items (Mikolov et al. 2013) with side information: as the one asked about, an item is the
/// mean of its own vector and of a vector for each value of its fields; as context, it has a vector of its
/// own. An item that was never trained is the mean of the vectors of its fields' values.
///
/// Without fields it is plain skip-gram. For that, `burn_recsys_baselines::SkipGram` is many times faster on
/// the CPU.
///
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::Tape;
/// use burn_recsys_models::{
///     FeatureSkipGramConfig, FieldPooling, ItemField, ItemFields, PairEncoder, UNKNOWN,
/// };
///
/// let brands = ItemField { name: "brand".into(), n_values: 2, codes: vec![0, 1, UNKNOWN] };
/// let fields = ItemFields::new(3, vec![brands])?;
/// let model = FeatureSkipGramConfig::new()
///     .with_pooling(FieldPooling::Attention)
///     .init(fields, &Device::default());
/// let centers = model.embed_centers(&[0, 0, 2], &mut Tape::off());
/// assert_eq!(centers.dims(), [3, 128]);
/// # Ok::<(), burn_recsys_models::FieldError>(())
/// ```
#[derive(Module, Debug)]
pub struct FeatureSkipGram {
    /// The items' own vectors, `[n_items, d_embedding]`.
    pub items: EmbeddingTable,
    /// For each field a vector for each value and one of zeros for what is not known,
    /// `[n_values + 1, d_embedding]`.
    pub fields: Vec<EmbeddingTable>,
    /// The numbers that weigh an item's own vector and its fields, `[n_items, 1 + n_fields]`.
    pub attention: Option<EmbeddingTable>,
    /// Vectors as context, `[n_items, d_embedding]`.
    pub contexts: EmbeddingTable,
    #[module(skip)]
    of_items: Arc<ItemFields>,
}

impl FeatureSkipGramConfig {
    /// A fresh model on `device` of the items that `fields` describe.
    ///
    /// # Panics
    /// If there is no item, or `d_embedding` is 0.
    pub fn init(&self, fields: ItemFields, device: &Device) -> FeatureSkipGram {
        let (d, n_items) = (self.d_embedding, fields.n_items());
        // As word2vec: inner products start at 0, because contexts are zero.
        let first = TableInitializer::Uniform { bound: 0.5 / d as f64 };
        let table =
            |n_rows, d, initializer| EmbeddingTableConfig::new(n_rows, d).with_initializer(initializer);
        let seed = |stream: u64| self.seed.wrapping_mul(1 << 16).wrapping_add(stream);
        let of_field = |(at, n_values): (usize, usize)| {
            table(n_values + 1, d, first)
                .with_seed(seed(1 + at as u64))
                .with_padding(Some(n_values as u32))
                .init(device)
        };
        let n_fields = fields.fields().len();
        let has_attention = self.pooling == FieldPooling::Attention;
        FeatureSkipGram {
            items: table(n_items, d, first).with_seed(seed(0)).init(device),
            fields: fields.fields().iter().map(|field| field.n_values).enumerate().map(of_field).collect(),
            attention: has_attention
                .then(|| table(n_items, 1 + n_fields, TableInitializer::Zeros).init(device)),
            contexts: table(n_items, d, TableInitializer::Zeros).init(device),
            of_items: Arc::new(fields),
        }
    }
}

impl FeatureSkipGram {
    /// The fields that items are described by.
    pub fn item_fields(&self) -> &ItemFields {
        &self.of_items
    }

    /// Vectors of items, without the items' own vectors where `has_own` is false, and without the values of fields
    /// that are not learned.
    fn embed(
        &self,
        items: &[u32],
        has_own: impl Fn(u32) -> bool,
        is_learned: impl Fn(usize, u32) -> bool,
        tape: &mut Tape,
    ) -> Tensor<2> {
        let own = self.items.forward(items, tape);
        if self.fields.is_empty() {
            return own;
        }
        let (n, n_slots) = (items.len(), 1 + self.fields.len());
        let mut is_there = vec![0f32; n * n_slots];
        is_there.iter_mut().step_by(n_slots).zip(items).for_each(|(own, &item)| {
            *own = f32::from(u8::from(has_own(item)));
        });
        let mut slots = vec![own];
        for ((field, table), at) in self.of_items.fields().iter().zip(&self.fields).zip(1..) {
            let codes: Vec<u32> = (items.iter())
                .map(|&item| match field.codes[item as usize] {
                    UNKNOWN => field.n_values as u32,
                    code if is_learned(at - 1, code) => code,
                    _ => field.n_values as u32,
                })
                .collect();
            for (row, &code) in codes.iter().enumerate() {
                is_there[row * n_slots + at] = f32::from(u8::from((code as usize) < field.n_values));
            }
            slots.push(table.forward(&codes, tape));
        }
        let device = slots[0].device();
        let tensor =
            |values: Vec<f32>| Tensor::<2>::from_data(TensorData::new(values, [n, n_slots]), &device);
        let weights = match &self.attention {
            Some(attention) => {
                // Far below every number that is learned: e to it is 0.
                let hidden = is_there.iter().map(|&there| (there - 1.0) * 1e4).collect();
                // What is not there weighs nothing even where nothing is.
                softmax(attention.forward(items, tape) + tensor(hidden), 1.0) * tensor(is_there)
            }
            None => {
                for row in is_there.chunks_exact_mut(n_slots) {
                    let n_there = row.iter().sum::<f32>().max(1.0);
                    row.iter_mut().for_each(|there| *there /= n_there);
                }
                tensor(is_there)
            }
        };
        weighted_sum(&slots, weights)
    }
}

impl PairEncoder for FeatureSkipGram {
    fn n_items(&self) -> usize {
        self.items.n_rows()
    }

    fn embed_centers(&self, items: &[u32], tape: &mut Tape) -> Tensor<2> {
        self.embed(items, |_| true, |_, _| true, tape)
    }

    fn embed_contexts(&self, items: &[u32], tape: &mut Tape) -> Tensor<2> {
        self.contexts.forward(items, tape)
    }

    fn similarity_vectors(&self, is_trained: &[bool]) -> Vec<Option<Vec<f32>>> {
        assert_eq!(is_trained.len(), self.n_items(), "one flag an item");
        let d = self.items.d_embedding();
        let mut vectors = Vec::with_capacity(is_trained.len());
        // A value that no trained item has is still what it was at first: it says nothing.
        let learned: Vec<Vec<bool>> = (self.of_items.fields().iter())
            .map(|field| {
                let mut learned = vec![false; field.n_values];
                let trained = field
                    .codes
                    .iter()
                    .zip(is_trained)
                    .filter(|(code, trained)| **trained && **code != UNKNOWN);
                trained.for_each(|(&code, _)| learned[code as usize] = true);
                learned
            })
            .collect();
        let is_learned = |field: usize, code: u32| learned[field][code as usize];
        let items: Vec<u32> = (0..self.n_items() as u32).collect();
        for items in items.chunks(BLOCK) {
            let has_own = |item: u32| is_trained[item as usize];
            let block = self.embed(items, has_own, is_learned, &mut Tape::off()).into_data();
            #[expect(clippy::expect_used, reason = "tables are of f32")]
            let block: Vec<f32> = block.try_to_vec().expect("vectors of f32");
            vectors.extend((items.iter().zip(block.chunks_exact(d))).map(|(&item, vector)| {
                let is_described = self.of_items.fields().iter().enumerate().any(|(at, field)| {
                    let code = field.codes[item as usize];
                    code != UNKNOWN && is_learned(at, code)
                });
                (has_own(item) || is_described).then(|| vector.to_vec())
            }));
        }
        vectors
    }
}

/// Items that are embedded at once.
const BLOCK: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ItemField;

    const D: usize = 4;

    fn fields() -> ItemFields {
        let field = |name: &str, n_values, codes: &[u32]| ItemField {
            name: name.into(),
            n_values,
            codes: codes.to_vec(),
        };
        let fields = vec![
            field("brand", 2, &[0, 1, UNKNOWN, UNKNOWN, 0]),
            field("price", 3, &[2, UNKNOWN, 1, UNKNOWN, UNKNOWN]),
        ];
        ItemFields::new(5, fields).unwrap()
    }

    fn model(pooling: FieldPooling) -> FeatureSkipGram {
        let config = FeatureSkipGramConfig::new().with_d_embedding(D).with_pooling(pooling).with_seed(9);
        let mut model = config.init(fields(), &Device::default());
        if model.attention.is_some() {
            let values = (0..15).map(|at| (at as f32 * 0.9).sin()).collect();
            let table = EmbeddingTableConfig::new(5, 3).init_from(values, &Device::default()).unwrap();
            model.attention = Some(table);
        }
        model
    }

    /// The vector of an item by hand.
    fn expected(model: &FeatureSkipGram, item: usize, has_own: bool) -> Vec<f32> {
        let row = |table: &EmbeddingTable, at: usize| table.vectors()[at * D..][..D].to_vec();
        let mut parts = Vec::new();
        if has_own {
            parts.push((0, row(&model.items, item)));
        }
        for (at, field) in fields().fields().iter().enumerate() {
            if field.codes[item] != UNKNOWN {
                parts.push((at + 1, row(&model.fields[at], field.codes[item] as usize)));
            }
        }
        let score = |slot: usize| match &model.attention {
            Some(attention) => attention.vectors()[item * 3 + slot].exp(),
            None => 1.0,
        };
        let total: f32 = parts.iter().map(|&(slot, _)| score(slot)).sum();
        let sum = |k: usize| parts.iter().map(|(slot, part)| score(*slot) / total * part[k]).sum();
        (0..D).map(sum).collect()
    }

    fn near(actual: &[f32], expected: &[f32]) {
        assert_eq!(actual.len(), expected.len());
        assert!(actual.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{actual:?} {expected:?}");
    }

    #[test]
    fn an_item_is_the_weighed_mean_of_what_is_known_of_it() {
        for pooling in [FieldPooling::Mean, FieldPooling::Attention] {
            let model = model(pooling);
            let items = [1u32, 0, 3, 0, 2];
            let actual: Vec<f32> =
                model.embed_centers(&items, &mut Tape::off()).into_data().try_to_vec().unwrap();
            for (&item, actual) in items.iter().zip(actual.chunks(D)) {
                near(actual, &expected(&model, item as usize, true));
            }
        }
    }

    #[test]
    fn an_item_without_training_is_its_features() {
        for pooling in [FieldPooling::Mean, FieldPooling::Attention] {
            let model = model(pooling);
            let vectors = model.similarity_vectors(&[true, false, false, false, false]);
            near(vectors[0].as_ref().unwrap(), &expected(&model, 0, true));
            for item in [1, 2, 3] {
                assert_eq!(vectors[item], None, "no trained item has a value of item {item}");
            }
            near(vectors[4].as_ref().unwrap(), &expected(&model, 4, false));
        }
    }

    #[test]
    fn gradients_reach_every_table() {
        let device = Device::default().autodiff();
        let config = FeatureSkipGramConfig::new().with_d_embedding(D).with_pooling(FieldPooling::Attention);
        let model = config.init(fields(), &device);
        let mut tape = Tape::new();
        let centers = model.embed_centers(&[0, 1], &mut tape);
        let contexts = model.embed_contexts(&[2, 3], &mut tape) + 1.0;
        let mut grads = (centers * contexts).sum().backward();
        let mut rows = tape.gradients(&mut grads);
        rows.check_finite().unwrap();
        let touched = [&model.items, &model.fields[0], &model.fields[1], &model.contexts]
            .into_iter()
            .chain(&model.attention)
            .filter(|table| rows.get(table.weight.id).is_some());
        assert_eq!(touched.count(), 5);
    }

    #[test]
    fn without_fields_it_is_plain_skip_gram() {
        let config = FeatureSkipGramConfig::new().with_d_embedding(D);
        let model = config.init(ItemFields::none(3), &Device::default());
        let centers: Vec<f32> = model.embed_centers(&[2], &mut Tape::off()).into_data().try_to_vec().unwrap();
        assert_eq!(centers, model.items.vectors()[2 * D..]);
        assert_eq!(model.similarity_vectors(&[true, false, true])[1], None);
    }
}
