//! An embedding table whose gradient has the size of the batch.

use burn::config::Config;
use burn::module::{Content, DisplaySettings, Module, ModuleDisplay, Param, ParamId};
use burn::tensor::{Device, Shape, Tensor};

use crate::tape::row_indices;
use crate::{IdEmbedding, Lookup, TableInitializer, Tape};

/// Configuration of an [`EmbeddingTable`].
#[derive(Config, Debug)]
pub struct EmbeddingTableConfig {
    /// The number of rows; ids are below it. At most 2^31 - 1.
    pub n_rows: usize,
    /// The size of each vector.
    pub d_embedding: usize,
    /// How rows are first filled.
    ///
    /// The default keeps dot products of fresh rows small (standard deviation 0.1 at d = 100), so
    /// that training starts from an undecided model.
    #[config(default = "TableInitializer::Normal { std: 0.1 }")]
    pub initializer: TableInitializer,
    /// What the first values are a function of.
    #[config(default = 0)]
    pub seed: u64,
}

/// A table of embedding vectors, trained sparsely.
///
/// Made by [`EmbeddingTableConfig::init`].
#[derive(Module, Debug)]
#[module(custom_display)]
pub struct EmbeddingTable {
    /// The vectors, `[n_rows, d_embedding]`. It never requires a gradient: see [`Tape`].
    pub weight: Param<Tensor<2>>,
}

impl EmbeddingTableConfig {
    /// A fresh table on `device`.
    ///
    /// # Panics
    /// If there are more than 2^31 - 1 rows, or no rows, or `d_embedding` is 0.
    pub fn init(&self, device: &Device) -> EmbeddingTable {
        let EmbeddingTableConfig { n_rows, d_embedding, initializer, seed } = *self;
        assert!(
            n_rows > 0 && d_embedding > 0 && i32::try_from(n_rows).is_ok(),
            "a table needs 1 to {} rows and a positive width; asked for [{n_rows}, {d_embedding}]",
            i32::MAX
        );
        let weight = Param::uninitialized(
            ParamId::new(),
            move |device, _| Tensor::from_data(initializer.data(n_rows, d_embedding, seed), device),
            device.clone(),
            false,
            Shape::from([n_rows, d_embedding]),
        );
        EmbeddingTable { weight }
    }
}

impl EmbeddingTable {
    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.weight.lazy_shape()[0]
    }

    /// The size of each vector.
    pub fn d_embedding(&self) -> usize {
        self.weight.lazy_shape()[1]
    }

    /// Looks up the vectors of `ids`.
    ///
    /// With a recording tape the result is tracked by autodiff and its gradient reaches the table
    /// through [`SparseOptimizer::step`](crate::SparseOptimizer::step).
    ///
    /// # Shapes
    /// - `ids`: `[batch]`, on the host; duplicates welcome
    /// - output: `[batch, d_embedding]`
    ///
    /// # Panics
    /// If an id is not below the number of rows; the message has both.
    pub fn forward(&self, ids: &[u32], tape: &mut Tape) -> Tensor<2> {
        if tape.is_recording() { self.forward_lookup(&Lookup::new(ids), tape) } else { self.lookup(ids) }
    }

    /// As [`forward`](Self::forward), with the duplicates removed beforehand.
    ///
    /// # Shapes
    /// - output: `[lookup.len(), d_embedding]`
    ///
    /// # Panics
    /// If an id is not below the number of rows; the message has both.
    pub fn forward_lookup(&self, lookup: &Lookup, tape: &mut Tape) -> Tensor<2> {
        self.check(lookup.rows());
        let weight = self.weight.val().without_autodiff();
        let device = weight.device();
        let rows = weight.select(0, row_indices(lookup.rows(), &device));
        let rows = if tape.is_recording() { rows.autodiff().require_grad() } else { rows };
        if tape.is_recording() {
            tape.record(self.weight.id, lookup.rows().to_vec(), rows.clone());
        }
        // Where every id is distinct the rows are in order already.
        if lookup.is_identity() {
            return rows;
        }
        let device = rows.device();
        rows.select(0, row_indices(lookup.inverse(), &device))
    }

    /// Looks up the vectors of `ids` without gradients.
    ///
    /// # Shapes
    /// - `ids`: `[batch]`, on the host; duplicates welcome
    /// - output: `[batch, d_embedding]`
    ///
    /// # Panics
    /// If an id is not below the number of rows; the message has both.
    pub fn lookup(&self, ids: &[u32]) -> Tensor<2> {
        self.check(ids);
        let weight = self.weight.val().without_autodiff();
        let device = weight.device();
        weight.select(0, row_indices(ids, &device))
    }

    /// All vectors on the host, `[n_rows, d_embedding]`, row-major.
    ///
    /// # Panics
    /// If the table's element type is not `f32`.
    pub fn vectors(&self) -> Vec<f32> {
        let data = self.weight.val().without_autodiff().into_data();
        let values = data.try_to_vec();
        #[expect(clippy::expect_used, reason = "a documented panic: the table is the caller's")]
        values.expect("a table of f32")
    }

    /// Not every backend checks indices, and a wrong row would train silently.
    fn check(&self, ids: &[u32]) {
        let n_rows = self.n_rows();
        if let Some(largest) = ids.iter().copied().max() {
            assert!(
                (largest as usize) < n_rows,
                "id {largest} is not in an embedding table of {n_rows} rows"
            );
        }
    }
}

impl IdEmbedding for EmbeddingTable {
    fn d_embedding(&self) -> usize {
        EmbeddingTable::d_embedding(self)
    }

    /// # Panics
    /// If an id is not below the number of rows; the message has both.
    fn embed(&self, ids: &[u64], tape: &mut Tape) -> Tensor<2> {
        let n_rows = self.n_rows();
        let row = |&id: &u64| {
            assert!(id < n_rows as u64, "id {id} is not in an embedding table of {n_rows} rows");
            id as u32
        };
        let rows: Vec<u32> = ids.iter().map(row).collect();
        self.forward(&rows, tape)
    }
}

impl ModuleDisplay for EmbeddingTable {
    fn custom_settings(&self) -> Option<DisplaySettings> {
        DisplaySettings::new().with_new_line_after_attribute(false).optional()
    }

    fn custom_content(&self, content: Content) -> Option<Content> {
        content.add("n_rows", &self.n_rows()).add("d_embedding", &self.d_embedding()).optional()
    }
}
