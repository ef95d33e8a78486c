//! The rows of a file, with columns by their roles.

use std::path::{Path, PathBuf};

use burn_recsys_data::IdMap;
use burn_recsys_data::columnar::{ColumnData, ColumnFile, IdColumn, Request, Table};

use crate::roles::{ColumnNames, Role};
use crate::{Error, Result};

/// The rows of one file. Users and items are indices of the maps in their columns, until
/// [`renumber`](Self::renumber) brings those of several files under one map.
pub(crate) struct Rows {
    path: PathBuf,
    /// Without its columns.
    table: Table,
    pub(crate) users: IdColumn,
    pub(crate) items: IdColumn,
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
        let numbers = roles.into_iter().zip(numbers).collect();
        Ok(Rows { path: path.to_path_buf(), table, users, items, numbers })
    }

    pub(crate) fn len(&self) -> usize {
        self.users.indices.len()
    }

    pub(crate) fn numbers(&self, role: Role) -> Option<&[f64]> {
        self.numbers.iter().find(|(other, _)| *other == role).map(|(_, numbers)| numbers.as_slice())
    }

    /// The numbers of a column that must be there.
    pub(crate) fn require(&self, role: Role, why: &str) -> Result<&[f64]> {
        self.numbers(role).ok_or_else(|| {
            let role = role.name();
            self.refused(format!("no column is known to be the {role}, which {why} needs; name it with --{role}"))
        })
    }

    /// Makes the indices those of `user_ids` and `item_ids`, which hold all ids of the file.
    pub(crate) fn renumber(&mut self, user_ids: &IdMap, item_ids: &IdMap) {
        for (column, ids) in [(&mut self.users, user_ids), (&mut self.items, item_ids)] {
            renumber(column, ids);
        }
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
        name(&self.users.ids, self.users.indices[row])
    }

    /// The name of a row's item in the file.
    pub(crate) fn item_name(&self, row: usize) -> String {
        name(&self.items.ids, self.items.indices[row])
    }
}

pub(crate) fn renumber(column: &mut IdColumn, ids: &IdMap) {
    let new: Vec<u32> = column.ids.translate(ids).into_iter().map(|index| index.unwrap_or(u32::MAX)).collect();
    column.indices.iter_mut().for_each(|index| *index = new[*index as usize]);
    column.ids = ids.clone();
}

/// An id as it stands in files.
pub(crate) fn name(ids: &IdMap, index: u32) -> String {
    ids.external(index).map_or_else(|| index.to_string(), |id| id.to_string())
}
