//! How long people stay with what follows an item.

use burn_recsys_retrieval::Buffer;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// One item of a session, and how long it was looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Watched {
    /// The item's index.
    pub item: u32,
    /// Seconds spent, from 0.
    pub seconds: f32,
}

/// How a [`WatchNext`] is learned.
///
/// Which items follow an item in a session is co-visitation (Davidson et al. 2010, "The YouTube video
/// recommendation system", section 3.1), in one direction. With the number `n_i` of visits to item i, the share
/// `c_ij / n_i` of them after which item j came within `n_following` items, and the mean time `t_j` spent on j:
///
/// ```text
/// T_i = (sum over j of c_ij t_j + shrinkage T) / (n_i + shrinkage)
/// ```
///
/// where T is the same sum over all items by the number of all visits. The end of a session counts as nothing
/// that follows. The shrinkage is that of a mean with a prior worth so many visits: rare items get T.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WatchNextConfig {
    /// How many items after an item count as following it; from 1. Default 1.
    pub n_following: usize,
    /// How many visits the mean of all items is worth; above 0. Default 20.
    pub shrinkage: f64,
}

impl Default for WatchNextConfig {
    fn default() -> Self {
        WatchNextConfig { n_following: 1, shrinkage: 20.0 }
    }
}

impl WatchNextConfig {
    /// Learns from sessions, each in the order of time.
    ///
    /// # Errors
    /// If a parameter is out of range, an item does not exist, a time is negative or not finite, or there is no
    /// visit.
    pub fn fit<'a>(
        &self,
        n_items: usize,
        sessions: impl IntoIterator<Item = &'a [Watched]> + Clone,
    ) -> Result<WatchNext> {
        let refuse = |parameter, message: String| Err(Error::Parameter { parameter, message });
        if self.n_following == 0 {
            return refuse("n_following", "0 items follow nothing; take 1 or more".into());
        }
        if !(self.shrinkage > 0.0 && self.shrinkage.is_finite()) {
            return refuse("shrinkage", format!("{} is not a finite number above 0", self.shrinkage));
        }
        let (mut times, mut visits) = (vec![0.0f64; n_items], vec![0.0f64; n_items]);
        for &Watched { item, seconds } in sessions.clone().into_iter().flatten() {
            if item as usize >= n_items {
                return refuse("sessions", format!("item {item} does not exist: there are {n_items} items"));
            }
            if !(seconds >= 0.0 && seconds.is_finite()) {
                return refuse("sessions", format!("item {item} was watched for {seconds} seconds"));
            }
            times[item as usize] += f64::from(seconds);
            visits[item as usize] += 1.0;
        }
        let mean_time = |item: u32| times[item as usize] / visits[item as usize];
        let mut following = vec![0.0f64; n_items];
        for session in sessions {
            for (place, watched) in session.iter().enumerate() {
                let after = session[place + 1..].iter().take(self.n_following);
                following[watched.item as usize] += after.map(|next| mean_time(next.item)).sum::<f64>();
            }
        }
        let n_visits: f64 = visits.iter().sum();
        if n_visits == 0.0 {
            return refuse("sessions", "there is no visit to learn from".into());
        }
        let of_all = following.iter().sum::<f64>() / n_visits;
        let expected =
            |(sum, n): (&f64, &f64)| ((sum + self.shrinkage * of_all) / (n + self.shrinkage)) as f32;
        let seconds: Vec<f32> = following.iter().zip(&visits).map(expected).collect();
        WatchNext::new(seconds.into(), of_all as f32)
    }
}

/// For every item the time that is expected to be spent on what follows it: key-value features.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchNext {
    seconds: Buffer<f32>,
    of_unknown: f32,
}

impl WatchNext {
    /// This table, such as one from a file.
    ///
    /// # Shapes
    /// - `seconds`: `[n_items]`
    ///
    /// # Errors
    /// If a time is negative or not finite.
    pub fn new(seconds: Buffer<f32>, of_unknown: f32) -> Result<Self> {
        let is_time = |seconds: &f32| *seconds >= 0.0 && seconds.is_finite();
        if let Some(found) = seconds.iter().chain([&of_unknown]).find(|seconds| !is_time(seconds)) {
            let message = format!("{found} seconds follow an item; times are finite numbers from 0");
            return Err(Error::Parameter { parameter: "watch next", message });
        }
        Ok(WatchNext { seconds, of_unknown })
    }

    /// The time expected after `item`, seconds; that of items that are not known, if it is none of the table.
    pub fn seconds(&self, item: u32) -> f32 {
        self.seconds.get(item as usize).copied().unwrap_or(self.of_unknown)
    }

    /// The table, `[n_items]`.
    pub fn table(&self) -> &[f32] {
        &self.seconds
    }

    /// The time expected after an item that is not in the table.
    pub fn of_unknown(&self) -> f32 {
        self.of_unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(watched: &[(u32, f32)]) -> Vec<Watched> {
        watched.iter().map(|&(item, seconds)| Watched { item, seconds }).collect()
    }

    #[test]
    fn times_by_hand() {
        let sessions = [session(&[(0, 10.0), (1, 100.0), (2, 30.0)]), session(&[(0, 20.0), (1, 200.0)])];
        // Mean times: 15, 150, 30. After 0 comes 1 twice; after 1 comes 2 once and the end once; after 2 the end.
        let of_all = (300.0 + 30.0) / 5.0;
        let config = WatchNextConfig { n_following: 1, shrinkage: 2.0 };
        let next = config.fit(4, sessions.iter().map(Vec::as_slice)).unwrap();
        let expected = [
            (2.0 * 150.0 + 2.0 * of_all) / 4.0,
            (30.0 + 2.0 * of_all) / 4.0,
            (0.0 + 2.0 * of_all) / 3.0,
            of_all,
        ];
        assert_eq!(next.table(), expected.map(|seconds: f64| seconds as f32));
        assert_eq!((next.seconds(99), next.of_unknown()), (of_all as f32, of_all as f32));
        // Two items follow 0 in the first session.
        let config = WatchNextConfig { n_following: 2, shrinkage: 1e-9 };
        let next = config.fit(4, sessions.iter().map(Vec::as_slice)).unwrap();
        assert_eq!(next.seconds(0), ((150.0 + 30.0) + 150.0) / 2.0);
    }

    #[test]
    fn bad_sessions_are_refused() {
        let fit = |watched: &[(u32, f32)]| {
            let sessions = [session(watched)];
            WatchNextConfig::default().fit(2, sessions.iter().map(Vec::as_slice)).map(|_| ())
        };
        assert!(fit(&[(0, 1.0)]).is_ok());
        for watched in [&[(2, 1.0)][..], &[(0, -1.0)], &[(0, f32::NAN)], &[]] {
            assert!(fit(watched).is_err());
        }
        for config in [
            WatchNextConfig { n_following: 0, ..Default::default() },
            WatchNextConfig { shrinkage: 0.0, ..Default::default() },
            WatchNextConfig { shrinkage: f64::NAN, ..Default::default() },
        ] {
            assert!(config.fit(1, [session(&[(0, 1.0)])].iter().map(Vec::as_slice)).is_err());
        }
        assert!(WatchNext::new(vec![1.0, -1.0].into(), 0.0).is_err());
        assert!(WatchNext::new(vec![1.0].into(), f32::INFINITY).is_err());
    }
}
