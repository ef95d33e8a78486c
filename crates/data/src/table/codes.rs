//! Ids and the numbers that stand for them while a file is read.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::field::decode;
use crate::ids::canonical_integer;
use crate::{ExternalId, IdMap};

/// Integers from zero to below this are their own codes, which needs no hashing, only a bit that says
/// whether the id occurs. At half a megabyte at most, the bits stay in the cache.
const N_SMALL: u32 = 1 << 22;

/// Codes of the ids of one block. An id is either an integer in its usual spelling or text, never both.
#[derive(Debug, Default)]
pub(crate) struct Codes {
    /// One bit for every integer below [`N_SMALL`], as far as the largest that occurs.
    small: Vec<u64>,
    /// The other ids are numbered from [`N_SMALL`] in the order in which the block met them.
    integers: FxHashMap<i64, u32>,
    texts: FxHashMap<String, u32>,
    /// Files are often sorted by user.
    last: Option<(i64, u32)>,
}

impl Codes {
    /// The code of an id as it is written.
    #[inline]
    pub(crate) fn code(&mut self, id: &[u8]) -> u32 {
        match canonical_integer(id) {
            Some(id) => self.integer(id),
            None => {
                let id = decode(id);
                match self.texts.get(&*id) {
                    Some(&code) => code,
                    None => {
                        let next = self.next();
                        self.texts.insert(id.into_owned(), next);
                        next
                    }
                }
            }
        }
    }

    /// The code of an integer.
    #[inline]
    pub(crate) fn integer(&mut self, id: i64) -> u32 {
        match u32::try_from(id) {
            Ok(id) if id < N_SMALL => {
                let (word, bit) = (id as usize / 64, 1 << (id % 64));
                match self.small.get_mut(word) {
                    Some(word) => *word |= bit,
                    None => {
                        self.small.resize((word + 1).next_power_of_two(), 0);
                        self.small[word] |= bit;
                    }
                }
                id
            }
            _ => self.other_integer(id),
        }
    }

    /// The code of an integer of any size: one that is too long for [`canonical_integer`] is text, as it is
    /// where it is written out.
    #[cfg(feature = "parquet")]
    #[inline]
    pub(crate) fn any_integer(&mut self, id: i128) -> u32 {
        const LIMIT: i128 = 1_000_000_000_000_000_000;
        match i64::try_from(id) {
            Ok(short) if -LIMIT < id && id < LIMIT => self.integer(short),
            _ => self.code(id.to_string().as_bytes()),
        }
    }

    fn other_integer(&mut self, id: i64) -> u32 {
        match self.last {
            Some((last, code)) if last == id => code,
            _ => {
                let next = self.next();
                let code = *self.integers.entry(id).or_insert(next);
                self.last = Some((id, code));
                code
            }
        }
    }

    /// Takes the ids of `block` in; says which code here stands for each of its codes.
    pub(crate) fn absorb(&mut self, block: Codes) -> Translation {
        if self.small.len() < block.small.len() {
            self.small.resize(block.small.len(), 0);
        }
        for (word, new) in self.small.iter_mut().zip(&block.small) {
            *word |= new;
        }
        let mut others = vec![0; block.n_others()];
        for (id, code) in block.integers {
            let next = self.next();
            others[(code - N_SMALL) as usize] = *self.integers.entry(id).or_insert(next);
        }
        for (id, code) in block.texts {
            let next = self.next();
            others[(code - N_SMALL) as usize] = *self.texts.entry(id).or_insert(next);
        }
        Translation { others }
    }

    fn n_others(&self) -> usize {
        self.integers.len() + self.texts.len()
    }

    fn next(&self) -> u32 {
        N_SMALL + self.n_others() as u32
    }
}

/// From the codes of one block to those of another [`Codes`].
#[derive(Debug)]
pub(crate) struct Translation {
    others: Vec<u32>,
}

impl Translation {
    /// The code that stands for `code`.
    #[inline]
    pub(crate) fn of(&self, code: u32) -> u32 {
        match code.checked_sub(N_SMALL) {
            None => code,
            Some(other) => self.others[other as usize],
        }
    }
}

/// One id map for all blocks.
pub(crate) struct Merged {
    pub(crate) ids: IdMap,
    /// The index in `ids` of every small integer that occurs.
    small: Vec<u32>,
    /// For every block the index in `ids` of every other code.
    others: Vec<Vec<u32>>,
}

impl Merged {
    pub(crate) fn new(blocks: Vec<Codes>) -> Self {
        let mut bits = vec![0; blocks.iter().map(|codes| codes.small.len()).max().unwrap_or(0)];
        let mut integers: FxHashSet<i64> = FxHashSet::default();
        let mut texts: FxHashSet<&str> = FxHashSet::default();
        for codes in &blocks {
            for (all, word) in bits.iter_mut().zip(&codes.small) {
                *all |= word;
            }
            integers.extend(codes.integers.keys());
            texts.extend(codes.texts.keys().map(String::as_str));
        }
        let integers = ones(&bits).chain(integers);
        let ids = if texts.is_empty() {
            IdMap::from_integers(integers)
        } else {
            let integers = integers.map(|id| id.to_string());
            IdMap::from_texts(integers.chain(texts.into_iter().map(String::from)))
        };
        let mut small = vec![0; bits.len() * 64];
        for (index, id) in ids.iter().enumerate() {
            let id = match id {
                ExternalId::Integer(id) => Some(id),
                ExternalId::Text(id) => canonical_integer(id.as_bytes()),
            };
            let place = id.and_then(|id| usize::try_from(id).ok()).and_then(|id| small.get_mut(id));
            if let Some(place) = place {
                *place = index as u32;
            }
        }
        // Every id is in the map, so the default is never taken.
        let others = blocks
            .into_par_iter()
            .map(|codes| {
                let mut others = vec![0; codes.n_others()];
                for (id, code) in codes.integers {
                    others[(code - N_SMALL) as usize] = ids.index_of_integer(id).unwrap_or_default();
                }
                for (id, code) in codes.texts {
                    others[(code - N_SMALL) as usize] = ids.index(&id).unwrap_or_default();
                }
                others
            })
            .collect();
        Merged { ids, small, others }
    }

    /// The index in `ids` of a code of block `block`.
    #[inline]
    pub(crate) fn index(&self, block: usize, code: u32) -> u32 {
        match code.checked_sub(N_SMALL) {
            None => self.small[code as usize],
            Some(other) => self.others[block][other as usize],
        }
    }
}

/// The positions of the ones among `bits`.
fn ones(bits: &[u64]) -> impl Iterator<Item = i64> {
    (0..).step_by(64).zip(bits).flat_map(|(start, &word)| {
        let mut word = word;
        std::iter::from_fn(move || {
            let bit = (word != 0).then(|| i64::from(word.trailing_zeros()))?;
            word &= word - 1;
            Some(start + bit)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ids of every block as they are written.
    fn merged(blocks: &[&[&str]]) -> Vec<Vec<String>> {
        let mut codes: Vec<Codes> = Vec::new();
        let mut columns = Vec::new();
        for block in blocks {
            let mut block_codes = Codes::default();
            columns.push(block.iter().map(|id| block_codes.code(id.as_bytes())).collect::<Vec<u32>>());
            codes.push(block_codes);
        }
        let merged = Merged::new(codes);
        let external = |n, code| merged.ids.external(merged.index(n, code)).unwrap().to_string();
        (0..).zip(columns).map(|(n, column)| column.iter().map(|&code| external(n, code)).collect()).collect()
    }

    #[test]
    fn every_code_leads_back_to_its_id() {
        let limit = N_SMALL.to_string();
        let below = (N_SMALL - 1).to_string();
        let blocks: [&[&str]; 4] = [
            &["5", "-1", "5", &limit, &below, "-1"],
            &["0", &limit, "64", "63", "999999999999999999"],
            &[],
            &["63", "128", &below, "-1"],
        ];
        assert_eq!(merged(&blocks), blocks);
        let texts: [&[&str]; 3] = [blocks[0], &["007", "7", "a", "7", "9999999999999999999"], blocks[1]];
        assert_eq!(merged(&texts), texts);
    }

    #[test]
    fn absorbed_codes_lead_back_to_their_ids() {
        let limit = N_SMALL.to_string();
        let blocks: [&[&str]; 3] =
            [&["5", "-1", &limit, "a"], &["a", "007", "-1", "9"], &["b", &limit, "a", "5"]];
        let mut all = Codes::default();
        let mut column = Vec::new();
        for block in blocks {
            let mut codes = Codes::default();
            let rows: Vec<u32> = block.iter().map(|id| codes.code(id.as_bytes())).collect();
            let translation = all.absorb(codes);
            column.extend(rows.into_iter().map(|code| translation.of(code)));
        }
        let merged = Merged::new(vec![all]);
        let ids = column.iter().map(|&code| merged.ids.external(merged.index(0, code)).unwrap().to_string());
        assert_eq!(ids.collect::<Vec<_>>(), blocks.concat());
    }

    #[test]
    fn ones_are_ascending() {
        assert_eq!(ones(&[0b101, 0, 1 << 63]).collect::<Vec<_>>(), [0, 2, 191]);
    }
}
