//! Which field of a line is which column.

use super::field::{decode, trim};
use super::format::InteractionFormat;

/// Slots of the fields that are read; all others share `IGNORED`.
pub(super) const USER: usize = 0;
pub(super) const ITEM: usize = 1;
pub(super) const RATING: usize = 2;
pub(super) const TIMESTAMP: usize = 3;
const IGNORED: usize = 4;

/// The fields of one line by slot.
pub(super) type Fields<'t> = [&'t [u8]; 5];

/// Which field goes into which slot.
#[derive(Debug)]
pub(super) struct Layout {
    /// One slot for every field of a line.
    slots: Vec<usize>,
    header: bool,
    pub(super) has_rating: bool,
    pub(super) has_timestamp: bool,
}

impl Layout {
    /// The layout of a file whose first line has these fields.
    pub(super) fn new(format: &InteractionFormat, first: &[&[u8]]) -> Result<Self, String> {
        let names: Vec<_> = first.iter().map(|name| decode(trim(name))).collect();
        let mut slots = vec![IGNORED; first.len()];
        for (parameter, column) in format.columns() {
            let position = if format.header {
                let mut found = (0..names.len()).filter(|&n| names[n] == column.trim());
                let position = found.next().ok_or_else(|| missing(column, &names, &format.separator))?;
                if found.next().is_some() {
                    return Err(format!("the header names column {column:?} twice"));
                }
                position
            } else {
                // `validate` has refused what is not a position.
                let position = format.position(column).unwrap_or(usize::MAX);
                if position >= first.len() {
                    return Err(format!(
                        "{} but the {parameter} is in column {column} (is the separator {:?} right?)",
                        count(first.len()),
                        format.separator
                    ));
                }
                position
            };
            slots[position] = match parameter {
                "user" => USER,
                "item" => ITEM,
                "rating" => RATING,
                _ => TIMESTAMP,
            };
        }
        Ok(Layout {
            slots,
            header: format.header,
            has_rating: format.rating.is_some(),
            has_timestamp: format.timestamp.is_some(),
        })
    }

    /// The slot of every field of a line.
    pub(super) fn slots(&self) -> &[usize] {
        &self.slots
    }

    /// The fields that are read, or what is wrong with their number.
    #[inline]
    pub(super) fn pick<'t>(&self, line: impl Iterator<Item = &'t [u8]>) -> Result<Fields<'t>, String> {
        let mut fields: Fields<'t> = [&[]; 5];
        let mut n_fields = 0;
        for field in line {
            fields[self.slots.get(n_fields).copied().unwrap_or(IGNORED)] = field;
            n_fields += 1;
        }
        if n_fields == self.slots.len() { Ok(fields) } else { Err(self.wrong_number(n_fields)) }
    }

    #[cold]
    fn wrong_number(&self, n_fields: usize) -> String {
        let first = if self.header { "the header" } else { "the first line" };
        let hint = if n_fields > self.slots.len() {
            "; a separator within a field needs quotes around the field"
        } else {
            ""
        };
        format!("{}, {first} has {}{hint}", count(n_fields), self.slots.len())
    }
}

fn missing(column: &str, names: &[std::borrow::Cow<'_, str>], separator: &str) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    let hint =
        if names.len() == 1 { format!(" (is the separator {separator:?} right?)") } else { String::new() };
    format!("there is no column {column:?}; the header has {}{hint}", names.join(", "))
}

fn count(n_fields: usize) -> String {
    if n_fields == 1 { "1 field".into() } else { format!("{n_fields} fields") }
}
