//! Vectors to search.

use std::f64::consts::TAU;

use burn_recsys_data::random::{Draws, Random, Stream};
use rayon::prelude::*;

/// Unit vectors around common centres: items and queries of one law. Vectors of towers lie in clusters, and graphs
/// do better on them than on vectors without any structure.
///
/// A vector is its centre, drawn uniformly, plus as much noise, of normal components both, brought to length 1.
///
/// # Shapes
/// - gives `[n_items, d]` and `[n_queries, d]`
pub(super) fn generate(seed: u64, sizes: [usize; 2], n_centres: usize, d: usize) -> (Vec<f32>, Vec<f32>) {
    let centres: Vec<f64> = {
        let random = Random::new(seed, Stream::Synthetic, 0);
        (0..n_centres).flat_map(|centre| normals(&mut random.row(centre as u64), d)).collect()
    };
    let rows = |epoch: u64, n: usize| -> Vec<f32> {
        let random = Random::new(seed, Stream::Synthetic, epoch);
        let row = |row: usize| {
            let mut draws = random.row(row as u64);
            let centre = draws.below(n_centres as u32) as usize * d;
            let noise = normals(&mut draws, d);
            let values: Vec<f64> = noise.iter().zip(&centres[centre..]).map(|(a, b)| a + b).collect();
            let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
            values.into_iter().map(move |value| (value / norm) as f32)
        };
        (0..n).into_par_iter().flat_map_iter(row).collect()
    };
    (rows(1, sizes[0]), rows(2, sizes[1]))
}

/// Normal numbers (Box and Muller).
fn normals(draws: &mut Draws, n: usize) -> Vec<f64> {
    (0..n).map(|_| (-2.0 * (1.0 - draws.uniform()).ln()).sqrt() * (TAU * draws.uniform()).cos()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_of_length_one_and_lie_in_clusters() {
        let d = 64;
        let (items, queries) = generate(3, [400, 50], 4, d);
        assert_eq!((items.len(), queries.len()), (400 * d, 50 * d));
        let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        assert!(items.chunks_exact(d).all(|row| (product(row, row) - 1.0).abs() < 1e-5));
        // The cosine with another of the same centre is about one half, with others about 0.
        let cosines: Vec<f32> = items.chunks_exact(d).map(|row| product(row, &queries[..d])).collect();
        let close = cosines.iter().filter(|&&cosine| cosine > 0.25).count();
        assert!((60..180).contains(&close), "{close} of 400, about 100 of the same centre");
        assert_eq!(generate(3, [400, 50], 4, d).0, items);
    }
}
