//! Graphs of items that the same users meet at about the same time.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::ItemGraph;
use super::item_graph::Rows;
use crate::{Error, Interactions, Result};

/// How a graph of co-visited items is made.
///
/// Two items are co-visited by a user who met both within a window of time. With the number `c_ij` of such
/// users and the number `c_i` of users who met item i at all, the weight of the edge from i to j is their
/// relatedness (Davidson et al. 2010, "The YouTube video recommendation system", equation 1):
///
/// ```text
/// r_ij = c_ij / f(c_i, c_j)
/// ```
///
/// A user counts once, however often the two items were met: the paper counts sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CoVisitationConfig {
    /// The longest time between the two, in seconds, from 0. Default 86,400: a day.
    pub window_seconds: i64,
    /// Pairs of fewer users have no edge; from 1. Default 1.
    pub min_count: u32,
    /// How many neighbours each item keeps, the most related ones, ties by the lower item; from 1. With fewer
    /// than all of them the graph is not symmetric. Default 100.
    pub max_neighbours: usize,
    /// The function `f`. Default [`Normalization::Product`].
    pub normalization: Normalization,
}

/// What makes frequent items comparable to rare ones: `f(c_i, c_j)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Normalization {
    /// `c_i c_j`, as in the paper: among items met with i, rare ones are most related.
    Product,
    /// `sqrt(c_i c_j)`.
    Cosine,
    /// 1: the number of users itself.
    None,
}

impl Default for CoVisitationConfig {
    fn default() -> Self {
        CoVisitationConfig {
            window_seconds: 86_400,
            min_count: 1,
            max_neighbours: 100,
            normalization: Normalization::Product,
        }
    }
}

/// Items that a thread works on with one row of accumulators.
const BLOCK: usize = 64;

impl CoVisitationConfig {
    /// The graph of all items of a table, on all threads of the current pool.
    ///
    /// Time grows with the number of pairs of rows of one user within the window. Memory: 24 bytes a row of
    /// the table, 8 an item for every thread, and the graph twice.
    ///
    /// # Errors
    /// If a parameter is out of range or the table has no timestamps.
    pub fn graph(&self, interactions: &Interactions) -> Result<ItemGraph> {
        self.validate()?;
        let timelines = Timelines::new(interactions)?;
        let n_items = interactions.n_items();
        let blocks: Vec<Vec<Vec<(u32, f32)>>> = (0..n_items.div_ceil(BLOCK))
            .into_par_iter()
            .map_init(
                || Accumulator::new(n_items),
                |accumulator, block| {
                    let items = block * BLOCK..n_items.min((block + 1) * BLOCK);
                    items.map(|item| self.row(&timelines, item as u32, accumulator)).collect()
                },
            )
            .collect();
        let n_edges = blocks.iter().flatten().map(Vec::len).sum();
        let mut rows = Rows::with_capacity(n_items, n_edges);
        for row in blocks.into_iter().flatten() {
            row.into_iter().for_each(|(target, weight)| rows.push(target, weight));
            rows.end_row();
        }
        Ok(rows.into_graph())
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// If one is out of range.
    pub fn validate(&self) -> Result<()> {
        let refuse = |parameter, message| Err(Error::Parameter { parameter, message });
        if self.window_seconds < 0 {
            return refuse("window_seconds", format!("{} is below 0", self.window_seconds));
        }
        if self.min_count == 0 {
            return refuse("min_count", "0; pairs that no user met have no edge, take 1 or more".into());
        }
        if self.max_neighbours == 0 {
            return refuse("max_neighbours", "0 neighbours are no graph; take 1 or more".into());
        }
        Ok(())
    }

    /// The edges from `item`, ascending by target.
    fn row(&self, timelines: &Timelines, item: u32, accumulator: &mut Accumulator) -> Vec<(u32, f32)> {
        let n_users = &timelines.n_users_by_item;
        let own = f64::from(n_users[item as usize]);
        let counted = timelines.co_visited(item, self.window_seconds, accumulator);
        let relatedness = |(other, count): (u32, u32)| {
            let product = own * f64::from(n_users[other as usize]);
            let divisor = match self.normalization {
                Normalization::Product => product,
                Normalization::Cosine => product.sqrt(),
                Normalization::None => 1.0,
            };
            (other, (f64::from(count) / divisor) as f32)
        };
        let mut row: Vec<_> = counted.filter(|pair| pair.1 >= self.min_count).map(relatedness).collect();
        if self.max_neighbours < row.len() {
            row.select_nth_unstable_by(self.max_neighbours, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            row.truncate(self.max_neighbours);
        }
        row.sort_unstable_by_key(|&(target, _)| target);
        row
    }
}

/// What every user met, in time order, and where every item is among that.
struct Timelines {
    items: Vec<u32>,
    moments: Vec<i64>,
    /// The user of every event, ascending.
    users: Vec<u32>,
    /// `offsets[i]..offsets[i + 1]` are the `positions` of item `i`.
    offsets: Vec<usize>,
    /// Positions of events, ascending for every item.
    positions: Vec<u32>,
    n_users_by_item: Vec<u32>,
}

impl Timelines {
    fn new(interactions: &Interactions) -> Result<Self> {
        let Some(timestamps) = interactions.timestamps() else {
            let message = "co-visitation within a window of time needs timestamps and there are none; give \
                           the edges themselves, or take ItemGraph::from_edges";
            return Err(Error::Parameter { parameter: "interactions", message: message.into() });
        };
        let rows_by_user = interactions.rows_by_user();
        let n = interactions.len();
        let (mut items, mut moments, mut users) =
            (Vec::with_capacity(n), Vec::with_capacity(n), Vec::with_capacity(n));
        for (user, rows) in rows_by_user.rows().enumerate() {
            for &row in rows {
                items.push(interactions.items()[row as usize]);
                moments.push(timestamps[row as usize]);
                users.push(user as u32);
            }
        }
        let mut offsets = vec![0; interactions.n_items() + 1];
        items.iter().for_each(|&item| offsets[item as usize + 1] += 1);
        for item in 0..interactions.n_items() {
            offsets[item + 1] += offsets[item];
        }
        let mut next = offsets.clone();
        let mut positions = vec![0; n];
        for (position, &item) in items.iter().enumerate() {
            positions[next[item as usize]] = position as u32;
            next[item as usize] += 1;
        }
        let n_users = |bounds: &[usize]| {
            let of_item = &positions[bounds[0]..bounds[1]];
            let users = of_item.chunk_by(|&a, &b| users[a as usize] == users[b as usize]);
            users.count() as u32
        };
        let n_users_by_item = offsets.windows(2).map(n_users).collect();
        Ok(Timelines { items, moments, users, offsets, positions, n_users_by_item })
    }

    /// The items that some user met at most `window` seconds from `item`, in no order; each with the number
    /// of such users.
    fn co_visited<'a>(
        &self,
        item: u32,
        window: i64,
        accumulator: &'a mut Accumulator,
    ) -> impl Iterator<Item = (u32, u32)> + use<'a> {
        let Accumulator { counts, last_users, touched } = accumulator;
        let mut count = |position: usize, user: u32| {
            let other = self.items[position];
            // Users come one after the other.
            let is_new = counts[other as usize] == 0;
            if other == item || (!is_new && last_users[other as usize] == user) {
                return;
            }
            if is_new {
                touched.push(other);
            }
            counts[other as usize] += 1;
            last_users[other as usize] = user;
        };
        let of_item = self.offsets[item as usize]..self.offsets[item as usize + 1];
        for &position in &self.positions[of_item] {
            let position = position as usize;
            let (user, moment) = (self.users[position], self.moments[position]);
            let is_near = |&other: &usize| {
                self.users[other] == user && self.moments[other].abs_diff(moment) <= window as u64
            };
            (0..position).rev().take_while(is_near).for_each(|other| count(other, user));
            (position + 1..self.items.len()).take_while(is_near).for_each(|other| count(other, user));
        }
        touched.drain(..).map(|other| (other, std::mem::take(&mut counts[other as usize])))
    }
}

/// Counts for one item: memory that is used again for the next.
struct Accumulator {
    counts: Vec<u32>,
    /// The user counted last, of the items counted.
    last_users: Vec<u32>,
    touched: Vec<u32>,
}

impl Accumulator {
    fn new(n_items: usize) -> Self {
        Accumulator { counts: vec![0; n_items], last_users: vec![0; n_items], touched: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IdMap;
    use crate::random::{Random, Stream};
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    /// Rows of user, item and moment.
    fn table(rows: &[(u32, u32, i64)]) -> Interactions {
        let ids = |n| Arc::new(IdMap::from_integers(0..n));
        let column = |of: fn(&(u32, u32, i64)) -> u32| rows.iter().map(of).collect();
        let moments = rows.iter().map(|row| row.2).collect();
        Interactions::new(ids(40), ids(12), column(|row| row.0), column(|row| row.1), None, Some(moments))
            .unwrap()
    }

    #[test]
    fn relatedness_is_that_of_the_paper() {
        let table = table(&[
            // 1 is met twice near 0, and counts once; 2 is a second too late for 0, but not for 1.
            (0, 0, 0),
            (0, 1, 90_000),
            (0, 1, 86_400),
            (0, 0, 3_600),
            (0, 2, 90_001),
            (1, 1, -5),
            (1, 0, 5),
            (2, 1, 7),
        ]);
        let config = CoVisitationConfig::default();
        let graph = config.graph(&table).unwrap();
        // c_0 = 2, c_1 = 3, c_2 = 1; c_01 = 2, c_12 = 1.
        assert_eq!((graph.neighbours(0), graph.weights(0)), (&[1][..], &[2.0 / 6.0][..]));
        assert_eq!((graph.neighbours(1), graph.weights(1)), (&[0, 2][..], &[2.0 / 6.0, 1.0 / 3.0][..]));
        assert_eq!(graph.n_nodes(), 12);
        assert!(graph.is_symmetric());
        let with = |normalization| CoVisitationConfig { normalization, ..config.clone() };
        let cosine = with(Normalization::Cosine).graph(&table).unwrap();
        assert_eq!(cosine.weight(0, 1), Some((2.0 / 6f64.sqrt()) as f32));
        assert_eq!(with(Normalization::None).graph(&table).unwrap().weights(1), [2.0, 1.0]);
        // Of equals the lower item stays.
        let one = CoVisitationConfig { max_neighbours: 1, ..config.clone() }.graph(&table).unwrap();
        assert_eq!(one.neighbours(1), [0]);
        let often = CoVisitationConfig { min_count: 2, ..config }.graph(&table).unwrap();
        assert_eq!(
            often.edges().map(|edge| (edge.source, edge.target)).collect::<Vec<_>>(),
            [(0, 1), (1, 0)]
        );
    }

    #[test]
    fn random_tables_agree_with_sets_of_users() {
        let mut draws = Random::new(3, Stream::Synthetic, 0).row(0);
        let row = |_| (draws.below(40), draws.below(12), i64::from(draws.below(1000)) - 500);
        let rows: Vec<_> = (0..600).map(row).collect();
        let table = table(&rows);
        let window = 60;
        let mut users: BTreeMap<(u32, u32), BTreeSet<u32>> = BTreeMap::new();
        for a in &rows {
            for b in rows.iter().filter(|b| b.0 == a.0 && b.1 != a.1 && (a.2 - b.2).abs() <= window) {
                users.entry((a.1, b.1)).or_default().insert(a.0);
            }
        }
        let config = CoVisitationConfig {
            window_seconds: window,
            normalization: Normalization::None,
            ..CoVisitationConfig::default()
        };
        let graph = config.graph(&table).unwrap();
        let edges: Vec<_> = graph.edges().map(|edge| ((edge.source, edge.target), edge.weight)).collect();
        let expected: Vec<_> = users.into_iter().map(|(pair, users)| (pair, users.len() as f32)).collect();
        assert_eq!(edges, expected);
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(one.install(|| config.graph(&table).unwrap()), graph);
    }

    #[test]
    fn extremes_are_defined() {
        let table = table(&[(0, 0, i64::MIN), (0, 1, i64::MAX), (0, 2, i64::MAX)]);
        let config = CoVisitationConfig { window_seconds: 0, ..CoVisitationConfig::default() };
        let graph = config.graph(&table).unwrap();
        assert_eq!(
            graph.edges().map(|edge| (edge.source, edge.target)).collect::<Vec<_>>(),
            [(1, 2), (2, 1)]
        );
        assert_eq!(config.graph(&table.retain(|_| false)).unwrap().n_edges(), 0);
        let message = |config: CoVisitationConfig| config.graph(&table).unwrap_err().to_string();
        assert_eq!(
            message(CoVisitationConfig { window_seconds: -1, ..CoVisitationConfig::default() }),
            "window_seconds: -1 is below 0"
        );
        for config in [
            CoVisitationConfig { min_count: 0, ..CoVisitationConfig::default() },
            CoVisitationConfig { max_neighbours: 0, ..CoVisitationConfig::default() },
        ] {
            assert!(message(config).contains("take 1 or more"));
        }
        let timeless = Interactions::new(
            Arc::clone(table.user_ids()),
            Arc::clone(table.item_ids()),
            vec![0],
            vec![0],
            None,
            None,
        );
        let message = CoVisitationConfig::default().graph(&timeless.unwrap()).unwrap_err().to_string();
        assert!(message.contains("needs timestamps"), "{message}");
    }
}
