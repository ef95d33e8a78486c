//! Files that say what users and items are: slices and categories.

use std::path::Path;

use burn_recsys_data::IdMap;
use burn_recsys_data::columnar::{ColumnData, ColumnFile, IdColumn, Request, Table};
use burn_recsys_metrics::{Grouping, Lists};

use crate::roles::{ColumnNames, Role};
use crate::rows::name;
use crate::{Error, Result};

/// A grouping of more slices is a mistake: a column of ids or of moments.
const MOST_SLICES: usize = 100;

/// The categories of each item, as indices.
pub(crate) struct Categories {
    pub(crate) of_items: Lists,
}

impl Categories {
    /// A row says that an item is of a category; an item can have several rows.
    pub(crate) fn read(path: &Path, columns: &ColumnNames, item_ids: &IdMap) -> Result<Self> {
        let labels = Labels::read(path, columns, Role::Item)?;
        let [(_, categories)] = labels.others.as_slice() else {
            let there = labels.others.len();
            let message = format!("there are {there} columns beside the item; categories are one column");
            return Err(Error::File { path: path.to_path_buf(), message });
        };
        let known = labels.known(item_ids);
        let (items, of_items): (Vec<u32>, Vec<u32>) =
            known.map(|(row, item)| (item, categories.indices[row])).unzip();
        let of_items = Lists::of_pairs(item_ids.len(), &items, &of_items)?;
        Ok(Categories { of_items })
    }
}

/// Groupings of users, or of items.
pub(crate) enum Slices {
    Users(Vec<Grouping>),
    Items(Vec<Grouping>),
}

impl Slices {
    /// Every column beside the users or the items is a grouping of them.
    pub(crate) fn read(
        path: &Path,
        columns: &ColumnNames,
        user_ids: &IdMap,
        item_ids: &IdMap,
    ) -> Result<Self> {
        let file = ColumnFile::open(path)?;
        let has = |role| columns.find(role, file.names(), path).map(|found| found.is_some());
        let refused = |message: &str| Error::File { path: path.to_path_buf(), message: message.into() };
        match (has(Role::User)?, has(Role::Item)?) {
            (true, false) => {
                Ok(Slices::Users(Labels::read(path, columns, Role::User)?.groupings(path, user_ids)?))
            }
            (false, true) => {
                Ok(Slices::Items(Labels::read(path, columns, Role::Item)?.groupings(path, item_ids)?))
            }
            (true, true) => Err(refused("slices are of users or of items; there is a column of each")),
            (false, false) => {
                Err(refused("no column is known to be the user or the item; name one with --user or --item"))
            }
        }
    }
}

/// A column of ids beside other columns of text.
struct Labels {
    table: Table,
    ids: IdColumn,
    others: Vec<(String, IdColumn)>,
}

impl Labels {
    fn read(path: &Path, columns: &ColumnNames, role: Role) -> Result<Self> {
        let file = ColumnFile::open(path)?;
        let of_role = columns.require(role, file.names(), path)?;
        let others: Vec<String> = file.names().iter().filter(|name| *name != of_role).cloned().collect();
        if others.is_empty() {
            let message = format!("there is no column beside {of_role:?}; one has to say the group");
            return Err(Error::File { path: path.to_path_buf(), message });
        }
        let names = std::iter::once(of_role).chain(others.iter().map(String::as_str));
        let requests: Vec<Request> = names.map(Request::ids).collect();
        let mut table = file.read(&requests)?;
        let mut read = std::mem::take(&mut table.columns).into_iter().filter_map(|column| match column {
            ColumnData::Ids(column) => Some(column),
            ColumnData::Numbers(_) => None,
        });
        let Some(ids) = read.next() else {
            let message = format!("column {of_role:?} was not read");
            return Err(Error::File { path: path.to_path_buf(), message });
        };
        let others = others.into_iter().zip(read).collect();
        Ok(Labels { table, ids, others })
    }

    /// The rows whose id is one of `ids`, and its index there.
    fn known(&self, ids: &IdMap) -> impl Iterator<Item = (usize, u32)> {
        let indices = self.ids.ids.translate(ids);
        let known = |(row, &index): (usize, &u32)| Some((row, indices[index as usize]?));
        self.ids.indices.iter().enumerate().filter_map(known).collect::<Vec<_>>().into_iter()
    }

    fn groupings(&self, path: &Path, ids: &IdMap) -> Result<Vec<Grouping>> {
        let mut row_of = vec![None; ids.len()];
        if self.known(ids).next().is_none() {
            let first = self.ids.ids.external(0).map(|id| id.to_string()).unwrap_or_default();
            let message = format!("none of its ids is in the other files; the first here is {first:?}");
            return Err(Error::File { path: path.to_path_buf(), message });
        }
        for (row, index) in self.known(ids) {
            if let Some(earlier) = row_of[index as usize].replace(row) {
                return Err(Error::Row {
                    path: path.to_path_buf(),
                    position: format!("{} and {}", self.table.position(earlier), self.table.position(row)),
                    message: format!("{} belongs to slices twice; keep one of the rows", name(ids, index)),
                });
            }
        }
        let grouping = |(grouping, column): &(String, IdColumn)| {
            let n_slices = column.ids.len();
            if n_slices > MOST_SLICES {
                let message = format!(
                    "column {grouping:?} has {n_slices} different values; slices are at most {MOST_SLICES}"
                );
                return Err(Error::File { path: path.to_path_buf(), message });
            }
            let slices = column.ids.iter().map(|id| id.to_string());
            let slice_of = row_of.iter().map(|row| row.map(|row| column.indices[row] as usize));
            Ok(Grouping::new(grouping, slices, slice_of)?)
        };
        self.others.iter().map(grouping).collect()
    }
}
