use std::fmt;

/// Lists that rank each relevant item among a few sampled ones instead of the whole catalogue.
///
/// Hand it to [`RankingEvaluator::with_sampled_candidates`](crate::RankingEvaluator::with_sampled_candidates):
/// the report then says what its numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampledCandidates {
    /// Sampled items that stand beside the relevant ones, for each user.
    pub n_negatives: u64,
    /// Items of the catalogue that could have stood there.
    pub n_items: u64,
}

impl SampledCandidates {
    /// The rank in the whole catalogue that is expected of an item at `rank` among the candidates, if the
    /// candidates are drawn uniformly: `1 + (n_items - 1) (rank - 1) / n_negatives` (Krichene and Rendle, On
    /// sampled metrics for item recommendation, KDD 2020, section 5). `None` without negatives.
    pub fn expected_rank(&self, rank: u64) -> Option<f64> {
        let others = self.n_items.saturating_sub(1) as f64;
        (self.n_negatives > 0)
            .then(|| 1.0 + others * (rank.saturating_sub(1)) as f64 / self.n_negatives as f64)
    }
}

/// What a reader of a report must know to read its numbers rightly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The lists rank sampled candidates.
    SampledCandidates(SampledCandidates),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Warning::SampledCandidates(candidates) = self;
        let SampledCandidates { n_negatives, n_items } = candidates;
        write!(
            f,
            "relevant items were ranked among {n_negatives} sampled candidates, not all {n_items} items: "
        )?;
        write!(f, "values are far above those of full ranking and can order models differently")?;
        if let Some(rank) = candidates.expected_rank(2) {
            write!(f, "; rank 2 here stands for about rank {rank:.0} there")?;
        }
        write!(f, " (Krichene and Rendle 2020). Compare them only with values of the same candidates")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_among_few_stand_for_ranks_among_all() {
        let candidates = SampledCandidates { n_negatives: 99, n_items: 9_901 };
        assert_eq!(candidates.expected_rank(1), Some(1.0));
        assert_eq!(candidates.expected_rank(3), Some(201.0));
        assert_eq!(SampledCandidates { n_negatives: 0, n_items: 5 }.expected_rank(1), None);
        let warning = Warning::SampledCandidates(candidates).to_string();
        assert!(warning.contains("99 sampled candidates, not all 9901 items"), "{warning}");
        assert!(warning.contains("rank 2 here stands for about rank 101 there"), "{warning}");
    }
}
