use super::Cutoff;

/// Ranks whose weights are computed once. Lists are rarely cut deeper, and a table of any `k` could not be
/// paid for.
const MAX_TABLE: usize = 1024;

/// What a hit is worth by its rank.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Weight {
    /// `1 / log2(rank + 1)`.
    Logarithmic,
    /// `(1 - p) p^(rank - 1)`.
    Geometric(f64),
}

impl Weight {
    fn at(self, rank: usize) -> f64 {
        match self {
            Self::Logarithmic => 1.0 / (rank as f64 + 1.0).log2(),
            Self::Geometric(p) => (1.0 - p) * p.powf(rank as f64 - 1.0),
        }
    }
}

/// The weights of the ranks 1 to `k` and their sums, computed once for as many ranks as a table may hold.
#[derive(Debug, Clone)]
pub(crate) struct RankWeights {
    weight: Weight,
    by_rank: Box<[f64]>,
    sums: Box<[f64]>,
}

impl RankWeights {
    pub(crate) fn new(weight: Weight, k: Cutoff) -> Self {
        let by_rank: Box<[f64]> = (1..=k.get().min(MAX_TABLE)).map(|rank| weight.at(rank)).collect();
        let sums = by_rank.iter().scan(0.0, |sum, value| {
            *sum += value;
            Some(*sum)
        });
        Self { weight, sums: sums.collect(), by_rank }
    }

    /// The weight of a rank; the best rank is 1.
    pub(crate) fn at(&self, rank: usize) -> f64 {
        let in_table = self.by_rank.get(rank.wrapping_sub(1));
        in_table.copied().unwrap_or_else(|| self.weight.at(rank))
    }

    /// The sum of the weights of `ranks`, in their order.
    pub(crate) fn sum(&self, ranks: &[usize]) -> f64 {
        ranks.iter().fold(0.0, |sum, &rank| sum + self.at(rank))
    }

    /// The sum of the weights of the ranks 1 to `n`; the same bits as [`sum`](Self::sum) of those ranks.
    pub(crate) fn sum_to(&self, n: usize) -> f64 {
        match n.checked_sub(1).map(|last| self.sums.get(last)) {
            None => 0.0,
            Some(Some(&sum)) => sum,
            Some(None) => {
                let of_table = self.sums.last().map_or(0.0, |&sum| sum);
                (self.sums.len() + 1..=n).fold(of_table, |sum, rank| sum + self.weight.at(rank))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_beyond_the_table_are_computed() {
        for weight in [Weight::Logarithmic, Weight::Geometric(0.99)] {
            let weights = RankWeights::new(weight, Cutoff::new(5_000).unwrap());
            assert_eq!(weights.by_rank.len(), MAX_TABLE);
            let ranks: Vec<usize> = (1..=3_000).collect();
            for n in [0, 1, MAX_TABLE, MAX_TABLE + 1, 3_000] {
                assert_eq!(weights.sum_to(n).to_bits(), weights.sum(&ranks[..n]).to_bits(), "{n}");
            }
        }
    }

    #[test]
    fn weights_follow_their_formulas() {
        let k = Cutoff::new(3).unwrap();
        assert_eq!(RankWeights::new(Weight::Logarithmic, k).at(3), 1.0 / 2.0);
        assert_eq!(RankWeights::new(Weight::Geometric(0.5), k).at(3), 0.5 * 0.25);
    }
}
