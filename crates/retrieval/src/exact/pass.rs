//! The first pass: codes of all items against some queries.

use std::ops::Range;

use super::codes::{CodedQuery, Codes};
use super::dots::{Dots, ITEMS, Portable, QUERIES};
use super::shortlist::Shortlist;

/// Bytes of codes that all queries of a block pass by before the next: they stay in the second cache.
const CHUNK: usize = 1 << 18;

/// One query on its way through the items.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) query: CodedQuery,
    /// A bit for each item that may be answered; all without.
    pub(super) mask: Option<Vec<u64>>,
    pub(super) list: Shortlist,
}

impl Search {
    /// Which items of a panel may be answered.
    #[inline(always)]
    fn mask(&self, panel: usize) -> u16 {
        self.mask.as_ref().map_or(u16::MAX, |words| {
            words.get(panel / 4).map_or(0, |word| (word >> (panel % 4 * ITEMS)) as u16)
        })
    }
}

/// Shows all items to all searches.
pub(super) fn pass(codes: &Codes, n_items: usize, searches: &mut [Search]) {
    #[cfg(target_arch = "x86_64")]
    if let pulp::x86::Arch::V3(simd) = pulp::x86::Arch::new() {
        return simd.vectorize(Pass { dots: simd, codes, n_items, searches });
    }
    pulp::Arch::new().dispatch(Pass { dots: Portable, codes, n_items, searches });
}

/// [`pass_with`] as what is compiled for a processor: a closure's body would not be once it is too long to be
/// inlined.
struct Pass<'a, D> {
    dots: D,
    codes: &'a Codes,
    n_items: usize,
    searches: &'a mut [Search],
}

impl<D: Dots> pulp::NullaryFnOnce for Pass<'_, D> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        pass_with(self.dots, self.codes, self.n_items, self.searches);
    }
}

#[inline(always)]
fn pass_with(dots: impl Dots, codes: &Codes, n_items: usize, searches: &mut [Search]) {
    let n_panels = n_items.div_ceil(ITEMS);
    let step = (CHUNK / (codes.n_pairs * 2 * ITEMS)).max(1);
    for start in (0..n_panels).step_by(step) {
        let panels = start..(start + step).min(n_panels);
        let (groups, rest) = searches.as_chunks_mut::<QUERIES>();
        for group in groups {
            chunk(dots, codes, n_items, panels.clone(), group);
        }
        for search in rest {
            chunk(dots, codes, n_items, panels.clone(), std::array::from_mut(search));
        }
    }
}

#[inline(always)]
fn chunk<const Q: usize>(
    dots: impl Dots,
    codes: &Codes,
    n_items: usize,
    panels: Range<usize>,
    searches: &mut [Search; Q],
) {
    for panel in panels {
        let width = (n_items - panel * ITEMS).min(ITEMS);
        let all = u16::MAX >> (ITEMS - width);
        let masks: [u16; Q] = std::array::from_fn(|query| searches[query].mask(panel) & all);
        if masks == [0; Q] {
            continue;
        }
        let (values, scales, errors) = codes.panel(panel);
        let sums = dots.dots::<Q>(values, std::array::from_fn(|query| &searches[query].query.pairs[..]));
        for ((search, sums), mask) in searches.iter_mut().zip(&sums).zip(masks) {
            let (norm, floor) = (search.query.norm, search.list.floor());
            if reaches(sums, scales, errors, norm, floor) {
                search.list.offer((panel * ITEMS) as u32, mask, sums, scales, errors, norm);
            }
        }
    }
}

/// Whether any upper bound of a panel reaches the floor. Most do not: one look at all finds that out.
#[inline(always)]
fn reaches(sums: &[i32; ITEMS], scales: &[f32; ITEMS], errors: &[f32; ITEMS], norm: f32, floor: f32) -> bool {
    let mut is_any = false;
    for lane in 0..ITEMS {
        is_any |= sums[lane] as f32 * scales[lane] + norm * errors[lane] >= floor;
    }
    is_any
}
