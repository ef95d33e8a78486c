//! The rows of a file, with columns by their roles.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn_recsys_data::IdMap;
use burn_recsys_data::columnar::{ColumnData, ColumnFile, Request, Table};

use crate::roles::{ColumnNames, Role, listed};
use crate::{Error, Result};

/// The rows of one file. Users and items are indices of the file's own maps, until [`renumber`](Self::renumber)
/// brings those of several files under one.
pub(crate) struct Rows {
    path: PathBuf,
    /// Without its columns.
    table: Table,
    pub(crate) users: Vec<u32>,
    pub(crate) items: Vec<u32>,
    pub(crate) user_ids: Arc<IdMap>,
    pub(crate) item_ids: Arc<IdMap>,
    numbers: Vec<(Role, Vec<f64>)>,
}

impl Rows {
    /// Reads users, items and those of the columns `optional` that the file has.
    pub(crate) fn read(path: &Path, columns: &ColumnNames, optional: &[Role]) -> Result<Self> {
        let file = ColumnFile::open(path)?;
        let names = file.names();
        let mut requests = vec![
            Request::ids(columns.require(Role::User, names, path)?),
            Request::ids(columns.require(Role::Item, names, path)?),
        ];
        let mut roles = Vec::new();
        for &role in optional {
            if let Some(name) = columns.find(role, names, path)? {
                requests.push(Request::numbers(name));
                roles.push(role);
            }
        }
        let mut table = file.read(&requests)?;
        let (mut ids, mut numbers) = (Vec::new(), Vec::new());
        for column in std::mem::take(&mut table.columns) {
            match column {
                ColumnData::Ids(column) => ids.push(column),
                ColumnData::Numbers(column) => numbers.push(column),
            }
        }
        let mut ids = ids.into_iter();
        let (Some(users), Some(items)) = (ids.next(), ids.next()) else {
            let message = "users and items were not read".to_owned();
            return Err(Error::File { path: path.to_path_buf(), message });
        };
        Ok(Rows {
            path: path.to_path_buf(),
            table,
            users: users.indices,
            items: items.indices,
            user_ids: Arc::new(users.ids),
            item_ids: Arc::new(items.ids),
            numbers: roles.into_iter().zip(numbers).collect(),
        })
    }

    /// Reads users, items and what orders lists: the rank if the file has one, unless the score was named alone.
    pub(crate) fn read_lists(path: &Path, columns: &ColumnNames) -> Result<Self> {
        let prefers_score = columns.score.is_some() && columns.rank.is_none();
        let file = ColumnFile::open(path)?;
        let has_score = prefers_score && columns.find(Role::Score, file.names(), path)?.is_some();
        let has_rank = !has_score && columns.find(Role::Rank, file.names(), path)?.is_some();
        if !has_rank && !has_score && columns.find(Role::Score, file.names(), path)?.is_none() {
            let there = listed(file.names());
            let message = format!(
                "no column is known to be the score or the rank; name one with --score or --rank: {there}"
            );
            return Err(Error::File { path: path.to_path_buf(), message });
        }
        Self::read(path, columns, &[if has_rank { Role::Rank } else { Role::Score }])
    }

    /// As [`read`](Self::read), with timestamps if there is a column of them that can be read; else why not.
    pub(crate) fn read_with_times(
        path: &Path,
        columns: &ColumnNames,
        optional: &[Role],
        notes: &mut Vec<String>,
    ) -> Result<Self> {
        let with_times = [optional, &[Role::Timestamp]].concat();
        Self::read(path, columns, &with_times).or_else(|error| {
            // What is wrong elsewhere is found again.
            let rows = Self::read(path, columns, optional)?;
            notes.push(format!("timestamps are not read: {error}; seconds since 1970 are"));
            Ok(rows)
        })
    }

    /// Refuses files without a user in common.
    pub(crate) fn check_users(&self, other: &Rows) -> Result<()> {
        self.check_common(other, "user", [&self.users, &other.users], &self.user_ids)
    }

    /// Refuses files without an item in common.
    pub(crate) fn check_items(&self, other: &Rows) -> Result<()> {
        self.check_common(other, "item", [&self.items, &other.items], &self.item_ids)
    }

    /// Ids that match nowhere, `1.0` here and `1` there, would give a table of zeros. Both are renumbered.
    fn check_common(&self, other: &Rows, what: &str, [own, others]: [&[u32]; 2], ids: &IdMap) -> Result<()> {
        let (Some(&first), Some(&of_other)) = (own.first(), others.first()) else { return Ok(()) };
        let mut is_own = vec![false; ids.len()];
        own.iter().for_each(|&index| is_own[index as usize] = true);
        if others.iter().any(|&index| is_own[index as usize]) {
            return Ok(());
        }
        let (here, there) = (name(ids, first), name(ids, of_other));
        let path = other.path.display();
        Err(self.refused(format!("no {what} is in {path} too: the first here is {here:?}, there {there:?}")))
    }

    pub(crate) fn len(&self) -> usize {
        self.users.len()
    }

    pub(crate) fn numbers(&self, role: Role) -> Option<&[f64]> {
        self.numbers.iter().find(|(other, _)| *other == role).map(|(_, numbers)| numbers.as_slice())
    }

    /// The numbers of a column that must be there.
    pub(crate) fn require(&self, role: Role, why: &str) -> Result<&[f64]> {
        self.numbers(role).ok_or_else(|| {
            let role = role.name();
            self.refused(format!(
                "no column is known to be the {role}, which {why} needs; name it with --{role}"
            ))
        })
    }

    /// Makes the indices those of `user_ids` and `item_ids`, which hold all ids of the file.
    pub(crate) fn renumber(&mut self, user_ids: &Arc<IdMap>, item_ids: &Arc<IdMap>) {
        renumber(&mut self.users, &self.user_ids, user_ids);
        renumber(&mut self.items, &self.item_ids, item_ids);
        (self.user_ids, self.item_ids) = (Arc::clone(user_ids), Arc::clone(item_ids));
    }

    pub(crate) fn refused(&self, message: String) -> Error {
        Error::File { path: self.path.clone(), message }
    }

    pub(crate) fn refused_row(&self, row: usize, message: String) -> Error {
        Error::Row { path: self.path.clone(), position: self.table.position(row), message }
    }

    pub(crate) fn refused_rows(&self, first: usize, second: usize, message: String) -> Error {
        let position = format!("{} and {}", self.table.position(first), self.table.position(second));
        Error::Row { path: self.path.clone(), position, message }
    }

    /// Where a row stands.
    pub(crate) fn place(&self, row: usize) -> String {
        format!("{} {}", self.path.display(), self.table.position(row))
    }

    /// The name of a row's user in the file.
    pub(crate) fn user_name(&self, row: usize) -> String {
        name(&self.user_ids, self.users[row])
    }

    /// The name of a row's item in the file.
    pub(crate) fn item_name(&self, row: usize) -> String {
        name(&self.item_ids, self.items[row])
    }
}

fn renumber(indices: &mut [u32], from: &IdMap, to: &IdMap) {
    let new: Vec<u32> = from.translate(to).into_iter().map(|index| index.unwrap_or(u32::MAX)).collect();
    indices.iter_mut().for_each(|index| *index = new[*index as usize]);
}

/// An id as it stands in files.
pub(crate) fn name(ids: &IdMap, index: u32) -> String {
    ids.external(index).map_or_else(|| index.to_string(), |id| id.to_string())
}
