//! Refusal of features that know the future.

use super::PastIndex;
use super::index::check_columns;
use crate::{Csr, Error, Interactions, Result};

/// For every row the events that its features were computed from, none of them at or after the row's
/// own moment.
///
/// What this crate computes knows the past only. Features that come from elsewhere (another program, a
/// feature store, a join by hand) may not, and the usual mistakes make a model look good that is not: a
/// history that holds the very item to be predicted, a popularity counted over all data, a join by day.
/// Such features are taken with their evidence, which is checked once and cannot be wrong after.
///
/// ```
/// # fn main() -> burn_recsys_data::Result<()> {
/// use burn_recsys_data::Csr;
/// use burn_recsys_data::past::PastEvents;
/// use burn_recsys_data::synthetic::SyntheticConfig;
///
/// let events = SyntheticConfig::default().generate()?.dataset.interactions;
/// let moments = events.timestamps().unwrap_or_default();
/// // The events of each row's user: all of them, the row itself and later ones too.
/// let by_user = events.rows_by_user();
/// let rows = Csr::from_rows(events.users().iter().map(|&user| by_user.row(user)));
/// let error = PastEvents::new(moments, rows, &events).map(|_| ()).unwrap_err();
/// assert!(error.to_string().starts_with("row 0 knows the future"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastEvents {
    rows: Csr,
    items: Csr,
}

impl PastEvents {
    /// Checks the evidence: `rows` holds for every row of features the rows of `events` that they were
    /// computed from, in any order; `moments` the moment of every row of features. An empty row is lawful: it
    /// is of features that know nothing.
    ///
    /// # Errors
    /// [`Error::Leak`] for the first row with an event at or after its moment. [`Error::Parameter`] if
    /// `events` has no timestamps, the numbers of rows differ, or an event does not exist.
    pub fn new(moments: &[i64], rows: Csr, events: &Interactions) -> Result<Self> {
        let refuse = |parameter, message: String| Err(Error::Parameter { parameter, message });
        let Some(timestamps) = events.timestamps() else {
            return refuse("events", "there are no timestamps, so no event can be shown to be past".into());
        };
        if rows.n_rows() != moments.len() {
            return refuse(
                "rows",
                format!("{} rows, but there are {} moments", rows.n_rows(), moments.len()),
            );
        }
        for (row, (evidence, &moment)) in rows.rows().zip(moments).enumerate() {
            for &event in evidence {
                let Some(&timestamp) = timestamps.get(event as usize) else {
                    return refuse(
                        "rows",
                        format!("row {row}: event {event}, but there are {} events", events.len()),
                    );
                };
                if timestamp >= moment {
                    let of = events.get(event as usize);
                    return Err(Error::Leak {
                        row,
                        moment,
                        evidence: format!(
                            "event {event} (user index {}, item index {}) is of {timestamp}",
                            of.user, of.item
                        ),
                    });
                }
            }
        }
        let items = Csr::from_rows(
            rows.rows()
                .map(|row| row.iter().map(|&event| events.items()[event as usize]).collect::<Vec<_>>()),
        );
        Ok(PastEvents { rows, items })
    }

    /// For every row its events, as they were given.
    pub fn events(&self) -> &Csr {
        &self.rows
    }

    /// For every row the items of its events, in their order: a history for a model.
    pub fn items(&self) -> &Csr {
        &self.items
    }
}

impl PastIndex {
    /// Checks histories that come without evidence: `histories` holds for every n items of `users[n]`, in any
    /// order, as of `moments[n]`. An item may be there as often as the user had met it by then.
    ///
    /// # Errors
    /// [`Error::Leak`] for the first row with an item that the user had not met, or not as often, before the
    /// moment. [`Error::Parameter`] if the columns differ in length or a user is not known.
    pub fn check_histories(&self, users: &[u32], moments: &[i64], histories: &Csr) -> Result<()> {
        check_columns(("users", users, self.n_users()), moments)?;
        if histories.n_rows() != users.len() {
            return Err(Error::Parameter {
                parameter: "histories",
                message: format!("{} rows, but there are {} users", histories.n_rows(), users.len()),
            });
        }
        for (row, ((history, &user), &moment)) in histories.rows().zip(users).zip(moments).enumerate() {
            let sorted = |items: &[u32]| {
                let mut items = items.to_vec();
                items.sort_unstable();
                items
            };
            let (history, met) = (sorted(history), sorted(self.user(user, moment).items()));
            let mut rest = met.as_slice();
            for &item in &history {
                // Of equal items each takes one of those met.
                rest = &rest[rest.partition_point(|&met| met < item)..];
                match rest.split_first() {
                    Some((&met, after)) if met == item => rest = after,
                    _ => {
                        return Err(Error::Leak {
                            row,
                            moment,
                            evidence: format!(
                                "its history holds item index {item} more often than the {} times that \
                                 user index {user} had met it before",
                                met.iter().filter(|&&met| met == item).count()
                            ),
                        });
                    }
                }
            }
        }
        Ok(())
    }

    /// Checks popularities that come without evidence: `counts` holds for every n the number of events of
    /// `items[n]` that a feature as of `moments[n]` counted. Fewer than there were is lawful, such as those of
    /// a window.
    ///
    /// # Errors
    /// [`Error::Leak`] for the first row that counts more events than there were before the moment.
    /// [`Error::Parameter`] if the columns differ in length or an item is not known.
    pub fn check_popularities(&self, items: &[u32], moments: &[i64], counts: &[u32]) -> Result<()> {
        check_columns(("items", items, self.n_items()), moments)?;
        if counts.len() != items.len() {
            return Err(Error::Parameter {
                parameter: "counts",
                message: format!("{} rows, but there are {} items", counts.len(), items.len()),
            });
        }
        for (row, ((&count, &item), &moment)) in counts.iter().zip(items).zip(moments).enumerate() {
            let popularity = self.item(item, moment).popularity();
            if count > popularity {
                return Err(Error::Leak {
                    row,
                    moment,
                    evidence: format!(
                        "it counts {count} events of item index {item}, which had {popularity} before"
                    ),
                });
            }
        }
        Ok(())
    }
}
