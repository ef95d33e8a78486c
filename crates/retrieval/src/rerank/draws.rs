//! Random numbers of one visit.

/// Draws that depend on nothing but a seed, a user and a visit: a counter through the finaliser of SplitMix64
/// (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
#[derive(Debug)]
pub(super) struct Draws {
    key: u64,
    counter: u64,
}

impl Draws {
    pub(super) fn new(seed: u64, user: u64, visit: u64) -> Self {
        Draws { key: mix(mix(mix(seed) ^ user) ^ visit), counter: 0 }
    }

    /// Above 0 and below 1.
    pub(super) fn uniform(&mut self) -> f64 {
        self.counter = self.counter.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let bits = mix(self.key.wrapping_add(self.counter)) >> 12;
        (bits as f64 + 0.5) / (1u64 << 52) as f64
    }

    /// From the beta distribution with parameters of at least 1.
    pub(super) fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (a, b) = (self.gamma(a), self.gamma(b));
        a / (a + b)
    }

    /// From the gamma distribution with a shape of at least 1 (Marsaglia and Tsang 2000, "A simple method for
    /// generating gamma variables").
    fn gamma(&mut self, shape: f64) -> f64 {
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let (normal, uniform) = (self.normal(), self.uniform());
            let v = (1.0 + c * normal).powi(3);
            if v > 0.0 && uniform.ln() < 0.5 * normal * normal + d * (1.0 - v + v.ln()) {
                return d * v;
            }
        }
    }

    /// Box and Muller.
    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beta_draws_have_the_mean_and_variance_of_their_law() {
        for (a, b) in [(1.0, 1.0), (3.0, 9.0), (40.0, 2.0)] {
            let n = 20_000;
            let values: Vec<f64> = (0..n).map(|visit| Draws::new(7, 3, visit).beta(a, b)).collect();
            let mean = values.iter().sum::<f64>() / n as f64;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n as f64;
            let expected = a / (a + b);
            let spread = a * b / ((a + b).powi(2) * (a + b + 1.0));
            assert!((mean - expected).abs() < 5.0 * (spread / n as f64).sqrt(), "{mean} of {expected}");
            assert!((variance / spread - 1.0).abs() < 0.06, "{variance} of {spread}");
        }
    }
}
