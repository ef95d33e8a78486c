//! From the values of one field to a vector.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use burn_recsys_embeddings::{
    EmbeddingTable, EmbeddingTableConfig, IdEmbedding, JaggedIds, Pooling, TableInitializer, Tape, split_mix,
};

use super::field::{HistoryPooling, TowerField, UNKNOWN};
use super::history::{HistoryAttention, mean};
use super::rows::FieldValues;
use crate::streams;

/// What a tower learns of one field other than the id.
#[derive(Module, Debug)]
pub struct FieldLayer {
    /// The vectors of categories, the last for those not known, or of the items of a history. None for a
    /// dense field, the id and a history that shares the vectors of the item tower.
    pub table: Option<EmbeddingTable>,
    /// How the items of a history are weighed.
    pub attention: Option<HistoryAttention>,
    #[module(skip)]
    field: TowerField,
    #[module(skip)]
    width: usize,
}

/// What all layers of a tower begin with.
pub(super) struct Beginning<'a> {
    pub(super) d_embedding: usize,
    pub(super) initializer: TableInitializer,
    pub(super) seed: u64,
    pub(super) device: &'a Device,
}

impl FieldLayer {
    /// The layer of field `index`, whose vectors of ids and of shared items have the given sizes.
    pub(super) fn new(
        field: &TowerField,
        index: usize,
        d_id: Option<usize>,
        d_shared: Option<usize>,
        beginning: &Beginning<'_>,
    ) -> Self {
        let &Beginning { d_embedding, initializer, seed, device } = beginning;
        let config = |n_rows| {
            EmbeddingTableConfig::new(n_rows, d_embedding)
                .with_initializer(initializer)
                .with_seed(table_seed(seed, index))
        };
        assert!(field.size() > 0, "field {:?} of size 0", field.name());
        let (table, width) = match *field {
            TowerField::Id { .. } => (None, d_id.unwrap_or(d_embedding)),
            TowerField::Categorical { n_categories, .. } | TowerField::Bag { n_categories, .. } => {
                (Some(with_unknown(&config(n_categories + 1), device)), d_embedding)
            }
            TowerField::Dense { width, .. } => (None, width),
            TowerField::History { n_items, is_shared: false, .. } => {
                (Some(config(n_items).init(device)), d_embedding)
            }
            TowerField::History { is_shared: true, ref name, .. } => {
                assert!(d_shared.is_some(), "history {name:?} shares the ids of an item tower that has none");
                (None, d_shared.unwrap_or_default())
            }
        };
        let attention = match *field {
            TowerField::History { pooling: HistoryPooling::Attention { max_length }, ref name, .. } => {
                assert!(max_length > 0, "history {name:?} with attention to its last 0 items");
                let stream = streams::TOWER_ATTENTION + ((index as u64) << 16);
                Some(HistoryAttention::new(width, seed, stream, device))
            }
            _ => None,
        };
        FieldLayer { table, attention, field: field.clone(), width }
    }

    /// The field.
    pub fn field(&self) -> &TowerField {
        &self.field
    }

    /// The size of the vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The vectors of rows.
    ///
    /// # Shapes
    /// - output: `[batch, width]`
    pub(super) fn forward(
        &self,
        values: &FieldValues,
        ids: Option<&dyn IdEmbedding>,
        shared: Option<&dyn IdEmbedding>,
        device: &Device,
        tape: &mut Tape,
    ) -> Tensor<2> {
        match (values, &self.table) {
            (FieldValues::Ids(rows), _) => embed(ids, rows, &self.field, tape),
            (FieldValues::Codes(codes), Some(table)) => {
                let rows: Vec<u32> = codes.iter().map(|&code| self.row(code)).collect();
                table.forward(&rows, tape)
            }
            (FieldValues::Bags(bags), table) => self.pooled(bags, table.as_ref(), shared, device, tape),
            (FieldValues::Dense(numbers), _) => {
                let n_rows = numbers.len() / self.width;
                Tensor::from_data(TensorData::new(numbers.clone(), [n_rows, self.width]), device)
            }
            (FieldValues::Codes(_), None) => mismatch(&self.field, "codes"),
        }
    }

    fn pooled(
        &self,
        bags: &JaggedIds,
        table: Option<&EmbeddingTable>,
        shared: Option<&dyn IdEmbedding>,
        device: &Device,
        tape: &mut Tape,
    ) -> Tensor<2> {
        match (table, &self.attention) {
            (Some(table), None) if matches!(self.field, TowerField::Bag { .. }) => {
                table.forward_bags(&self.known(bags), Pooling::Mean, tape)
            }
            (Some(table), None) => table.forward_bags(bags, Pooling::Mean, tape),
            _ if bags.values().is_empty() => Tensor::zeros([bags.n_bags(), self.width], device),
            (table, attention) => {
                let vectors = match table {
                    Some(table) => table.forward(bags.values(), tape),
                    None => {
                        let items: Vec<u64> = bags.values().iter().map(|&item| item.into()).collect();
                        embed(shared, &items, &self.field, tape)
                    }
                };
                match attention {
                    Some(attention) => attention.forward(bags, vectors),
                    None => mean(bags, vectors),
                }
            }
        }
    }

    /// The row of a category.
    fn row(&self, code: u32) -> u32 {
        if code == UNKNOWN { self.field.size() as u32 } else { code }
    }

    /// The bags with the row of what is not known in its place.
    fn known<'a>(&self, bags: &'a JaggedIds) -> std::borrow::Cow<'a, JaggedIds> {
        if !bags.values().contains(&UNKNOWN) {
            return std::borrow::Cow::Borrowed(bags);
        }
        let rows = bags.values().iter().map(|&code| self.row(code)).collect();
        let lengths: Vec<u32> = bags.offsets().windows(2).map(|ends| ends[1] - ends[0]).collect();
        let known = JaggedIds::new(rows, &lengths).and_then(|known| match bags.weights() {
            Some(weights) => known.with_weights(weights.to_vec()),
            None => Ok(known),
        });
        #[expect(clippy::expect_used, reason = "bags of the same lengths and weights exist")]
        std::borrow::Cow::Owned(known.expect("bags"))
    }
}

/// The seed of the table of field `index`.
pub(super) fn table_seed(seed: u64, index: usize) -> u64 {
    split_mix(seed ^ split_mix(index as u64))
}

/// A table whose last row, of what is not known, begins with zeros: before it has been trained it says
/// nothing.
fn with_unknown(config: &EmbeddingTableConfig, device: &Device) -> EmbeddingTable {
    let mut values = config.init(device).vectors();
    let last = values.len() - config.d_embedding;
    values[last..].fill(0.0);
    #[expect(clippy::expect_used, reason = "values of the same table with zeros among them")]
    config.init_from(values, device).expect("the values of a table")
}

fn embed(ids: Option<&dyn IdEmbedding>, rows: &[u64], field: &TowerField, tape: &mut Tape) -> Tensor<2> {
    #[expect(clippy::expect_used, reason = "a documented panic")]
    let ids = ids
        .ok_or_else(|| format!("field {:?} reads ids, but none have vectors here", field.name()))
        .expect("ids");
    ids.embed(rows, tape)
}

#[expect(clippy::panic, reason = "a documented panic")]
fn mismatch(field: &TowerField, given: &str) -> ! {
    panic!("field {:?} was given {given}", field.name())
}
