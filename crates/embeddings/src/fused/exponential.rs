//! The exponential function in a form that becomes vector instructions.

/// `exp(x)` for `x` of at most 0, to 2 units in the last place; below -87 it is that of -87, about 1e-38.
///
/// `x = n ln 2 + r`, and a polynomial for `exp(r)` (the coefficients of Cephes' `expf`). Nothing is fused, so
/// the bits are the same on every processor.
#[inline(always)]
pub(super) fn exp_of_negative(x: f32) -> f32 {
    // 1.5 * 2^23: what is added to it is rounded to a whole number.
    const ROUND: f32 = 12_582_912.0;
    // Not `max`: NaN stays.
    let x = if x < -87.0 { -87.0 } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        p = p * r + c;
    }
    let power = rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    (p * (r * r) + r + 1.0) * f32::from_bits(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_exp() {
        for at in 0..=870_000 {
            let x = -(at as f32) * 1e-4;
            let (actual, expected) = (f64::from(exp_of_negative(x)), f64::from(x).exp());
            assert!((actual / expected - 1.0).abs() < 2.5e-7, "{x}: {actual} {expected}");
        }
        assert_eq!(exp_of_negative(0.0), 1.0);
        assert_eq!(exp_of_negative(f32::NEG_INFINITY), exp_of_negative(-87.0));
        assert!(exp_of_negative(f32::NAN).is_nan());
    }
}
