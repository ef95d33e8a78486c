//! What diversity does to pages: users of several interests, of which a visit has one.

use burn_recsys_data::random::{Draws, Random, Stream};
use burn_recsys_metrics::statistics::{Interval, student_interval};
use burn_recsys_retrieval::rerank::maximal_marginal_relevance;
use burn_recsys_retrieval::{Hit, top_k};
use rayon::prelude::*;
use serde::Serialize;

use crate::{Error, Result};

/// Users, items and pages of [`simulate_pages`].
///
/// A user has a few interests, each with its share of visits; an item is of one category and has a quality. In
/// a visit the user wants one category: an item of it is clicked with the item's quality as probability, any
/// other with `chance`. The recommender knows all of that but what the visit is for, so an item's score is its
/// click probability averaged over the user's interests: the best that a ranking item by item can do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PageSimulation {
    /// How many users. Default 2,000.
    pub n_users: usize,
    /// How many categories. Default 20.
    pub n_categories: usize,
    /// How many of them interest a user. Default 4.
    pub n_interests: usize,
    /// Items of each category. Default 50.
    pub n_items_per_category: usize,
    /// Items on a page. Default 10.
    pub page: usize,
    /// The probability of a click on what the visit is not for. Default 0.01.
    pub chance: f64,
    /// The weights of similarity to try. Default 0, 0.05, ..., 0.5, from where no category comes twice.
    pub betas: Vec<f32>,
    /// What interests and qualities are a function of. Default 1.
    pub seed: u64,
}

impl Default for PageSimulation {
    fn default() -> Self {
        PageSimulation {
            n_users: 2_000,
            n_categories: 20,
            n_interests: 4,
            n_items_per_category: 50,
            page: 10,
            chance: 0.01,
            betas: (0..=10).map(|twentieth| twentieth as f32 / 20.0).collect(),
            seed: 1,
        }
    }
}

/// What pages made with one weight of similarity get, expected over visits and clicks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PageOutcome {
    /// The weight of similarity.
    pub beta: f32,
    /// The probability that a page gets a click, mean over users.
    pub page_click_through: f64,
    /// Its interval by Student's t over users.
    pub page_interval: Option<[f64; 2]>,
    /// The share of items that are clicked.
    pub item_click_through: f64,
    /// Its interval.
    pub item_interval: Option<[f64; 2]>,
    /// Categories on a page.
    pub n_categories: f64,
}

/// Pages by maximal marginal relevance with every weight of similarity, and their click-through.
///
/// Expectations over visits and clicks are computed, not drawn; what is drawn are users and items.
///
/// # Errors
/// If a count is 0, there are fewer categories than interests, or a weight is not between 0 and 1.
pub fn simulate_pages(simulation: &PageSimulation) -> Result<Vec<PageOutcome>> {
    simulation.validate()?;
    let random = Random::new(simulation.seed, Stream::Synthetic, 0);
    let n_items = simulation.n_categories * simulation.n_items_per_category;
    let mut draws = random.row(0);
    let qualities: Vec<f64> = (0..n_items).map(|_| 0.05 + 0.25 * draws.uniform()).collect();
    let mut outcomes = Vec::new();
    for &beta in &simulation.betas {
        let of_users: Vec<[f64; 3]> = (0..simulation.n_users as u64)
            .into_par_iter()
            .map(|user| {
                let interests = simulation.interests(&mut random.row(1 + user));
                simulation.page(&interests, &qualities, beta)
            })
            .collect::<Result<_>>()?;
        let column = |at: usize| of_users.iter().map(|values| values[at]).collect::<Vec<f64>>();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let bounds = |values: &[f64]| {
            let interval: Option<Interval> = student_interval(values, Default::default());
            interval.map(|interval| [interval.lower, interval.upper])
        };
        let (pages, items) = (column(0), column(1));
        outcomes.push(PageOutcome {
            beta,
            page_click_through: mean(&pages),
            page_interval: bounds(&pages),
            item_click_through: mean(&items),
            item_interval: bounds(&items),
            n_categories: mean(&column(2)),
        });
    }
    Ok(outcomes)
}

impl PageSimulation {
    fn validate(&self) -> Result<()> {
        let refuse = |key, message: String| Err(Error::Config { key, message });
        let counts =
            [self.n_users, self.n_categories, self.n_interests, self.n_items_per_category, self.page];
        if counts.contains(&0) {
            return refuse(
                "pages",
                "a count is 0; there must be users, categories, interests and items".into(),
            );
        }
        if self.n_interests > self.n_categories {
            let (interests, categories) = (self.n_interests, self.n_categories);
            return refuse("n_interests", format!("{interests} interests among {categories} categories"));
        }
        if let Some(beta) = self.betas.iter().find(|beta| !(0.0..=1.0).contains(*beta)) {
            return refuse("betas", format!("{beta} is not between 0 and 1"));
        }
        match (0.0..=1.0).contains(&self.chance) {
            true => Ok(()),
            false => refuse("chance", format!("{} is no probability", self.chance)),
        }
    }

    /// The share of a user's visits for every category: some categories, with weights uniform on the simplex.
    fn interests(&self, draws: &mut Draws) -> Vec<f64> {
        let mut shares = vec![0.0; self.n_categories];
        let mut left: Vec<usize> = (0..self.n_categories).collect();
        for _ in 0..self.n_interests {
            let category = left.swap_remove(draws.below(left.len() as u32) as usize);
            // Exponential variables over their sum.
            shares[category] = -(1.0 - draws.uniform()).ln();
        }
        let sum: f64 = shares.iter().sum();
        shares.iter().map(|share| share / sum).collect()
    }

    fn category(&self, item: u32) -> usize {
        item as usize / self.n_items_per_category
    }

    /// The probability of a click on an item in a visit for `wanted`.
    fn click(&self, item: u32, qualities: &[f64], wanted: usize) -> f64 {
        if self.category(item) == wanted { qualities[item as usize] } else { self.chance }
    }

    /// Page-level and item-level click-through, and the number of categories.
    fn page(&self, interests: &[f64], qualities: &[f64], beta: f32) -> Result<[f64; 3]> {
        let wanted = || interests.iter().enumerate().filter(|(_, share)| **share > 0.0);
        let scores: Vec<f32> = (0..qualities.len() as u32)
            .map(|item| wanted().map(|(c, share)| share * self.click(item, qualities, c)).sum::<f64>() as f32)
            .collect();
        // Of each category no more than a page can be shown, and every one is among the candidates.
        let ranked = top_k(&scores, scores.len(), &[])
            .map_err(|item| burn_recsys_retrieval::Error::NanScore { query: 0, item })?;
        let mut shown = vec![0; self.n_categories];
        let candidates: Vec<Hit> = ranked
            .into_iter()
            .filter(|hit| {
                shown[self.category(hit.item)] += 1;
                shown[self.category(hit.item)] <= self.page
            })
            .collect();
        let same = |a: u32, b: u32| f32::from(self.category(a) == self.category(b));
        let page = maximal_marginal_relevance(&of_unit_range(&candidates), self.page, beta, same)?;
        let click_somewhere = |wanted: usize| {
            1.0 - page.iter().map(|hit| 1.0 - self.click(hit.item, qualities, wanted)).product::<f64>()
        };
        let clicks = |wanted: usize| -> f64 {
            page.iter().map(|hit| self.click(hit.item, qualities, wanted)).sum::<f64>() / page.len() as f64
        };
        let mut categories: Vec<usize> = page.iter().map(|hit| self.category(hit.item)).collect();
        categories.sort_unstable();
        categories.dedup();
        Ok([
            wanted().map(|(category, share)| share * click_somewhere(category)).sum(),
            wanted().map(|(category, share)| share * clicks(category)).sum(),
            categories.len() as f64,
        ])
    }
}

/// The same order with scores from 0 to 1, so that they compare with similarities.
pub(crate) fn of_unit_range(hits: &[Hit]) -> Vec<Hit> {
    let best = hits.iter().map(|hit| hit.score).fold(f32::NEG_INFINITY, f32::max);
    let worst = hits.iter().map(|hit| hit.score).fold(f32::INFINITY, f32::min);
    let range = best - worst;
    let scaled = |score: f32| if range > 0.0 { (score - worst) / range } else { 1.0 };
    hits.iter().map(|hit| Hit { item: hit.item, score: scaled(hit.score) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> PageSimulation {
        PageSimulation { n_users: 100, betas: vec![0.0, 0.4, 0.45], ..PageSimulation::default() }
    }

    #[test]
    fn one_interest_is_served_best_without_diversity() {
        let outcomes = simulate_pages(&PageSimulation { n_interests: 1, ..small() }).unwrap();
        assert!(outcomes.windows(2).all(|pair| pair[0].page_click_through >= pair[1].page_click_through));
        assert_eq!(outcomes[0].n_categories, 1.0);
    }

    #[test]
    fn several_interests_gain_by_the_page_and_lose_by_the_item() {
        let outcomes = simulate_pages(&small()).unwrap();
        assert!(outcomes[1].page_click_through > outcomes[0].page_click_through);
        assert!(outcomes[1].item_click_through < outcomes[0].item_click_through);
        assert!(outcomes[1].n_categories > outcomes[0].n_categories);
        assert_eq!(outcomes, simulate_pages(&small()).unwrap());
    }

    #[test]
    fn impossible_simulations_are_refused() {
        for simulation in [
            PageSimulation { page: 0, ..small() },
            PageSimulation { n_interests: 21, ..small() },
            PageSimulation { betas: vec![1.5], ..small() },
            PageSimulation { chance: f64::NAN, ..small() },
        ] {
            assert!(simulate_pages(&simulation).is_err(), "{simulation:?}");
        }
    }
}
