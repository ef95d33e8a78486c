//! Many binary searches in one sorted list.

use std::hint::select_unpredictable;

/// How many searches run in step, so that one waits for memory while others do.
pub(super) const LANES: usize = 16;

/// For each of at most [`LANES`] numbers the last index below `length` that `is_below` the number; 0 if
/// none is. `is_below` is true up to an index and false from there on; `length` is at least 1.
#[inline]
pub(super) fn last_below(
    length: usize,
    numbers: &[u32],
    is_below: impl Fn(usize, u32) -> bool,
) -> [usize; LANES] {
    // No branch on the values: draws are random, so every other one would be mispredicted.
    let mut starts = [0; LANES];
    let mut length = length;
    while length > 1 {
        let half = length / 2;
        for (start, &n) in starts.iter_mut().zip(numbers) {
            *start = select_unpredictable(is_below(*start + half, n), *start + half, *start);
        }
        length -= half;
    }
    starts
}
