//! What is known of items besides the company they keep.

use burn_recsys_data::Csr;

use crate::UNKNOWN;

/// One categorical field of all items, such as a brand, a category or a range of prices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemField {
    /// What errors and weights are called by.
    pub name: String,
    /// The number of values; codes are below it.
    pub n_values: usize,
    /// The value of each item, `[n_items]`; [`UNKNOWN`] where it is not known.
    pub codes: Vec<u32>,
}

/// The fields of all items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemFields {
    n_items: usize,
    fields: Vec<ItemField>,
}

/// Fields that do not describe the items.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// Not one code an item.
    #[error("field {name:?} has {actual} codes, but there are {expected} items")]
    Length {
        /// The field.
        name: String,
        /// The number of codes.
        actual: usize,
        /// The number of items.
        expected: usize,
    },
    /// A code beyond the values.
    #[error("field {name:?}: item {item} has value {code}, but there are {n_values} values")]
    Code {
        /// The field.
        name: String,
        /// The item.
        item: usize,
        /// Its code.
        code: u32,
        /// The number of values.
        n_values: usize,
    },
}

impl ItemFields {
    /// The fields of `n_items` items.
    ///
    /// # Errors
    /// If a field does not have one code an item, or a code is neither below the number of values nor
    /// [`UNKNOWN`].
    pub fn new(n_items: usize, fields: Vec<ItemField>) -> Result<Self, FieldError> {
        for ItemField { name, n_values, codes } in &fields {
            if codes.len() != n_items {
                let (name, actual) = (name.clone(), codes.len());
                return Err(FieldError::Length { name, actual, expected: n_items });
            }
            let is_bad = |&code: &u32| code != UNKNOWN && code as usize >= *n_values;
            if let Some(item) = codes.iter().position(is_bad) {
                let (name, code, n_values) = (name.clone(), codes[item], *n_values);
                return Err(FieldError::Code { name, item, code, n_values });
            }
        }
        Ok(ItemFields { n_items, fields })
    }

    /// No field: items are known by the company they keep alone.
    pub fn none(n_items: usize) -> Self {
        ItemFields { n_items, fields: Vec::new() }
    }

    /// The number of items.
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// The fields in order.
    pub fn fields(&self) -> &[ItemField] {
        &self.fields
    }

    /// The known values of every item, numbered through all fields: those of a field come after those of the
    /// fields before it. `burn_recsys_baselines::SkipGramConfig::fit_with_features` takes them so.
    pub fn feature_rows(&self) -> Csr {
        let mut first = 0;
        let starts: Vec<u32> = (self.fields.iter())
            .map(|field| {
                first += field.n_values as u32;
                first - field.n_values as u32
            })
            .collect();
        Csr::from_rows((0..self.n_items).map(|item| {
            let known = self.fields.iter().zip(&starts).filter(|(field, _)| field.codes[item] != UNKNOWN);
            known.map(|(field, start)| start + field.codes[item]).collect::<Vec<u32>>()
        }))
    }

    /// Whether anything is known of `item`.
    ///
    /// # Panics
    /// If `item` is not below the number of items.
    pub fn describe(&self, item: u32) -> bool {
        self.fields.iter().any(|field| field.codes[item as usize] != UNKNOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(n_values: usize, codes: &[u32]) -> ItemField {
        ItemField { name: "brand".into(), n_values, codes: codes.to_vec() }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let message = |field| ItemFields::new(3, vec![field]).unwrap_err().to_string();
        assert_eq!(message(field(2, &[0, 1])), "field \"brand\" has 2 codes, but there are 3 items");
        assert_eq!(
            message(field(2, &[0, UNKNOWN, 2])),
            "field \"brand\": item 2 has value 2, but there are 2 values"
        );
    }

    #[test]
    fn values_are_numbered_through_all_fields() {
        let fields =
            ItemFields::new(3, vec![field(2, &[1, UNKNOWN, 0]), field(4, &[3, 0, UNKNOWN])]).unwrap();
        assert_eq!(fields.feature_rows(), Csr::from_rows([vec![1, 5], vec![2], vec![0]]));
    }

    #[test]
    fn an_item_without_any_value_is_not_described() {
        let fields = ItemFields::new(2, vec![field(1, &[UNKNOWN, 0]), field(1, &[UNKNOWN; 2])]).unwrap();
        assert!(!fields.describe(0) && fields.describe(1));
        assert!(!ItemFields::none(1).describe(0));
    }
}
