//! Embeddings by hashing and by composition against plain Rust.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use burn_recsys::embeddings::{
    Combination, CompositionalEmbedding, CompositionalEmbeddingConfig, EmbeddingTable, EmbeddingTableConfig,
    HashEmbedding, HashEmbeddingConfig, IdEmbedding, RowGradients, SparseOptimizer, SparseSgd,
    TableInitializer, Tape,
};

use crate::{assert_close, devices, values};

const D: usize = 6;
const LR: f64 = 0.02;

/// The values of every table, row-major.
type Tables = Vec<Vec<f64>>;

/// An embedding whose vectors are made from rows of tables.
trait FromRows: Module + IdEmbedding {
    fn tables(&self) -> Vec<&EmbeddingTable>;

    /// The rows of each table that `id` reads.
    fn rows_of(&self, id: u64) -> Vec<Vec<u32>>;
}

impl FromRows for HashEmbedding {
    fn tables(&self) -> Vec<&EmbeddingTable> {
        [&self.buckets].into_iter().chain(&self.importance).collect()
    }

    fn rows_of(&self, id: u64) -> Vec<Vec<u32>> {
        [self.hash_rows(id)].into_iter().chain(self.importance_row(id).map(|row| vec![row])).collect()
    }
}

impl FromRows for CompositionalEmbedding {
    fn tables(&self) -> Vec<&EmbeddingTable> {
        self.tables.iter().collect()
    }

    fn rows_of(&self, id: u64) -> Vec<Vec<u32>> {
        self.rows(id).into_iter().map(|row| vec![row]).collect()
    }
}

/// The vectors of a batch, `[batch, D]`, where `vector` makes that of one id from its rows.
fn plain<M: FromRows>(
    embedding: &M,
    tables: &Tables,
    ids: &[u64],
    vector: &impl Fn(&Tables, &[Vec<u32>]) -> Vec<f64>,
) -> Vec<f64> {
    ids.iter().flat_map(|&id| vector(tables, &embedding.rows_of(id))).collect()
}

/// The sum of rows weighted by their importance, which is the last table if there is one.
fn weighted_sum(tables: &Tables, rows: &[Vec<u32>]) -> Vec<f64> {
    let n_hashes = rows[0].len();
    let mut vector = vec![0.0; D];
    for (hash, &row) in rows[0].iter().enumerate() {
        let weight = match rows.get(1) {
            Some(importance) => tables[1][importance[0] as usize * n_hashes + hash],
            None => 1.0 / (n_hashes as f64).sqrt(),
        };
        let row = &tables[0][row as usize * D..][..D];
        vector.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
    }
    vector
}

/// The rows of an id's digits, combined.
fn combined(combination: Combination) -> impl Fn(&Tables, &[Vec<u32>]) -> Vec<f64> {
    move |tables, rows| {
        let width = if combination == Combination::Concatenation { D / tables.len() } else { D };
        let parts = tables.iter().zip(rows).map(|(table, rows)| &table[rows[0] as usize * width..][..width]);
        let by_column = |at: usize| parts.clone().map(move |row| row[at]);
        match combination {
            Combination::Product => (0..D).map(|at| by_column(at).product()).collect(),
            Combination::Sum => (0..D).map(|at| by_column(at).sum()).collect(),
            Combination::Concatenation => parts.flatten().copied().collect(),
        }
    }
}

fn tables_of<M: FromRows>(embedding: &M) -> Tables {
    embedding.tables().into_iter().map(|table| wide(&table.vectors())).collect()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// What each element of the output counts in the loss.
fn coefficient(at: usize) -> f64 {
    (at as f64 * 0.7).cos()
}

/// Not linear, so that a gradient depends on the values.
fn loss(vectors: Tensor<2>) -> Tensor<1> {
    let [n, d] = vectors.dims();
    let coefficients: Vec<f32> = (0..n * d).map(|at| coefficient(at) as f32).collect();
    let coefficients = Tensor::<2>::from_data(TensorData::new(coefficients, [n, d]), &vectors.device());
    ((vectors.clone().square() + vectors) * coefficients).sum()
}

fn plain_loss(vectors: &[f64]) -> f64 {
    vectors.iter().enumerate().map(|(at, value)| (value * value + value) * coefficient(at)).sum()
}

/// Vectors, gradients and a step of `init`'s embedding on every device and for every batch.
fn conforms<M: FromRows>(
    what: &str,
    batches: &[&[u64]],
    init: impl Fn(&Device) -> M,
    vector: impl Fn(&Tables, &[Vec<u32>]) -> Vec<f64>,
) {
    for (name, device) in devices() {
        for &ids in batches {
            let what = format!("{what}, {name}, {ids:?}");
            let embedding = init(&device);
            let tables = tables_of(&embedding);
            let expected = plain(&embedding, &tables, ids, &vector);
            assert_close(&values(embedding.embed(ids, &mut Tape::off())), expected.iter().copied(), &what);

            let mut tape = Tape::new();
            let vectors = embedding.embed(ids, &mut tape);
            assert_close(&values(vectors.clone()), expected.iter().copied(), &what);
            let mut grads = loss(vectors).backward();
            let mut rows = tape.gradients(&mut grads);
            let of_tables = |tables: &Tables| plain_loss(&plain(&embedding, tables, ids, &vector));
            let gradients = check_gradients(&what, &embedding, ids, &mut rows, &tables, &of_tables);

            let mut expected = tables.clone();
            for (table, gradient) in expected.iter_mut().zip(&gradients) {
                table.iter_mut().zip(gradient).for_each(|(value, gradient)| *value -= LR * gradient);
            }
            let stepped = SparseOptimizer::new(SparseSgd::default()).step(LR, embedding.clone(), rows);
            for (table, expected) in stepped.tables().into_iter().zip(expected) {
                assert_close(&table.vectors(), expected, &what);
            }
            let (before, after) = (of_tables(&tables), of_tables(&tables_of(&stepped)));
            assert!(after < before, "{what}: the loss went from {before} to {after}");
        }
    }
}

/// Compares the gradient of every table with central differences of `loss` and returns the latter,
/// zeros for rows that were not touched.
fn check_gradients<M: FromRows>(
    what: &str,
    embedding: &M,
    ids: &[u64],
    gradients: &mut RowGradients,
    tables: &Tables,
    loss: &impl Fn(&Tables) -> f64,
) -> Tables {
    const STEP: f64 = 1e-5;
    assert_eq!(gradients.len(), tables.len(), "{what}");
    let mut found = Tables::new();
    for (index, table) in embedding.tables().into_iter().enumerate() {
        let width = table.d_embedding();
        let (mut touched, gradient) = gradients.get(table.weight.id).unwrap();
        let mut whole = vec![0f32; tables[index].len()];
        let mut differences = vec![0f64; whole.len()];
        for (&row, gradient) in touched.iter().zip(values(gradient).chunks_exact(width)) {
            whole[row as usize * width..][..width].copy_from_slice(gradient);
        }
        for (at, difference) in differences.iter_mut().enumerate() {
            let at = |change: f64| {
                let mut moved = tables.clone();
                moved[index][at] += change;
                loss(&moved)
            };
            *difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
        }
        assert_close(&whole, differences.iter().copied(), &format!("{what}, gradient of table {index}"));
        // Exactly the rows of the ids, each once.
        let mut expected: Vec<u32> =
            ids.iter().flat_map(|&id| embedding.rows_of(id).swap_remove(index)).collect();
        expected.sort_unstable();
        expected.dedup();
        touched.sort_unstable();
        assert_eq!(touched, expected, "{what}, table {index}");
        found.push(differences);
    }
    found
}

/// Duplicates, a batch of one, the ends of the range.
const HASHED: [&[u64]; 3] = [&[3, u64::MAX, 3, 1 << 40, 0, 3], &[u64::MAX], &[17, 17]];

/// With importances that are all different.
fn hashed(
    n_buckets: usize,
    n_hashes: usize,
    n_importance_rows: Option<usize>,
) -> impl Fn(&Device) -> HashEmbedding {
    let normal = TableInitializer::Normal { std: 0.5 };
    move |device| {
        let mut embedding = HashEmbeddingConfig::new(n_buckets, D)
            .with_n_hashes(n_hashes)
            .with_n_importance_rows(n_importance_rows)
            .with_initializer(normal)
            .with_seed(5)
            .init(device);
        embedding.importance = n_importance_rows.map(|n_rows| {
            EmbeddingTableConfig::new(n_rows, n_hashes).with_initializer(normal).with_seed(9).init(device)
        });
        embedding
    }
}

#[test]
fn one_hash() {
    conforms("one hash", &HASHED, hashed(7, 1, None), weighted_sum);
    conforms("one hash with importance", &HASHED, hashed(7, 1, Some(5)), weighted_sum);
}

#[test]
fn several_hashes() {
    // All hashes of all ids in one bucket, a few that are shared, and hardly any.
    for n_buckets in [1, 4, 50] {
        for n_importance_rows in [None, Some(1), Some(8)] {
            let what = format!("{n_buckets} buckets, importance of {n_importance_rows:?}");
            conforms(&what, &HASHED, hashed(n_buckets, 3, n_importance_rows), weighted_sum);
        }
    }
}

#[test]
fn composition() {
    for combination in [Combination::Product, Combination::Sum, Combination::Concatenation] {
        for radices in [vec![5, 4], vec![3, 2, 4]] {
            let what = format!("{combination:?} of {radices:?}");
            // One less than there is room for.
            let largest = radices.iter().product::<usize>() as u64 - 2;
            let config = CompositionalEmbeddingConfig::new(largest + 1, radices, D)
                .with_combination(combination)
                .with_std(0.5)
                .with_seed(5);
            let batches: [&[u64]; 3] = [&[3, largest, 3, 0, 7, 3], &[largest], &[11, 11]];
            conforms(&what, &batches, |device| config.init(device), combined(combination));
        }
    }
}

#[test]
fn first_values_are_the_same_bits_everywhere() {
    let bits = |device: &Device| -> Vec<Vec<u32>> {
        let hashed =
            HashEmbeddingConfig::new(7, D).with_n_hashes(3).with_n_importance_rows(Some(4)).init(device);
        let composed = CompositionalEmbeddingConfig::new(20, vec![5, 4], D).init(device);
        let tables = hashed.tables().into_iter().chain(composed.tables());
        tables.map(|table| table.vectors().into_iter().map(f32::to_bits).collect()).collect()
    };
    let (_, first) = devices().remove(0);
    let expected = bits(&first);
    assert_eq!(expected.len(), 4);
    for (name, device) in devices() {
        assert_eq!(bits(&device), expected, "{name}");
    }
}
