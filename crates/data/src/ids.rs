//! External ids and the dense indices that tables use.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// An id as the data's owner writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExternalId<'a> {
    /// A whole number.
    Integer(i64),
    /// Anything else.
    Text(&'a str),
}

impl fmt::Display for ExternalId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExternalId::Integer(id) => id.fmt(f),
            ExternalId::Text(id) => id.fmt(f),
        }
    }
}

/// External ids and their dense indices `0..len`.
///
/// Indices follow the order of the external ids: integers by value, text by bytes. The map is
/// therefore a function of the set of ids alone, whatever order the rows came in. A map holds
/// integers only if every id is one in its usual spelling (`7`, `-3`; not `007` or `+7`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Ids", into = "Ids")]
pub struct IdMap {
    ids: Ids,
}

/// Sorted and free of duplicates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Ids {
    Integers(Vec<i64>),
    Texts(Vec<String>),
}

impl TryFrom<Ids> for IdMap {
    type Error = &'static str;

    /// Takes the ids as they stand: sorting a list that someone edited would give every index another
    /// meaning, and text that looks like a number is text if it was written as text.
    fn try_from(ids: Ids) -> std::result::Result<Self, &'static str> {
        let is_sorted = match &ids {
            Ids::Integers(ids) => ids.is_sorted_by(|a, b| a < b),
            Ids::Texts(ids) => ids.is_sorted_by(|a, b| a < b),
        };
        if is_sorted { Ok(IdMap { ids }) } else { Err("ids are not in ascending order, each once") }
    }
}

impl From<IdMap> for Ids {
    fn from(map: IdMap) -> Self {
        map.ids
    }
}

impl IdMap {
    /// The map of these integers; duplicates count once.
    pub fn from_integers(ids: impl IntoIterator<Item = i64>) -> Self {
        let mut ids: Vec<i64> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        IdMap { ids: Ids::Integers(ids) }
    }

    /// The map of these texts; duplicates count once. Whole numbers are kept as numbers if every
    /// id is one.
    pub fn from_texts(ids: impl IntoIterator<Item = String>) -> Self {
        let ids: Vec<String> = ids.into_iter().collect();
        if let Some(integers) = ids.iter().map(|id| canonical_integer(id.as_bytes())).collect() {
            let integers: Vec<i64> = integers;
            return Self::from_integers(integers);
        }
        Self::from_plain_texts(ids)
    }

    /// The map of these texts, which stay text even if they all look like numbers; duplicates count once.
    pub(crate) fn from_plain_texts(mut ids: Vec<String>) -> Self {
        ids.sort_unstable();
        ids.dedup();
        IdMap { ids: Ids::Texts(ids) }
    }

    /// Whether the map holds integers.
    pub(crate) fn holds_integers(&self) -> bool {
        matches!(self.ids, Ids::Integers(_))
    }

    /// The number of ids.
    pub fn len(&self) -> usize {
        match &self.ids {
            Ids::Integers(ids) => ids.len(),
            Ids::Texts(ids) => ids.len(),
        }
    }

    /// Whether there is no id.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The dense index of an id as it is written in files, or `None` if it is not in the map.
    pub fn index(&self, id: &str) -> Option<u32> {
        match &self.ids {
            Ids::Integers(_) => self.index_of_integer(canonical_integer(id.as_bytes())?),
            Ids::Texts(ids) => {
                ids.binary_search_by(|known| known.as_str().cmp(id)).ok().map(|index| index as u32)
            }
        }
    }

    /// The dense index of an integer id, or `None` if it is not in the map.
    pub fn index_of_integer(&self, id: i64) -> Option<u32> {
        match &self.ids {
            Ids::Integers(ids) => ids.binary_search(&id).ok().map(|index| index as u32),
            Ids::Texts(_) => self.index(&id.to_string()),
        }
    }

    /// The external id of a dense index, or `None` if it is not below [`len`](Self::len).
    pub fn external(&self, index: u32) -> Option<ExternalId<'_>> {
        match &self.ids {
            Ids::Integers(ids) => ids.get(index as usize).copied().map(ExternalId::Integer),
            Ids::Texts(ids) => ids.get(index as usize).map(|id| ExternalId::Text(id)),
        }
    }

    /// All external ids in the order of their indices.
    pub fn iter(&self) -> impl Iterator<Item = ExternalId<'_>> {
        (0..self.len() as u32).filter_map(|index| self.external(index))
    }

    /// For every index of this map the index of the same id in `to`, if it is there.
    pub fn translate(&self, to: &IdMap) -> Vec<Option<u32>> {
        let index = |id| match id {
            ExternalId::Integer(id) => to.index_of_integer(id),
            ExternalId::Text(id) => to.index(id),
        };
        self.iter().map(index).collect()
    }

    /// The map of all ids of all `maps`.
    ///
    /// Integers stay integers only if every map holds integers; beside text they become the text that
    /// spells them, so that every id keeps its spelling. [`translate`](Self::translate) then finds every
    /// id of every one of `maps`.
    pub fn union(maps: &[&IdMap]) -> IdMap {
        let all_integers: Option<Vec<&[i64]>> = maps
            .iter()
            .map(|map| match &map.ids {
                Ids::Integers(ids) => Some(ids.as_slice()),
                // A map without ids says nothing about their kind.
                Ids::Texts(ids) => ids.is_empty().then_some(&[][..]),
            })
            .collect();
        if let Some(integers) = all_integers {
            return Self::from_integers(integers.into_iter().flatten().copied());
        }
        let mut ids: Vec<Cow<'_, str>> = Vec::with_capacity(maps.iter().map(|map| map.len()).sum());
        for map in maps {
            match &map.ids {
                Ids::Integers(integers) => ids.extend(integers.iter().map(|id| Cow::Owned(id.to_string()))),
                Ids::Texts(texts) => ids.extend(texts.iter().map(|id| Cow::Borrowed(id.as_str()))),
            }
        }
        ids.sort_unstable();
        ids.dedup();
        // Not `from_texts`: the ids of a text map may all look like numbers; see `select`.
        IdMap { ids: Ids::Texts(ids.into_iter().map(Cow::into_owned).collect()) }
    }

    /// The map of the ids at `kept` indices only.
    ///
    /// # Panics
    /// If an index is not below [`len`](Self::len).
    pub fn select(&self, kept: &[u32]) -> IdMap {
        match &self.ids {
            Ids::Integers(ids) => Self::from_integers(kept.iter().map(|&index| ids[index as usize])),
            Ids::Texts(ids) => {
                // Not `from_texts`: text stays text, even if the ids that are left look like numbers,
                // so that the order of indices does not change.
                Self::from_plain_texts(kept.iter().map(|&index| ids[index as usize].clone()).collect())
            }
        }
    }
}

/// The integer that these bytes spell in the usual way, so that spelling it again gives the bytes.
pub(crate) fn canonical_integer(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    // 18 digits always fit; longer ids are kept as text.
    if digits.is_empty() || digits.len() > 18 || (digits[0] == b'0' && (digits.len() > 1 || negative)) {
        return None;
    }
    let mut value = 0i64;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(digit - b'0');
    }
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_are_ordered_by_value_and_text_by_bytes() {
        let map = IdMap::from_texts(["10", "9", "-3", "9"].map(String::from));
        assert_eq!(map.len(), 3);
        assert_eq!(map.external(0), Some(ExternalId::Integer(-3)));
        assert_eq!(map.index("10"), Some(2));
        assert_eq!(map.index("010"), None);
        assert_eq!(map.index("x"), None);

        let map = IdMap::from_texts(["10", "9", "u"].map(String::from));
        assert_eq!(map.external(0), Some(ExternalId::Text("10")));
        assert_eq!(map.index("9"), Some(1));
        assert_eq!(map.index_of_integer(9), Some(1));
        assert_eq!(map.external(3), None);
    }

    #[test]
    fn zero_padded_ids_stay_text() {
        let map = IdMap::from_texts(["007", "7"].map(String::from));
        assert_eq!(map.len(), 2);
        assert_ne!(map.index("007"), map.index("7"));
    }

    #[test]
    fn selected_text_keeps_its_order() {
        let map = IdMap::from_texts(["9", "10", "x"].map(String::from));
        let kept = map.select(&[0, 1]);
        assert_eq!(kept.external(0), Some(ExternalId::Text("10")));
        assert_eq!(kept.external(1), Some(ExternalId::Text("9")));
    }

    #[test]
    fn survives_json() {
        let text = IdMap::from_texts(["9", "10", "x"].map(String::from));
        // All that is left looks like numbers, in the order of text.
        let selected = text.select(&[0, 1]);
        for map in [IdMap::from_integers([5, -1]), text, selected] {
            let json = serde_json::to_string(&map).expect("a map is serializable");
            assert_eq!(serde_json::from_str::<IdMap>(&json).expect("and read again"), map);
        }
        let edited = serde_json::from_str::<IdMap>(r#"{"texts": ["b", "a"]}"#).map_err(|e| e.to_string());
        assert_eq!(edited, Err("ids are not in ascending order, each once".into()));
    }

    #[test]
    fn integers_beside_text_become_text() {
        let integers = IdMap::from_integers([10, 9]);
        let texts = IdMap::from_texts(["9", "x"].map(String::from));
        let union = IdMap::union(&[&integers, &texts]);
        assert_eq!(union.iter().map(|id| id.to_string()).collect::<Vec<_>>(), ["10", "9", "x"]);
        // By value 9 comes first, by bytes 10.
        assert_eq!(integers.translate(&union), [Some(1), Some(0)]);
        assert_eq!(texts.translate(&union), [Some(1), Some(2)]);
        assert!(IdMap::union(&[]).is_empty());
        assert_eq!(IdMap::union(&[&integers, &texts.select(&[])]), integers);
    }

    fn maps() -> impl Strategy<Value = Vec<IdMap>> {
        let integers =
            prop::collection::vec(any::<i64>().prop_map(|id| id % 20), 0..20).prop_map(IdMap::from_integers);
        let texts =
            prop::collection::vec("-?[0-9]{1,2}|[a-c]{0,2}|[0-9]{17,20}", 0..20).prop_map(IdMap::from_texts);
        // Text that looks like numbers, as a part of a table leaves it.
        let left = prop::collection::vec("[0-9]{1,2}", 1..20).prop_map(|ids| {
            let map = IdMap::from_texts(ids.into_iter().chain([":".to_owned()]));
            map.select(&(0..map.len() as u32 - 1).collect::<Vec<_>>())
        });
        prop::collection::vec(prop_oneof![integers, texts, left], 0..5)
    }

    fn spelled(map: &IdMap) -> Vec<String> {
        map.iter().map(|id| id.to_string()).collect()
    }

    proptest! {
        #[test]
        fn a_union_holds_the_ids_of_all_maps_and_no_others(maps in maps()) {
            let union = IdMap::union(&maps.iter().collect::<Vec<_>>());
            let mut expected: Vec<String> = maps.iter().flat_map(spelled).collect();
            expected.sort_unstable();
            expected.dedup();
            let mut found = spelled(&union);
            found.sort_unstable();
            prop_assert_eq!(found, expected);
            for map in &maps {
                let translated = map.translate(&union);
                for (index, id) in spelled(map).into_iter().enumerate() {
                    let there = translated[index].and_then(|index| union.external(index));
                    prop_assert_eq!(there.map(|id| id.to_string()), Some(id));
                }
            }
        }

        #[test]
        fn the_order_of_maps_and_how_they_are_grouped_do_not_count(maps in maps()) {
            let all: Vec<&IdMap> = maps.iter().collect();
            let union = IdMap::union(&all);
            let reversed: Vec<&IdMap> = maps.iter().rev().collect();
            prop_assert_eq!(&IdMap::union(&reversed), &union);
            prop_assert_eq!(&IdMap::union(&[&union, &union]), &union);
            let (left, right) = all.split_at(all.len() / 2);
            prop_assert_eq!(&IdMap::union(&[&IdMap::union(left), &IdMap::union(right)]), &union);
        }
    }
}
