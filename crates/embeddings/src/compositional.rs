//! Compositional embeddings: a vector for each of many ids from a few small tables.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::hashing::derive_seed;
use crate::{EmbeddingTable, EmbeddingTableConfig, IdEmbedding, TableInitializer, Tape};

/// How the rows of an id become its vector.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum Combination {
    /// The element-wise product; tables have the width of the vector.
    Product,
    /// The sum; tables have the width of the vector.
    Sum,
    /// One row after the other; each table has an equal part of the vector's width.
    Concatenation,
}

/// Configuration of a [`CompositionalEmbedding`].
#[derive(Config, Debug)]
pub struct CompositionalEmbeddingConfig {
    /// The number of ids; ids are below it.
    pub n_ids: u64,
    /// The number of rows of each table; their product is at least `n_ids`. Memory grows with their
    /// sum, which is least if they are about equal.
    pub radices: Vec<usize>,
    /// The size of each vector.
    pub d_embedding: usize,
    /// How rows become a vector.
    #[config(default = "Combination::Product")]
    pub combination: Combination,
    /// The standard deviation of the first vectors' elements, whatever the combination.
    #[config(default = 0.1)]
    pub std: f64,
    /// What the first values are a function of.
    #[config(default = 0)]
    pub seed: u64,
}

/// Vectors of a known number of ids, made from rows of small tables such that no two ids have the
/// same rows.
///
/// The id is written as a number with one digit for each table, the radix of a digit being the size
/// of its table and the first digit the least significant; digit `j` selects the row of table `j`
/// (Shi et al. 2020, arXiv 1909.02107: there the generalised quotient-remainder partitions).
/// Different ids differ in a digit, so their rows differ, unlike with hashing. Two tables are the
/// quotient-remainder trick: [`CompositionalEmbeddingConfig::quotient_remainder`].
///
/// Tables train sparsely through the [`Tape`].
///
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::{CompositionalEmbeddingConfig, Tape};
///
/// // A million ids in two tables of 1,000 rows.
/// let items = CompositionalEmbeddingConfig::quotient_remainder(1_000_000, 1_000, 16).init(&Device::default());
/// assert_eq!(items.rows(123_456), [456, 123]); // remainder, quotient
/// assert_eq!(items.forward(&[123_456, 999_999], &mut Tape::off()).dims(), [2, 16]);
/// ```
#[derive(Module, Debug)]
pub struct CompositionalEmbedding {
    /// One table a digit.
    pub tables: Vec<EmbeddingTable>,
    #[module(skip)]
    n_ids: u64,
    #[module(skip)]
    d_embedding: usize,
    #[module(skip)]
    radices: Vec<u64>,
    #[module(skip)]
    combination: Combination,
}

impl CompositionalEmbeddingConfig {
    /// The quotient-remainder trick: a table of `n_remainders` rows, selected by the remainder of the
    /// id, and one of `ceil(n_ids / n_remainders)` rows, selected by its quotient.
    ///
    /// # Panics
    /// If `n_remainders` is 0.
    pub fn quotient_remainder(n_ids: u64, n_remainders: usize, d_embedding: usize) -> Self {
        assert!(n_remainders > 0, "{n_ids} ids cannot be divided by {n_remainders}");
        let n_quotients = n_ids.div_ceil(n_remainders as u64);
        // What does not fit is more than a table can have in any case.
        let n_quotients = usize::try_from(n_quotients).unwrap_or(usize::MAX);
        Self::new(n_ids, vec![n_remainders, n_quotients], d_embedding)
    }

    /// Fresh tables on `device`.
    ///
    /// # Panics
    /// If the radices' product is less than `n_ids`, if there are no radices, if a radix is 0 or above
    /// 2^31 - 1, if `d_embedding` is 0, or if it is not a multiple of the number of tables where rows
    /// are concatenated.
    pub fn init(&self, device: &Device) -> CompositionalEmbedding {
        let CompositionalEmbeddingConfig { n_ids, ref radices, d_embedding, combination, .. } = *self;
        let n_tables = radices.len();
        let capacity = radices.iter().fold(1u128, |product, &radix| product.saturating_mul(radix as u128));
        assert!(
            n_tables > 0 && capacity >= u128::from(n_ids),
            "{n_tables} radices {radices:?} tell {capacity} ids apart; there are {n_ids}"
        );
        let d_table = match combination {
            Combination::Product | Combination::Sum => d_embedding,
            Combination::Concatenation => {
                assert!(
                    d_embedding.is_multiple_of(n_tables),
                    "vectors of {d_embedding} are not made of {n_tables} rows of equal width"
                );
                d_embedding / n_tables
            }
        };
        let initializer = TableInitializer::Normal { std: self.table_std() };
        let tables = radices.iter().zip(0..).map(|(&n_rows, digit)| {
            EmbeddingTableConfig::new(n_rows, d_table)
                .with_initializer(initializer)
                .with_seed(derive_seed(self.seed, digit))
                .init(device)
        });
        let tables = tables.collect();
        let radices = radices.iter().map(|&radix| radix as u64).collect();
        CompositionalEmbedding { tables, n_ids, d_embedding, radices, combination }
    }

    /// The standard deviation of each table's values that gives vectors the one asked for.
    ///
    /// Rows are independent with mean zero. The variance of a product of such values is the product of
    /// their variances, that of a sum the sum.
    fn table_std(&self) -> f64 {
        let n_tables = self.radices.len() as f64;
        match self.combination {
            Combination::Product => self.std.powf(1.0 / n_tables),
            Combination::Sum => self.std / n_tables.sqrt(),
            Combination::Concatenation => self.std,
        }
    }
}

impl CompositionalEmbedding {
    /// The number of ids; ids are below it.
    pub fn n_ids(&self) -> u64 {
        self.n_ids
    }

    /// The size of each vector.
    pub fn d_embedding(&self) -> usize {
        self.d_embedding
    }

    /// The row of each table that `id` selects; different ids have different rows.
    ///
    /// # Panics
    /// If `id` is not below the number of ids; the message has both.
    pub fn rows(&self, id: u64) -> Vec<u32> {
        self.digits(id).collect()
    }

    /// The vectors of `ids`.
    ///
    /// # Shapes
    /// - `ids`: `[batch]`, on the host; duplicates welcome
    /// - output: `[batch, d_embedding]`
    ///
    /// # Panics
    /// If an id is not below the number of ids; the message has both.
    pub fn forward(&self, ids: &[u64], tape: &mut Tape) -> Tensor<2> {
        let mut rows = vec![Vec::with_capacity(ids.len()); self.tables.len()];
        for &id in ids {
            for (rows, digit) in rows.iter_mut().zip(self.digits(id)) {
                rows.push(digit);
            }
        }
        let parts: Vec<Tensor<2>> =
            self.tables.iter().zip(&rows).map(|(table, rows)| table.forward(rows, tape)).collect();
        combine(self.combination, parts)
    }

    /// The digits of `id`, the least significant first.
    fn digits(&self, id: u64) -> impl Iterator<Item = u32> + '_ {
        let n_ids = self.n_ids;
        assert!(id < n_ids, "id {id} is not in a compositional embedding of {n_ids} ids");
        let mut rest = id;
        self.radices.iter().map(move |radix| {
            let digit = (rest % radix) as u32;
            rest /= radix;
            digit
        })
    }
}

/// The parts of the vectors, `[batch, d_table]` each, together.
fn combine(combination: Combination, parts: Vec<Tensor<2>>) -> Tensor<2> {
    let combined = match combination {
        Combination::Product => parts.into_iter().reduce(|product, part| product * part),
        Combination::Sum => parts.into_iter().reduce(|sum, part| sum + part),
        Combination::Concatenation => Some(Tensor::cat(parts, 1)),
    };
    #[expect(clippy::expect_used, reason = "`init` refuses an embedding without tables")]
    combined.expect("one table or more")
}

impl IdEmbedding for CompositionalEmbedding {
    fn d_embedding(&self) -> usize {
        self.d_embedding
    }

    fn n_ids(&self) -> Option<u64> {
        Some(self.n_ids)
    }

    /// # Panics
    /// If an id is not below the number of ids; the message has both.
    fn embed(&self, ids: &[u64], tape: &mut Tape) -> Tensor<2> {
        self.forward(ids, tape)
    }
}
