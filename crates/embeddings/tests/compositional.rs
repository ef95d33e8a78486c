//! Compositional embeddings against plain Rust.

use std::collections::HashSet;

use burn_recsys_embeddings::{
    Combination, CompositionalEmbedding, CompositionalEmbeddingConfig, EmbeddingTable, IdEmbedding,
    SparseOptimizer, SparseSgd, Tape,
};
use proptest::prelude::*;

use crate::finite_differences::check_gradients;
use crate::{device, values};

const COMBINATIONS: [Combination; 3] = [Combination::Product, Combination::Sum, Combination::Concatenation];

fn embedding(radices: &[usize], combination: Combination) -> CompositionalEmbedding {
    let n_ids = radices.iter().product::<usize>() as u64;
    CompositionalEmbeddingConfig::new(n_ids, radices.to_vec(), 6)
        .with_combination(combination)
        .with_std(0.5)
        .init(&device())
}

/// The digits of `id`, by repeated division.
fn digits(mut id: usize, radices: &[usize]) -> Vec<usize> {
    let digit = |radix: &usize| {
        let digit = id % radix;
        id /= radix;
        digit
    };
    radices.iter().map(digit).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_id_has_rows_of_its_own(radices in prop::collection::vec(1usize..9, 1..5), spare in 0.0..1.0) {
        let capacity = radices.iter().product::<usize>() as u64;
        let n_ids = 1 + ((capacity - 1) as f64 * spare) as u64;
        let embedding = CompositionalEmbeddingConfig::new(n_ids, radices.clone(), 1).init(&device());
        let rows: HashSet<Vec<u32>> = (0..n_ids).map(|id| embedding.rows(id)).collect();
        prop_assert_eq!(rows.len() as u64, n_ids);
        for rows in rows {
            prop_assert!(rows.iter().zip(&radices).all(|(&row, &radix)| (row as usize) < radix));
        }
    }

    #[test]
    fn vectors_are_combinations_of_rows(ids in prop::collection::vec(0u64..24, 1..20)) {
        let radices = [4, 2, 3];
        for combination in COMBINATIONS {
            let embedding = embedding(&radices, combination);
            let tables: Vec<Vec<f32>> = embedding.tables.iter().map(EmbeddingTable::vectors).collect();
            let mut expected = Vec::new();
            for &id in &ids {
                let digits = digits(id as usize, &radices);
                let row = |table: usize, width: usize| &tables[table][digits[table] * width..][..width];
                match combination {
                    Combination::Product => {
                        expected.extend((0..6).map(|i| row(0, 6)[i] * row(1, 6)[i] * row(2, 6)[i]));
                    }
                    Combination::Sum => {
                        expected.extend((0..6).map(|i| row(0, 6)[i] + row(1, 6)[i] + row(2, 6)[i]));
                    }
                    Combination::Concatenation => {
                        (0..3).for_each(|table| expected.extend(row(table, 2)));
                    }
                }
            }
            prop_assert_eq!(embedding.d_embedding(), 6);
            prop_assert_eq!(&values(embedding.forward(&ids, &mut Tape::off())), &expected);
            prop_assert_eq!(&values(embedding.embed(&ids, &mut Tape::new())), &expected);
        }
    }
}

#[test]
fn quotient_and_remainder_are_the_case_of_two() {
    let embedding = CompositionalEmbeddingConfig::quotient_remainder(1003, 10, 2).init(&device());
    let n_rows: Vec<usize> = embedding.tables.iter().map(EmbeddingTable::n_rows).collect();
    assert_eq!(n_rows, [10, 101]); // ceil(1003 / 10)
    assert_eq!(embedding.rows(1002), [2, 100]);
    assert_eq!(embedding.rows(7), [7, 0]);
}

#[test]
fn gradients_reach_every_table() {
    for combination in COMBINATIONS {
        let embedding = embedding(&[3, 2, 2], combination);
        let n_tables =
            check_gradients(&embedding, 1e-3, |embedding, tape| embedding.forward(&[0, 11, 5, 11], tape));
        assert_eq!(n_tables, 3, "{combination:?}");
    }
}

#[test]
fn only_the_rows_of_an_id_move() {
    for combination in COMBINATIONS {
        let embedding = embedding(&[5, 4], combination);
        let before: Vec<Vec<f32>> = embedding.tables.iter().map(EmbeddingTable::vectors).collect();
        let mut tape = Tape::new();
        let mut grads = embedding.forward(&[13], &mut tape).sum().backward();
        let touched = tape.gradients(&mut grads);
        let embedding = SparseOptimizer::new(SparseSgd::default()).step(0.1, embedding, touched);
        for ((table, before), moved) in embedding.tables.iter().zip(before).zip([3, 2]) {
            let (after, width) = (table.vectors(), table.d_embedding());
            for row in 0..table.n_rows() {
                let is_same = before[row * width..][..width] == after[row * width..][..width];
                assert_eq!(is_same, row != moved, "{combination:?}, row {row}");
            }
        }
    }
}

#[test]
fn first_vectors_have_the_scale_asked_for() {
    let radices = vec![60, 50, 40];
    let ids: Vec<u64> = (0..120_000).step_by(7).collect();
    for combination in COMBINATIONS {
        let embedding = CompositionalEmbeddingConfig::new(120_000, radices.clone(), 48)
            .with_combination(combination)
            .with_std(0.2)
            .init(&device());
        let vectors = values(embedding.forward(&ids, &mut Tape::off()));
        let mean_square = vectors.iter().map(|v| v * v).sum::<f32>() / vectors.len() as f32;
        // The tables have some 2,000 values each, and the products' squares are skewed.
        assert!((mean_square.sqrt() / 0.2 - 1.0).abs() < 0.06, "{combination:?}: {}", mean_square.sqrt());
    }
}

#[test]
fn tables_of_equal_size_begin_differently() {
    let embedding = embedding(&[4, 4], Combination::Sum);
    assert_ne!(embedding.tables[0].vectors(), embedding.tables[1].vectors());
}

#[test]
#[should_panic(expected = "id 12 is not in a compositional embedding of 12 ids")]
fn an_id_beyond_the_last_panics() {
    embedding(&[3, 4], Combination::Sum).forward(&[0, 12], &mut Tape::new());
}

#[test]
#[should_panic(expected = "2 radices [3, 4] tell 12 ids apart; there are 13")]
fn too_small_radices_panic() {
    CompositionalEmbeddingConfig::new(13, vec![3, 4], 2).init(&device());
}

#[test]
#[should_panic(expected = "vectors of 5 are not made of 2 rows of equal width")]
fn a_width_that_cannot_be_shared_panics() {
    CompositionalEmbeddingConfig::new(12, vec![3, 4], 5)
        .with_combination(Combination::Concatenation)
        .init(&device());
}
