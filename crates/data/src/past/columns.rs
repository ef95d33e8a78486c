//! The columns of the three blocks: their names, and beside them how they are written.

use super::PastFeatures;
use super::history::{History, Tally};

/// Finite, however extreme the ratings are that the number was computed from.
pub(super) fn finite(value: f64) -> f32 {
    value.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
}

/// The number of the bucket that `count` is in: bucket n ends where bound n begins.
fn bucket(bounds: &[u32], count: u32) -> usize {
    bounds.partition_point(|&bound| bound <= count)
}

fn bucket_names(bounds: &[u32]) -> Vec<String> {
    let starts = std::iter::once(0).chain(bounds.iter().copied());
    let ends = bounds.iter().map(|&bound| Some(bound - 1)).chain([None]);
    let name = |(start, end)| match end {
        Some(end) if end == start => format!("past_count_{start}"),
        Some(end) => format!("past_count_{start}_to_{end}"),
        None => format!("past_count_from_{start}"),
    };
    starts.zip(ends).map(name).collect()
}

fn owned<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(String::from).to_vec()
}

impl PastFeatures {
    pub(super) fn name_columns(&mut self) {
        let (categories, dense) = (self.items.category_names(), self.items.dense());

        let mut user = self.users.names();
        user.push("past_log_count".into());
        user.extend(bucket_names(&self.config.activity_bounds));
        user.extend(owned(["past_mean_rating", "past_liked_share", "past_mean_log_count"]));
        user.extend(dense.iter().map(|column| format!("past_mean_{}", column.name)));
        user.extend(categories.iter().map(|category| format!("past_share_{category}")));
        user.extend(categories.iter().map(|category| format!("past_deviation_{category}")));

        let mut item = self.items.names();
        item.extend(owned(["past_log_count", "past_count_0", "past_mean_rating", "past_liked_share"]));

        let mut cross = owned([
            "category_deviation",
            "category_deviation_max",
            "category_deviation_min",
            "category_share",
            "category_log_count",
            "item_mean_minus_user_mean",
            "distance_log_count",
        ]);
        cross.extend(dense.iter().map(|column| format!("distance_{}", column.name)));

        (self.user_names, self.item_names, self.cross_names) = (user, item, cross);
    }

    /// The description of `described_as` and the past of `user`.
    pub(super) fn write_user(&self, history: &History<'_>, described_as: u32, user: u32, out: &mut Vec<f32>) {
        self.users.write(described_as, out);
        let tally = history.user(user);
        out.push(finite(self.scales.user_count.apply(History::log_count(tally))));
        let bounds = &self.config.activity_bounds;
        let of_count = bucket(bounds, tally.count);
        out.extend((0..=bounds.len()).map(|n| if n == of_count { 1.0 } else { 0.0 }));
        out.push(finite(history.mean_above_all(tally)));
        out.push(finite(history.liked_above_all(tally)));
        out.push(finite(self.usual_popularity(history, user).unwrap_or(0.0)));
        let n_dense = self.items.dense().len();
        out.extend((0..n_dense).map(|n| finite(history.mean_dense(user, n).unwrap_or(0.0))));
        let categories = 0..self.items.n_categories() as u32;
        out.extend(categories.clone().map(|category| finite(history.category_share(user, category))));
        let mean = history.mean(tally);
        out.extend(categories.map(|category| finite(history.category_deviation(user, category, mean))));
    }

    pub(super) fn write_item(&self, history: &History<'_>, item: u32, out: &mut Vec<f32>) {
        self.items.write(item, out);
        let tally = history.item(item);
        out.push(finite(self.popularity(tally)));
        out.push(if tally.count == 0 { 1.0 } else { 0.0 });
        out.push(finite(history.mean_above_all(tally)));
        out.push(finite(history.liked_above_all(tally)));
    }

    pub(super) fn write_cross(&self, history: &History<'_>, user: u32, item: u32, out: &mut Vec<f32>) {
        let (of_user, of_item) = (history.user(user), history.item(item));
        let categories = self.items.categories(item);
        let user_mean = history.mean(of_user);
        let deviations = || categories.iter().map(|&c| history.category_deviation(user, c, user_mean));
        let mean = |sum: f64| sum / categories.len().max(1) as f64;
        out.push(finite(mean(deviations().sum())));
        out.push(finite(deviations().reduce(f64::max).unwrap_or(0.0)));
        out.push(finite(deviations().reduce(f64::min).unwrap_or(0.0)));
        out.push(finite(mean(categories.iter().map(|&c| history.category_share(user, c)).sum())));
        out.push(finite(self.scales.category_count.apply(self.log_category_count(history, user, item))));
        out.push(finite(history.mean(of_item) - user_mean));
        let distance = |usual: Option<f64>, of_item: Option<f64>| match (usual, of_item) {
            (Some(usual), Some(of_item)) => (of_item - usual).abs(),
            _ => 0.0,
        };
        let popularity = Some(self.popularity(of_item));
        out.push(finite(distance(self.usual_popularity(history, user), popularity)));
        for (n, column) in self.items.dense().iter().enumerate() {
            out.push(finite(distance(history.mean_dense(user, n), column.get(item))));
        }
    }

    /// The logarithm of 1 + the user's events in the item's categories; an event counts once for every
    /// category that its item shares with this one.
    pub(super) fn log_category_count(&self, history: &History<'_>, user: u32, item: u32) -> f64 {
        let counts = self.items.categories(item).iter().map(|&c| history.category_count(user, c));
        counts.map(f64::from).sum::<f64>().ln_1p()
    }

    fn popularity(&self, item: Tally) -> f64 {
        self.scales.item_count.apply(History::log_count(item))
    }

    /// The mean popularity of the items that the user has met.
    fn usual_popularity(&self, history: &History<'_>, user: u32) -> Option<f64> {
        history.mean_popularity(user).map(|popularity| self.scales.item_count.apply(popularity))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_named_after_what_they_hold() {
        let bounds = [1, 4, 20];
        let names = bucket_names(&bounds);
        assert_eq!(names, ["past_count_0", "past_count_1_to_3", "past_count_4_to_19", "past_count_from_20"]);
        let of = |count| names[bucket(&bounds, count)].as_str();
        assert_eq!((of(0), of(1), of(3)), ("past_count_0", "past_count_1_to_3", "past_count_1_to_3"));
        assert_eq!((of(4), of(20), of(99)), (names[2].as_str(), names[3].as_str(), names[3].as_str()));
        assert_eq!(bucket_names(&[]), ["past_count_from_0"]);
        assert_eq!(bucket_names(&[5, 6])[..2], ["past_count_0_to_4", "past_count_5"]);
    }

    #[test]
    fn what_is_beyond_f32_is_clamped() {
        assert_eq!(finite(2.0 * f64::from(f32::MAX)), f32::MAX);
        assert_eq!(finite(-1e300), f32::MIN);
        assert_eq!(finite(0.5), 0.5);
    }
}
