//! Texts and ids in compressed rows of bytes, looked up without a hash map.

use burn_recsys_retrieval::Buffer;
use rayon::prelude::*;

use crate::rows::{check_offsets, slice};
use crate::{Error, Result};

/// Many texts in one allocation or one mapped file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Texts {
    offsets: Buffer<u64>,
    bytes: Buffer<u8>,
}

impl Texts {
    /// # Errors
    /// If the offsets do not fit the bytes or cut a character, or the bytes are not UTF-8.
    pub(crate) fn new(table: &'static str, offsets: Buffer<u64>, bytes: Buffer<u8>) -> Result<Self> {
        check_offsets(&offsets, bytes.len()).map_err(|message| Error::tables(table, message))?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|error| Error::tables(table, format!("the texts are not UTF-8: {error}")))?;
        if !offsets.iter().all(|&end| text.is_char_boundary(end as usize)) {
            return Err(Error::tables(table, "a text ends within a character"));
        }
        Ok(Texts { offsets, bytes })
    }

    pub(crate) fn of<T: AsRef<str>>(texts: &[T]) -> Self {
        let (mut offsets, mut bytes) = (vec![0], Vec::new());
        for text in texts {
            bytes.extend_from_slice(text.as_ref().as_bytes());
            offsets.push(bytes.len() as u64);
        }
        Texts { offsets: offsets.into(), bytes: bytes.into() }
    }

    pub(crate) fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// A text; empty if there is none at `index`.
    pub(crate) fn get(&self, index: u32) -> &str {
        std::str::from_utf8(self.bytes_of(index)).unwrap_or_default()
    }

    fn bytes_of(&self, index: u32) -> &[u8] {
        slice(&self.offsets, &self.bytes, index).unwrap_or_default()
    }

    pub(crate) fn offsets(&self) -> &Buffer<u64> {
        &self.offsets
    }

    pub(crate) fn bytes(&self) -> &Buffer<u8> {
        &self.bytes
    }
}

/// External ids, found by binary search over their order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ids {
    texts: Texts,
    /// The indices in the order of the ids' bytes.
    order: Buffer<u32>,
}

impl Ids {
    /// # Errors
    /// If `order` is not the order of the ids, or two ids are the same.
    pub(crate) fn new(table: &'static str, texts: Texts, order: Buffer<u32>) -> Result<Self> {
        if order.len() != texts.len() {
            return Err(Error::tables(table, format!("{} ids in order of {}", order.len(), texts.len())));
        }
        let n = texts.len();
        // Strictly ascending ids are all different, so as many of them as there are is all of them.
        let is_sorted = (0..n.saturating_sub(1)).into_par_iter().all(|at| {
            (order[at] as usize) < n
                && (order[at + 1] as usize) < n
                && texts.bytes_of(order[at]) < texts.bytes_of(order[at + 1])
        });
        if !is_sorted || (n == 1 && order[0] != 0) {
            return Err(Error::tables(table, "an id stands twice, or the order of ids is not theirs"));
        }
        Ok(Ids { texts, order })
    }

    /// # Errors
    /// If two ids are the same.
    pub(crate) fn of<T: AsRef<str> + Sync>(table: &'static str, ids: &[T]) -> Result<Self> {
        let Ok(n) = u32::try_from(ids.len()) else {
            return Err(Error::tables(
                table,
                format!("{} ids, at most {} have an index", ids.len(), u32::MAX),
            ));
        };
        let mut order: Vec<u32> = (0..n).collect();
        let id = |index: u32| ids[index as usize].as_ref();
        order.par_sort_unstable_by(|&a, &b| id(a).cmp(id(b)));
        if let Some(twice) = order.windows(2).find(|pair| id(pair[0]) == id(pair[1])) {
            return Err(Error::tables(table, format!("the id {:?} stands twice", id(twice[0]))));
        }
        Ok(Ids { texts: Texts::of(ids), order: order.into() })
    }

    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    /// The id of an index; empty if there is none.
    pub(crate) fn get(&self, index: u32) -> &str {
        self.texts.get(index)
    }

    /// The index of an id.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        let found = self.order.binary_search_by(|&index| self.texts.bytes_of(index).cmp(id.as_bytes()));
        found.ok().and_then(|at| self.order.get(at).copied())
    }

    /// The indices of ids that start with `prefix`, in the order of ids.
    pub(crate) fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = u32> + 'a {
        let start = self.order.partition_point(|&index| self.texts.bytes_of(index) < prefix.as_bytes());
        let rest = self.order.get(start..).unwrap_or_default();
        rest.iter()
            .copied()
            .take_while(move |&index| self.texts.bytes_of(index).starts_with(prefix.as_bytes()))
    }

    pub(crate) fn texts(&self) -> &Texts {
        &self.texts
    }

    pub(crate) fn order(&self) -> &Buffer<u32> {
        &self.order
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_id_is_found_and_no_other(ids in prop::collection::btree_set("[a-zé]{0,4}", 0..40), other in "[a-zé]{0,4}") {
            let mut list: Vec<String> = ids.iter().cloned().collect();
            list.reverse();
            let table = Ids::of("ids", &list).unwrap();
            for (index, id) in (0..).zip(&list) {
                prop_assert_eq!(table.find(id), Some(index));
                prop_assert_eq!(table.get(index), id);
            }
            prop_assert_eq!(table.find(&other).is_some(), ids.contains(&other));
            let found: Vec<&str> = table.with_prefix(&other).map(|index| table.get(index)).collect();
            let expected: Vec<&str> = ids.iter().map(String::as_str).filter(|id| id.starts_with(&other)).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_is_not_an_order_is_refused() {
        let texts = Texts::of(&["b", "a"]);
        assert!(Ids::new("ids", texts.clone(), vec![1, 0].into()).is_ok());
        for order in [vec![], vec![0, 1], vec![1, 1], vec![1, 2], vec![9, 0]] {
            assert!(Ids::new("ids", texts.clone(), order.clone().into()).is_err(), "{order:?}");
        }
        assert!(Ids::new("ids", Texts::of(&["a"]), vec![7].into()).is_err());
        assert!(Ids::of("ids", &["a", "b", "a"]).unwrap_err().to_string().contains("\"a\" stands twice"));
    }

    #[test]
    fn texts_must_be_whole_characters() {
        let refused = |offsets: Vec<u64>, bytes: &[u8]| {
            Texts::new("titles", offsets.into(), bytes.to_vec().into()).unwrap_err().to_string()
        };
        assert!(refused(vec![0, 1, 2], "é".as_bytes()).contains("within a character"));
        assert!(refused(vec![0, 1], &[0xff]).contains("not UTF-8"));
        assert!(refused(vec![0, 3], b"ab").contains("end at 3"));
    }
}
