//! Normally distributed numbers.

use burn_recsys_data::random::Draws;

/// Two independent standard normal values (Box and Muller 1958, "A note on the generation of random normal
/// deviates").
pub(crate) fn normal_pair(draws: &mut Draws) -> [f64; 2] {
    let radius = (-2.0 * (1.0 - draws.uniform()).ln()).sqrt();
    let (sine, cosine) = (std::f64::consts::TAU * draws.uniform()).sin_cos();
    [radius * cosine, radius * sine]
}
