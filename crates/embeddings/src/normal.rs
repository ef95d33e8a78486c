//! Normal variates with the same bits everywhere.
//!
//! The C library's `ln` and `cos` differ from platform to platform in the last bit. Here are only
//! additions, multiplications, divisions and square roots of `f32`, which IEEE 754 rounds in one way,
//! and bit operations. There are no branches and no tables, so a loop over [`box_muller`] becomes
//! vector code; calls of a library function for each element would not.

use std::f32::consts::{LN_2, TAU};

/// Taylor coefficients in the square of the argument: `sin x / x`, `cos x` and `artanh x / x`. Up to a
/// quarter turn the first term left out is below 6e-8 and 7e-9, for `|x| < 0.172` below 3e-9.
const SINE: [f32; 6] = [1.0, -1.0 / 6.0, 1.0 / 120.0, -1.0 / 5_040.0, 1.0 / 362_880.0, -1.0 / 39_916_800.0];
const COSINE: [f32; 7] =
    [1.0, -1.0 / 2.0, 1.0 / 24.0, -1.0 / 720.0, 1.0 / 40_320.0, -1.0 / 3_628_800.0, 1.0 / 479_001_600.0];
const ARTANH: [f32; 5] = [1.0, 1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0];

/// Two independent standard normal values from two independent uniform ones (Box and Muller 1958).
///
/// `radius` is in `(0, 1]` and `turn`, the angle in turns, in `[-1/2, 1/2]`. The largest error is below
/// 1e-6 of the values' distance from the origin.
#[inline(always)]
pub(crate) fn box_muller(radius: f32, turn: f32) -> (f32, f32) {
    let distance = (-2.0 * ln(radius)).sqrt();
    // Folded to a quarter turn either way: cos t = sin(1/4 - |t|), sin |t| = cos(1/4 - |t|) in turns.
    let angle = (0.25 - turn.abs()) * TAU;
    let square = angle * angle;
    let sine = angle * polynomial(square, SINE);
    let cosine = polynomial(square, COSINE);
    (distance * sine, distance * cosine.copysign(turn))
}

/// The natural logarithm of a positive normal number.
#[inline(always)]
fn ln(x: f32) -> f32 {
    // x = 2^exponent * mantissa, with the mantissa in [sqrt(1/2), sqrt(2)).
    const SQRT_HALF: i32 = std::f32::consts::FRAC_1_SQRT_2.to_bits() as i32;
    let above = x.to_bits() as i32 - SQRT_HALF;
    let exponent = (above >> 23) as f32;
    let mantissa = f32::from_bits(((above & 0x007F_FFFF) + SQRT_HALF) as u32);
    // ln m = 2 artanh((m - 1) / (m + 1)).
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let artanh = ratio * polynomial(ratio * ratio, ARTANH);
    exponent * LN_2 + 2.0 * artanh
}

/// The polynomial in `x` with these coefficients, the constant first.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[N - 1];
    for &coefficient in coefficients[..N - 1].iter().rev() {
        sum = sum * x + coefficient;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_right_to_float_precision() {
        for i in 1..=1_000_000u32 {
            let x = i as f32 / 1e6;
            let (actual, expected) = (f64::from(ln(x)), f64::from(x).ln());
            assert!((actual - expected).abs() <= 3e-7 * expected.abs(), "ln {x}: {actual}, not {expected}");
        }
        assert_eq!((ln(1.0), ln(0.5)), (0.0, -LN_2));
    }

    #[test]
    fn points_are_where_radius_and_angle_say() {
        for i in 0..=100_000u32 {
            let (radius, turn) = ((i as f32 + 1.0) / 100_001.0, i as f32 / 100_000.0 - 0.5);
            let (x, y) = box_muller(radius, turn);
            let distance = (-2.0 * f64::from(radius).ln()).sqrt();
            let (sine, cosine) = (f64::from(turn) * std::f64::consts::TAU).sin_cos();
            let error = (f64::from(x) - distance * cosine).hypot(f64::from(y) - distance * sine);
            assert!(error <= 1e-6 * distance, "radius {radius}, turn {turn}: off by {error}");
        }
    }
}
