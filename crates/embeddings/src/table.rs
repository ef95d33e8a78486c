//! An embedding table whose gradient has the size of the batch.

use burn::config::Config;
use burn::module::{Content, DisplaySettings, Module, ModuleDisplay, Param, ParamId};
use burn::tensor::{Device, Shape, Tensor, TensorData};

use crate::reads::{Pool, Request, from_host};
use crate::rows::{self, indices};
use crate::tape::Part;
use crate::{JaggedIds, Lookup, Pooling, TableInitializer, Tape};

/// Configuration of an [`EmbeddingTable`].
#[derive(Config, Debug)]
pub struct EmbeddingTableConfig {
    /// The number of rows; ids are below it. With the rows out of vocabulary at most 2^31 - 1.
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
    /// Further rows that ids from `n_rows` on share, by a hash of the id. Without any, such an id is a
    /// panic.
    #[config(default = 0)]
    pub n_oov_rows: usize,
    /// The id of padding: its vector is zero and is never trained, and in bags it does not count.
    #[config(default = "None")]
    pub padding: Option<u32>,
    /// The largest Euclidean norm of a vector. A row that is longer, at first or after a step that
    /// touched it, is scaled to that length.
    #[config(default = "None")]
    pub max_norm: Option<f64>,
    /// Whether training leaves the table as it is.
    #[config(default = false)]
    pub frozen: bool,
}

/// A table of embedding vectors, trained sparsely.
///
/// Made by [`EmbeddingTableConfig::init`].
#[derive(Module, Debug)]
#[module(custom_display)]
pub struct EmbeddingTable {
    /// The vectors, `[n_rows + n_oov_rows, d_embedding]`. It never requires a gradient: see [`Tape`].
    /// Values that are loaded or set are taken as they are, with no regard to padding or norm.
    pub weight: Param<Tensor<2>>,
    #[module(skip)]
    rules: TableRules,
    #[module(skip)]
    origin: Origin,
    /// Where vectors go, if not to the device of `weight`.
    #[module(skip)]
    device: Option<Device>,
}

/// What holds for the rows of a table whatever the optimizer.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct TableRules {
    pub(crate) n_oov_rows: usize,
    pub(crate) padding: Option<u32>,
    pub(crate) max_norm: Option<f32>,
    pub(crate) frozen: bool,
}

/// What fresh rows are filled with.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Origin {
    initializer: TableInitializer,
    seed: u64,
}

/// Values that cannot be the rows of a table.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MatrixError {
    /// Another number of values than the table has.
    #[error("a table of {n_rows} rows of width {d_embedding} has {expected} values, given are {actual}")]
    Size {
        /// Rows of the table, those out of vocabulary among them.
        n_rows: usize,
        /// The width of a row.
        d_embedding: usize,
        /// The number of values of the table.
        expected: usize,
        /// The number of values given.
        actual: usize,
    },
    /// A value is NaN or infinite.
    #[error("the value in row {row}, column {column} is {value}; vectors must be finite")]
    NotFinite {
        /// The row.
        row: usize,
        /// The column.
        column: usize,
        /// The value.
        value: f32,
    },
}

impl EmbeddingTableConfig {
    /// A fresh table on `device`.
    ///
    /// # Panics
    /// If there are more than 2^31 - 1 rows, or no rows, or `d_embedding` is 0, or the padding is not
    /// among the rows, or `max_norm` is not positive.
    pub fn init(&self, device: &Device) -> EmbeddingTable {
        self.check();
        let config = self.clone();
        self.table(device, move || config.first_values())
    }

    /// A table on `device` that starts from `values`.
    ///
    /// # Shapes
    /// - `values`: `[n_rows + n_oov_rows, d_embedding]`, row-major
    ///
    /// # Errors
    /// If there are more or fewer values, or one is not finite.
    ///
    /// # Panics
    /// As [`init`](Self::init).
    pub fn init_from(&self, mut values: Vec<f32>, device: &Device) -> Result<EmbeddingTable, MatrixError> {
        self.check();
        let (n_rows, d_embedding) = (self.n_rows + self.n_oov_rows, self.d_embedding);
        let (expected, actual) = (n_rows * d_embedding, values.len());
        if actual != expected {
            return Err(MatrixError::Size { n_rows, d_embedding, expected, actual });
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let (row, column, value) = (at / d_embedding, at % d_embedding, values[at]);
            return Err(MatrixError::NotFinite { row, column, value });
        }
        self.rules().apply(&mut values, d_embedding);
        Ok(self.table(device, move || values))
    }

    /// A fresh table in the memory of `host` whose vectors go to `device`: for tables that `device` has
    /// no room for.
    ///
    /// Only the rows of a step travel, to `device` for the forward pass and their gradient back. The
    /// optimizer's state is with the table. Moving the module to another device moves the table there, but
    /// vectors go on to `device` until [`EmbeddingTable::with_device`] says otherwise.
    ///
    /// # Panics
    /// As [`init`](Self::init).
    pub fn init_on_host(&self, host: &Device, device: &Device) -> EmbeddingTable {
        EmbeddingTable { device: Some(device.clone()), ..self.init(host) }
    }

    fn check(&self) {
        let &EmbeddingTableConfig { n_rows, d_embedding, n_oov_rows, padding, max_norm, .. } = self;
        assert!(
            n_rows > 0 && d_embedding > 0 && i32::try_from(n_rows.saturating_add(n_oov_rows)).is_ok(),
            "a table needs 1 to {} rows and a positive width; asked for [{}, {d_embedding}]",
            i32::MAX,
            n_rows.saturating_add(n_oov_rows)
        );
        assert!(
            padding.is_none_or(|padding| (padding as usize) < n_rows),
            "the padding {} is not among {n_rows} rows",
            padding.unwrap_or_default()
        );
        let max_norm = max_norm.unwrap_or(1.0);
        assert!(max_norm > 0.0 && max_norm.is_finite(), "a norm is at most {max_norm}; it must be positive");
    }

    fn rules(&self) -> TableRules {
        TableRules {
            n_oov_rows: self.n_oov_rows,
            padding: self.padding,
            max_norm: self.max_norm.map(|norm| norm as f32),
            frozen: self.frozen,
        }
    }

    fn first_values(&self) -> Vec<f32> {
        let mut values =
            self.initializer.values(0..self.n_rows + self.n_oov_rows, self.d_embedding, self.seed);
        self.rules().apply(&mut values, self.d_embedding);
        values
    }

    fn table(
        &self,
        device: &Device,
        values: impl FnOnce() -> Vec<f32> + Send + Sync + 'static,
    ) -> EmbeddingTable {
        let shape = [self.n_rows + self.n_oov_rows, self.d_embedding];
        let weight = Param::uninitialized(
            ParamId::new(),
            move |device, _| Tensor::from_data(TensorData::new(values(), shape), device),
            device.clone(),
            false,
            Shape::from(shape),
        );
        let origin = Origin { initializer: self.initializer, seed: self.seed };
        EmbeddingTable { weight, rules: self.rules(), origin, device: None }
    }
}

impl TableRules {
    /// Makes a whole table obey.
    fn apply(&self, values: &mut [f32], d: usize) {
        if let Some(padding) = self.padding {
            values[padding as usize * d..][..d].fill(0.0);
        }
        if self.max_norm.is_some() {
            values.chunks_exact_mut(d).for_each(|row| self.shorten(row));
        }
    }

    /// Scales a row that is too long.
    pub(crate) fn shorten(&self, row: &mut [f32]) {
        if let Some(max_norm) = self.max_norm {
            let norm = row.iter().map(|value| value * value).sum::<f32>().sqrt();
            if norm > max_norm {
                row.iter_mut().for_each(|value| *value *= max_norm / norm);
            }
        }
    }
}

impl EmbeddingTable {
    /// The number of rows, those out of vocabulary among them.
    pub fn n_rows(&self) -> usize {
        self.weight.lazy_shape()[0]
    }

    /// The size of each vector.
    pub fn d_embedding(&self) -> usize {
        self.weight.lazy_shape()[1]
    }

    /// The number of rows that ids without a row share, the last ones of the table.
    pub fn n_oov_rows(&self) -> usize {
        self.rules.n_oov_rows
    }

    /// The id that stands for nothing.
    pub fn padding(&self) -> Option<u32> {
        self.rules.padding
    }

    /// The device that vectors are on.
    pub fn device(&self) -> Device {
        self.device.clone().unwrap_or_else(|| self.weight.lazy_device())
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
        self.read(&self.rows_of(ids), None, None, tape)
    }

    /// As [`forward`](Self::forward), with the duplicates removed beforehand, perhaps on another
    /// thread. Ids out of vocabulary must have gone through [`rows_of`](Self::rows_of).
    ///
    /// # Shapes
    /// - output: `[lookup.len(), d_embedding]`
    ///
    /// # Panics
    /// If a row is not below the number of rows; the message has both.
    pub fn forward_lookup(&self, lookup: &Lookup, tape: &mut Tape) -> Tensor<2> {
        self.check_rows(lookup.rows());
        self.read(&lookup.ids(), Some(lookup), None, tape)
    }

    /// Pools the vectors of each bag into one. The id of padding does not count.
    ///
    /// On a device other than flex, [`Pooling::Max`] pads bags to the longest: memory for
    /// `n_bags * longest * d_embedding` floats. Elsewhere memory is for all ids at most.
    ///
    /// # Shapes
    /// - output: `[ids.n_bags(), d_embedding]`; zeros for an empty bag
    ///
    /// # Panics
    /// If an id is not below the number of rows (the message has both), or weights come with
    /// [`Pooling::Max`].
    pub fn forward_bags(&self, ids: &JaggedIds, pooling: Pooling, tape: &mut Tape) -> Tensor<2> {
        let ids = ids.without(self.rules.padding);
        let rows = self.rows_of(ids.values());
        self.read(&rows, None, bags(&ids, pooling), tape)
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
        self.forward(ids, &mut Tape::off())
    }

    /// The rows of `ids`: the same number, or a row out of vocabulary for an id that has none.
    ///
    /// # Panics
    /// If an id is not below the number of rows and there is no row out of vocabulary; the message has
    /// both.
    pub fn rows_of<'a>(&self, ids: &'a [u32]) -> std::borrow::Cow<'a, [u32]> {
        let n_ids = (self.n_rows() - self.rules.n_oov_rows) as u32;
        if self.rules.n_oov_rows == 0 || ids.iter().all(|&id| id < n_ids) {
            self.check_rows(ids);
            return ids.into();
        }
        ids.iter().map(|&id| self.row_of(u64::from(id))).collect()
    }

    /// The row of any id.
    pub(crate) fn row_of(&self, id: u64) -> u32 {
        let TableRules { n_oov_rows, .. } = self.rules;
        let n_rows = self.n_rows();
        let n_ids = (n_rows - n_oov_rows) as u64;
        match id < n_ids {
            true => id as u32,
            false => {
                assert!(n_oov_rows > 0, "id {id} is not in an embedding table of {n_rows} rows");
                (n_ids + crate::initializer::split_mix(id) % n_oov_rows as u64) as u32
            }
        }
    }

    /// All vectors on the host, `[n_rows + n_oov_rows, d_embedding]`, row-major.
    ///
    /// # Panics
    /// If the table's element type is not `f32`.
    pub fn vectors(&self) -> Vec<f32> {
        let data = self.weight.val().without_autodiff().into_data();
        let values = data.try_to_vec();
        #[expect(clippy::expect_used, reason = "a documented panic: the table is the caller's")]
        values.expect("a table of f32")
    }

    /// Fills rows with what the configuration's initializer and seed give, as for ids that take the place
    /// of others; that is so too where the table began with [given values](EmbeddingTableConfig::init_from). The
    /// optimizer's state of the rows is reset by
    /// [`SparseOptimizer::reset_rows`](crate::SparseOptimizer::reset_rows).
    ///
    /// # Shapes
    /// - `rows`: any number, each once
    ///
    /// # Panics
    /// If a row is not below the number of rows; the message has both.
    pub fn reset_rows(mut self, rows: &[u32]) -> Self {
        self.check_rows(rows);
        if rows.is_empty() {
            return self;
        }
        let d = self.d_embedding();
        let Origin { initializer, seed } = self.origin;
        let mut values = Vec::with_capacity(rows.len() * d);
        for &row in rows {
            let mut fresh = initializer.values(row as usize..row as usize + 1, d, seed);
            match self.rules.padding {
                Some(padding) if padding == row => fresh.fill(0.0),
                _ => self.rules.shorten(&mut fresh),
            }
            values.append(&mut fresh);
        }
        self.weight = self.weight.map(|weight| {
            let strategy = weight.gradient_checkpointing_strategy();
            let device = weight.device();
            let values = from_host(values, d, &device);
            let weight = rows::assign(weight.without_autodiff(), indices(rows, &device), values);
            match strategy {
                Some(strategy) => weight.autodiff().with_gradient_checkpointing_strategy(strategy),
                None => weight,
            }
        });
        self
    }

    /// Gives vectors on `device` from now on, wherever the table is: for a table in host memory whose network
    /// moves to another device.
    pub fn with_device(mut self, device: &Device) -> Self {
        self.device = Some(device.clone());
        self
    }

    /// Stops the table from being trained, or lets it be trained again.
    pub fn with_frozen(mut self, frozen: bool) -> Self {
        self.rules.frozen = frozen;
        self
    }

    /// Whether training leaves the table as it is.
    pub fn is_frozen(&self) -> bool {
        self.rules.frozen
    }

    /// Reads rows or bags, and records it.
    pub(crate) fn read(
        &self,
        rows: &[u32],
        lookup: Option<&Lookup>,
        bags: Option<(&JaggedIds, Pooling)>,
        tape: &mut Tape,
    ) -> Tensor<2> {
        let is_recorded = self.is_recorded(tape);
        let request = Request { rows, lookup, bags, is_recorded };
        let (vectors, pool) = self.vectors_of(request);
        if !is_recorded {
            return vectors;
        }
        let part = self.part(0..self.d_embedding(), request.reads(pool));
        tape.record(vectors, &self.device(), vec![part])
    }

    /// The vectors of rows or bags, without gradients, and how they were pooled.
    pub(crate) fn vectors_of(&self, request: Request<'_>) -> (Tensor<2>, Pool) {
        let d = self.d_embedding();
        let table = self.weight.val().without_autodiff();
        let on_host = rows::read(&table, |values| {
            let mut out = vec![0.0; request.n_out() * d];
            let pool = request.read_on_host(values, d, &mut out, d, 0..d);
            (from_host(out, d, &self.device()), pool)
        });
        on_host.unwrap_or_else(|| {
            let (vectors, pool) = request.read_on_device(&table);
            match &self.device {
                Some(device) => (vectors.to_device(&device.clone().without_autodiff()), pool),
                None => (vectors, pool),
            }
        })
    }

    /// Whether a lookup must be found again after the backward pass.
    pub(crate) fn is_recorded(&self, tape: &Tape) -> bool {
        tape.is_recording() && !self.rules.frozen
    }

    /// What the tape must know of a lookup in this table.
    pub(crate) fn part(&self, columns: std::ops::Range<usize>, reads: crate::reads::Reads) -> Part {
        Part { param: self.weight.id, rules: self.rules, columns, reads }
    }

    /// Not every backend checks indices, and a wrong row would train silently.
    fn check_rows(&self, rows: &[u32]) {
        let n_rows = self.n_rows();
        if let Some(largest) = rows.iter().copied().max() {
            assert!(
                (largest as usize) < n_rows,
                "id {largest} is not in an embedding table of {n_rows} rows"
            );
        }
    }
}

/// How to pool `ids`; nothing where every bag is one id.
pub(crate) fn bags(ids: &JaggedIds, pooling: Pooling) -> Option<(&JaggedIds, Pooling)> {
    assert!(
        pooling != Pooling::Max || ids.weights().is_none(),
        "the largest of {} values takes no weights",
        ids.values().len()
    );
    (!ids.is_one_to_one()).then_some((ids, pooling))
}

impl ModuleDisplay for EmbeddingTable {
    fn custom_settings(&self) -> Option<DisplaySettings> {
        DisplaySettings::new().with_new_line_after_attribute(false).optional()
    }

    fn custom_content(&self, content: Content) -> Option<Content> {
        content.add("n_rows", &self.n_rows()).add("d_embedding", &self.d_embedding()).optional()
    }
}
