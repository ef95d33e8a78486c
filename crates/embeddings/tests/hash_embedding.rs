//! Hash embeddings against plain Rust.

use burn::module::Param;
use burn::tensor::{Tensor, TensorData};
use burn_recsys_embeddings::{
    EmbeddingTable, HashEmbedding, HashEmbeddingConfig, IdEmbedding, SparseOptimizer, SparseSgd,
    TableInitializer, Tape,
};
use proptest::prelude::*;

use crate::finite_differences::check_gradients;
use crate::{device, table, values};

const IDS: [u64; 5] = [3, u64::MAX, 3, 1 << 40, 0];

/// With importances that are all different.
fn embedding(n_buckets: usize, n_hashes: usize, n_importance_rows: Option<usize>) -> HashEmbedding {
    let mut embedding = HashEmbeddingConfig::new(n_buckets, 3)
        .with_n_hashes(n_hashes)
        .with_n_importance_rows(n_importance_rows)
        .with_seed(5)
        .init(&device());
    if let Some(importance) = &mut embedding.importance {
        *importance = table(importance.n_rows(), n_hashes, 9);
    }
    embedding
}

/// What the documentation says.
fn reference(embedding: &HashEmbedding, ids: &[u64]) -> Vec<f32> {
    let n_hashes = embedding.n_hashes();
    let buckets = embedding.buckets.vectors();
    let importance = embedding.importance.as_ref().map(EmbeddingTable::vectors);
    let mut vectors = Vec::new();
    for &id in ids {
        let rows = embedding.hash_rows(id);
        let mut vector = [0.0; 3];
        for (hash, row) in rows.into_iter().enumerate() {
            let weight = match (&importance, embedding.importance_row(id)) {
                (Some(table), Some(row)) => table[row as usize * n_hashes + hash],
                _ => 1.0 / (n_hashes as f32).sqrt(),
            };
            for column in 0..3 {
                vector[column] += weight * buckets[row as usize * 3 + column];
            }
        }
        vectors.extend(vector);
    }
    vectors
}

fn assert_close(actual: &[f32], expected: &[f32]) {
    assert_eq!(actual.len(), expected.len());
    for (index, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        assert!((actual - expected).abs() < 1e-5, "element {index}: {actual}, expected {expected}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn vectors_are_weighted_sums(
        ids in prop::collection::vec(any::<u64>(), 1..20),
        n_hashes in 1usize..5,
        n_importance_rows in prop::option::of(1usize..9),
    ) {
        let embedding = embedding(7, n_hashes, n_importance_rows);
        let expected = reference(&embedding, &ids);
        assert_close(&values(embedding.forward(&ids, &mut Tape::off())), &expected);
        assert_close(&values(embedding.embed(&ids, &mut Tape::new())), &expected);
    }
}

#[test]
fn one_hash_without_importance_is_the_hashing_trick() {
    let embedding = embedding(7, 1, None);
    let rows: Vec<u32> = IDS.iter().map(|&id| embedding.hash_rows(id)[0]).collect();
    assert_eq!(values(embedding.forward(&IDS, &mut Tape::off())), values(embedding.buckets.lookup(&rows)));
    assert_eq!(embedding.importance_row(3), None);
}

#[test]
fn gradients_reach_both_tables() {
    // With one bucket every hash of every id is in the same row.
    for n_buckets in [1, 4] {
        let n_tables = check_gradients(&embedding(n_buckets, 3, Some(4)), 1e-3, |embedding, tape| {
            embedding.forward(&IDS, tape)
        });
        assert_eq!(n_tables, 2);
        let n_tables = check_gradients(&embedding(n_buckets, 3, None), 1e-3, |embedding, tape| {
            embedding.forward(&IDS, tape)
        });
        assert_eq!(n_tables, 1);
    }
}

#[test]
fn only_the_rows_of_an_id_move() {
    let embedding = embedding(50, 2, Some(40));
    let id = 123;
    let (rows, importance_row) = (embedding.hash_rows(id), embedding.importance_row(id));
    let before = [embedding.buckets.vectors(), embedding.importance.as_ref().map_or(vec![], |t| t.vectors())];
    let mut tape = Tape::new();
    let mut grads = embedding.forward(&[id, id], &mut tape).sum().backward();
    let touched = tape.gradients(&mut grads);
    let embedding = SparseOptimizer::new(SparseSgd::default()).step(0.1, embedding, touched);
    let after = [embedding.buckets.vectors(), embedding.importance.as_ref().map_or(vec![], |t| t.vectors())];
    for row in 0..50 {
        let moved = before[0][row * 3..][..3] != after[0][row * 3..][..3];
        assert_eq!(moved, rows.contains(&(row as u32)), "bucket {row}");
    }
    for row in 0..40 {
        let moved = before[1][row * 2..][..2] != after[1][row * 2..][..2];
        assert_eq!(moved, importance_row == Some(row as u32), "importance row {row}");
    }
}

/// The deviation of rows is that of fresh vectors, however many rows make them up.
#[test]
fn first_vectors_have_the_scale_asked_for() {
    let ids: Vec<u64> = (0..5000).collect();
    for n_hashes in [1, 2, 5] {
        for n_importance_rows in [None, Some(100)] {
            let embedding = HashEmbeddingConfig::new(20_000, 8)
                .with_initializer(TableInitializer::Normal { std: 0.3 })
                .with_n_hashes(n_hashes)
                .with_n_importance_rows(n_importance_rows)
                .init(&device());
            let vectors = values(embedding.forward(&ids, &mut Tape::off()));
            let mean_square = vectors.iter().map(|v| v * v).sum::<f32>() / vectors.len() as f32;
            assert!((mean_square.sqrt() / 0.3 - 1.0).abs() < 0.03, "{n_hashes}: {}", mean_square.sqrt());
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_embedding() {
    let config = HashEmbeddingConfig::new(1000, 3).with_n_importance_rows(Some(100));
    let [first, second] = [(); 2].map(|()| config.init(&device()));
    assert_eq!(values(first.forward(&IDS, &mut Tape::off())), values(second.forward(&IDS, &mut Tape::off())));
    let other = config.clone().with_seed(1).init(&device());
    assert_ne!(first.hash_rows(3), other.hash_rows(3));
    // Committed: a trained table is worthless with other hash functions.
    assert_eq!((first.hash_rows(3), first.importance_row(3)), (vec![978, 760], Some(11)));
}

#[test]
fn ids_that_share_an_importance_or_a_row_differ() {
    let embedding = HashEmbeddingConfig::new(1000, 8).with_n_hashes(4).init(&device());
    let vectors = values(embedding.forward(&(0..2000).collect::<Vec<u64>>(), &mut Tape::off()));
    let mut distinct: Vec<Vec<u32>> =
        vectors.chunks(8).map(|vector| vector.iter().map(|v| v.to_bits()).collect()).collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 2000);
}

#[test]
#[should_panic(expected = "needs 1 or more hashes; asked for 0")]
fn no_hashes_panics() {
    HashEmbeddingConfig::new(10, 2).with_n_hashes(0).init(&device());
}

#[test]
fn importance_can_be_replaced() {
    let mut embedding = embedding(5, 2, Some(1));
    let weight = Tensor::from_data(TensorData::new(vec![1.0f32, 0.0], [1, 2]), &device());
    if let Some(importance) = &mut embedding.importance {
        importance.weight = Param::from_tensor(weight).set_require_grad(false);
    }
    // Now the second hash does not count.
    let first: Vec<u32> = IDS.iter().map(|&id| embedding.hash_rows(id)[0]).collect();
    assert_eq!(values(embedding.forward(&IDS, &mut Tape::off())), values(embedding.buckets.lookup(&first)));
}
