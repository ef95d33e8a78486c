//! Features of the past by their definitions, in time quadratic in the rows.

use std::collections::BTreeMap;

use burn_recsys_data::past::PastFeaturesConfig;
use burn_recsys_data::{Interaction, Interactions};

use crate::past::{GENRES, genres, year};

/// The training events and the scales.
pub(crate) struct Naive {
    events: Vec<Interaction>,
    config: PastFeaturesConfig,
    genres: Vec<&'static str>,
    year: Scale,
    user_count: Scale,
    item_count: Scale,
    category_count: Scale,
}

/// What is expected of one row.
#[derive(Default)]
pub(crate) struct Expected {
    pub(crate) user: BTreeMap<String, f64>,
    pub(crate) item: BTreeMap<String, f64>,
    pub(crate) cross: BTreeMap<String, f64>,
    pub(crate) user_count: u32,
    pub(crate) item_count: u32,
    pub(crate) user_mean: f64,
}

#[derive(Clone, Copy)]
struct Scale(f64, f64);

impl Scale {
    fn of(values: &[f64]) -> Self {
        let n = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        Scale(mean, if variance > 1e-18 { variance.sqrt() } else { 1.0 })
    }

    fn apply(self, value: f64) -> f64 {
        ((value - self.0) / self.1).clamp(-10.0, 10.0)
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn log_count(n: usize) -> f64 {
    (1.0 + n as f64).ln()
}

fn known_year(item: u32) -> Option<f64> {
    Some(f64::from(year(item as usize))).filter(|year| !year.is_nan())
}

fn ratings(events: &[Interaction]) -> Vec<f64> {
    events.iter().filter_map(|event| event.rating).map(f64::from).collect()
}

impl Naive {
    pub(crate) fn fit(train: &Interactions, config: &PastFeaturesConfig) -> Self {
        let events: Vec<Interaction> = (0..train.len()).map(|row| train.get(row)).collect();
        let identity = Scale(0.0, 1.0);
        let years: Vec<f64> = events.iter().filter_map(|event| known_year(event.item)).collect();
        let occurs = |genre: &&str| events.iter().any(|event| genres(event.item as usize).contains(genre));
        let mut naive = Naive {
            genres: GENRES.into_iter().filter(occurs).collect(),
            config: config.clone(),
            year: Scale::of(&years),
            user_count: identity,
            item_count: identity,
            category_count: identity,
            events,
        };
        let scale = |count: &dyn Fn(Interaction) -> usize| {
            Scale::of(&naive.events.iter().map(|&event| log_count(count(event))).collect::<Vec<_>>())
        };
        let user_count = scale(&|row| naive.before(row, |event| event.user == row.user).len());
        let item_count = scale(&|row| naive.before(row, |event| event.item == row.item).len());
        let category_count = scale(&|row| naive.shared_genres(row));
        (naive.user_count, naive.item_count, naive.category_count) = (user_count, item_count, category_count);
        naive
    }

    fn before(&self, row: Interaction, keep: impl Fn(&Interaction) -> bool) -> Vec<Interaction> {
        let mut events: Vec<_> =
            self.events.iter().copied().filter(|event| event.timestamp < row.timestamp).collect();
        events.retain(keep);
        events
    }

    fn item_genres(&self, item: u32) -> Vec<&'static str> {
        genres(item as usize).into_iter().filter(|genre| self.genres.contains(genre)).collect()
    }

    fn shared_genres(&self, row: Interaction) -> usize {
        let mine = self.item_genres(row.item);
        let events = self.before(row, |event| event.user == row.user);
        events.iter().map(|e| self.item_genres(e.item).iter().filter(|g| mine.contains(g)).count()).sum()
    }

    /// The mean of these numbers and of `prior_strength` times `prior`.
    fn shrunken(&self, values: &[f64], prior: f64) -> f64 {
        let p = self.config.prior_strength;
        (values.iter().sum::<f64>() + p * prior) / (values.len() as f64 + p)
    }

    pub(crate) fn row(&self, row: Interaction) -> Expected {
        let all = self.before(row, |_| true);
        let of_user = self.before(row, |event| event.user == row.user);
        let of_item = self.before(row, |event| event.item == row.item);
        let likes = |events: &[Interaction]| -> Vec<f64> {
            let liked = |rating: &f64| if *rating >= f64::from(self.config.liked_rating) { 1.0 } else { 0.0 };
            ratings(events).iter().map(liked).collect()
        };
        let all_mean = self.shrunken(&ratings(&all), f64::from(self.config.initial_rating));
        let all_liked = self.shrunken(&likes(&all), 0.5);
        let user_mean = self.shrunken(&ratings(&of_user), all_mean);
        let item_mean = self.shrunken(&ratings(&of_item), all_mean);
        let mut expected = Expected {
            user_count: of_user.len() as u32,
            item_count: of_item.len() as u32,
            user_mean,
            ..Expected::default()
        };

        let user = &mut expected.user;
        let mut put = |name: &str, value: f64| user.insert(name.to_owned(), value);
        put("past_log_count", self.user_count.apply(log_count(of_user.len())));
        for (name, range) in [
            ("past_count_0", 0..=0),
            ("past_count_1_to_2", 1..=2),
            ("past_count_3_to_5", 3..=5),
            ("past_count_from_6", 6..=usize::MAX),
        ] {
            put(name, f64::from(u8::from(range.contains(&of_user.len()))));
        }
        put("past_mean_rating", user_mean - all_mean);
        put("past_liked_share", self.shrunken(&likes(&of_user), all_liked) - all_liked);
        let popularity =
            |event: &Interaction| log_count(self.before(*event, |earlier| earlier.item == event.item).len());
        let usual: Option<f64> =
            mean(&of_user.iter().map(popularity).collect::<Vec<_>>()).map(|mean| self.item_count.apply(mean));
        put("past_mean_log_count", usual.unwrap_or(0.0));
        let years: Vec<f64> =
            of_user.iter().filter_map(|e| known_year(e.item)).map(|year| self.year.apply(year)).collect();
        put("past_mean_year", mean(&years).unwrap_or(0.0));
        let (mut shares, mut deviations) = (BTreeMap::new(), BTreeMap::new());
        for &genre in &self.genres {
            let in_genre: Vec<Interaction> =
                of_user.iter().copied().filter(|e| genres(e.item as usize).contains(&genre)).collect();
            shares.insert(genre, in_genre.len() as f64 / of_user.len().max(1) as f64);
            deviations.insert(genre, self.shrunken(&ratings(&in_genre), user_mean) - user_mean);
            put(&format!("past_share_genres={genre}"), shares[genre]);
            put(&format!("past_deviation_genres={genre}"), deviations[genre]);
        }

        let item = &mut expected.item;
        let mut put = |name: &str, value: f64| item.insert(name.to_owned(), value);
        let popular = self.item_count.apply(log_count(of_item.len()));
        put("past_log_count", popular);
        put("past_count_0", f64::from(u8::from(of_item.is_empty())));
        put("past_mean_rating", item_mean - all_mean);
        put("past_liked_share", self.shrunken(&likes(&of_item), all_liked) - all_liked);
        put("year", known_year(row.item).map_or(0.0, |year| self.year.apply(year)));
        for genre in &self.genres {
            let has = genres(row.item as usize).contains(genre);
            put(&format!("genres={genre}"), f64::from(u8::from(has)));
        }

        let cross = &mut expected.cross;
        let mut put = |name: &str, value: f64| cross.insert(name.to_owned(), value);
        let mine = self.item_genres(row.item);
        let of_mine: Vec<f64> = mine.iter().map(|genre| deviations[genre]).collect();
        put("category_deviation", mean(&of_mine).unwrap_or(0.0));
        put("category_deviation_max", of_mine.iter().copied().reduce(f64::max).unwrap_or(0.0));
        put("category_deviation_min", of_mine.iter().copied().reduce(f64::min).unwrap_or(0.0));
        put(
            "category_share",
            mean(&mine.iter().map(|genre| shares[genre]).collect::<Vec<_>>()).unwrap_or(0.0),
        );
        put("category_log_count", self.category_count.apply(log_count(self.shared_genres(row))));
        put("item_mean_minus_user_mean", item_mean - user_mean);
        put("distance_log_count", usual.map_or(0.0, |usual| (popular - usual).abs()));
        let distance = known_year(row.item).zip(mean(&years));
        put("distance_year", distance.map_or(0.0, |(year, usual)| (self.year.apply(year) - usual).abs()));
        expected
    }
}
