//! Items with their fields and links, as ReChorus keeps them.

use std::path::Path;

use super::text::{Line, TextFile};
use crate::graph::{EdgeList, RelationEdge};
use crate::{IdMap, Result};

/// The items of a data set in the format of ReChorus (Wang et al. 2020): `item_meta.csv`, whose columns are
/// separated by tabs.
///
/// `item_id` is a whole number; every column `i_name` holds a whole number, the item's value in a field; every
/// column `r_name` holds the ids of linked items, `[17, 4, 250]`. Other columns are left out.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemMeta {
    /// Links by relation, and the ids of all items that have a line or a link to them.
    pub links: EdgeList,
    /// The fields.
    pub fields: Vec<MetaField>,
}

/// A field of the items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaField {
    /// The name, without `i_`.
    pub name: String,
    /// The value of each item, `[n_items]`; `None` for an item that has no line.
    pub values: Vec<Option<i64>>,
}

/// What a column holds.
enum Column {
    Id,
    Field(usize),
    Relation(u16),
    Other,
}

impl ItemMeta {
    /// Reads `item_meta.csv` in `folder`.
    ///
    /// # Errors
    /// If the file cannot be read, has no column `item_id` or no line of an item; a line has too many or too
    /// few columns, an id or a value that is not a whole number, or an item that has a line already.
    pub fn read(folder: impl AsRef<Path>) -> Result<Self> {
        let file = TextFile::read(folder.as_ref().join("item_meta.csv"))?;
        let mut lines = file.lines();
        let Some(header) = lines.next() else {
            return Err(file.refuse("is empty; expected a line of column names, tab-separated"));
        };
        let (mut field_names, mut relations) = (Vec::new(), Vec::new());
        let columns: Vec<Column> = (header.tabbed())
            .map(|name| {
                let name = String::from_utf8_lossy(name).into_owned();
                if name == "item_id" {
                    Column::Id
                } else if let Some(field) = name.strip_prefix("i_") {
                    field_names.push(field.to_string());
                    Column::Field(field_names.len() - 1)
                } else if let Some(relation) = name.strip_prefix("r_") {
                    relations.push(relation.to_string());
                    Column::Relation((relations.len() - 1) as u16)
                } else {
                    Column::Other
                }
            })
            .collect();
        let n_ids = columns.iter().filter(|column| matches!(column, Column::Id)).count();
        if n_ids != 1 {
            return Err(
                header.refuse(format!("{n_ids} columns are named item_id; expected one, tab-separated"))
            );
        }
        let mut rows: Vec<(u64, i64, Vec<i64>)> = Vec::new();
        let mut links: Vec<(i64, i64, u16)> = Vec::new();
        for line in lines {
            let cells: Vec<&[u8]> = line.tabbed().collect();
            if cells.len() != columns.len() {
                return Err(line.refuse(format!(
                    "{} columns; the first line has {}",
                    cells.len(),
                    columns.len()
                )));
            }
            let (mut id, mut values, mut targets) = (0, vec![0; field_names.len()], Vec::new());
            for (column, &cell) in columns.iter().zip(&cells) {
                match *column {
                    Column::Id => id = line.id("item_id", cell)?,
                    Column::Field(at) => values[at] = line.id(&field_names[at], cell)?,
                    Column::Relation(relation) => {
                        let ids = list(line, &relations[relation as usize], cell)?;
                        targets.extend(ids.into_iter().map(|target| (target, relation)));
                    }
                    Column::Other => {}
                }
            }
            links.extend(targets.into_iter().map(|(target, relation)| (id, target, relation)));
            rows.push((line.number, id, values));
        }
        if rows.is_empty() {
            return Err(file.refuse("holds no item"));
        }
        let nodes = IdMap::from_integers(
            rows.iter().map(|row| row.1).chain(links.iter().map(|&(_, target, _)| target)),
        );
        let index = |id| nodes.index_of_integer(id).unwrap_or_default();
        let mut fields: Vec<MetaField> = (field_names.into_iter())
            .map(|name| MetaField { name, values: vec![None; nodes.len()] })
            .collect();
        let mut line_of = vec![0u64; nodes.len()];
        for (number, id, values) in &rows {
            let item = index(*id) as usize;
            if line_of[item] > 0 {
                let message = format!("item {id} has line {} already; keep one", line_of[item]);
                return Err(crate::Error::Line { path: file.path().into(), line: *number, message });
            }
            line_of[item] = *number;
            for (field, &value) in fields.iter_mut().zip(values) {
                field.values[item] = Some(value);
            }
        }
        // Relations are kept ascending.
        let mut order: Vec<usize> = (0..relations.len()).collect();
        order.sort_by(|&a, &b| relations[a].cmp(&relations[b]));
        let mut rank = vec![0u16; relations.len()];
        order.iter().zip(0..).for_each(|(&at, place)| rank[at] = place);
        relations.sort_unstable();
        let edge = |&(source, target, relation): &(i64, i64, u16)| RelationEdge {
            source: index(source),
            target: index(target),
            relation: rank[relation as usize],
            weight: 1.0,
        };
        let links = EdgeList { edges: links.iter().map(edge).collect(), nodes, relations };
        Ok(ItemMeta { links, fields })
    }
}

/// The ids of `[17, 4, 250]`.
fn list(line: Line<'_>, what: &str, cell: &[u8]) -> Result<Vec<i64>> {
    let inner = cell.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    let Some(inner) = inner else {
        let cell = String::from_utf8_lossy(&cell[..cell.len().min(40)]).into_owned();
        return Err(line.refuse(format!("{what} {cell:?} is not a list of ids like [17, 4]")));
    };
    if inner.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    inner.split(|&byte| byte == b',').map(|id| line.id(what, id.trim_ascii())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ItemMeta> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("item_meta.csv"), text).unwrap();
        ItemMeta::read(folder.path())
    }

    #[test]
    fn fields_and_links_are_those_of_the_lines() {
        let meta =
            read("item_id\ti_category\tx\tr_viewed\tr_bought\n7\t3\ta\t[2, 9]\t[]\n2\t0\tb\t[ ]\t[7]\n");
        let meta = meta.unwrap();
        assert_eq!(meta.links.nodes, IdMap::from_integers([2, 7, 9]));
        assert_eq!(meta.links.relations, ["bought", "viewed"]);
        let edges: Vec<_> = meta.links.edges.iter().map(|e| (e.source, e.target, e.relation)).collect();
        assert_eq!(edges, [(1, 0, 1), (1, 2, 1), (0, 1, 0)]);
        assert_eq!(
            meta.fields,
            [MetaField { name: "category".into(), values: vec![Some(0), Some(3), None] }]
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let message = |text: &str| {
            let message = read(text).unwrap_err().to_string();
            message.split_once("item_meta.csv").unwrap().1.to_string()
        };
        assert_eq!(message(""), ": is empty; expected a line of column names, tab-separated");
        assert_eq!(message("item_id\n"), ": holds no item");
        assert_eq!(
            message("item,i_x\n1,2\n"),
            " line 1: 0 columns are named item_id; expected one, tab-separated"
        );
        assert_eq!(message("item_id\tr_c\n1\n"), " line 2: 1 columns; the first line has 2");
        assert_eq!(message("item_id\tr_c\n1\t2\n"), " line 2: c \"2\" is not a list of ids like [17, 4]");
        assert!(message("item_id\tr_c\n1\t[2,x]\n").starts_with(" line 2: c \"x\" is not a whole number"));
        assert_eq!(message("item_id\n1\n\n1\n"), " line 4: item 1 has line 2 already; keep one");
        assert!(message("item_id\ti_c\n1\t-2\n").starts_with(" line 2: c \"-2\" is not a whole number"));
    }
}
