//! One value for each user, in little memory.

use crate::mean::mean;
use crate::statistics::{median, standard_error_of};

/// The values of one metric, user after user; NaN stands for undefined.
///
/// A metric of short lists takes few values: each is kept once, with a code of one or two bytes for each user, as
/// long as codes suffice. What is read is what was written, bit by bit.
#[derive(Debug, Clone)]
pub(crate) enum Column {
    Coded(Coded),
    Plain(Vec<f64>),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Coded {
    codes: Codes,
    /// By code, distinct in their bits.
    values: Vec<f64>,
    /// Open addressing: one more than a code, 0 where free; a power of two, at most half full.
    slots: Vec<u32>,
}

/// As narrow as they can be.
#[derive(Debug, Clone)]
enum Codes {
    Narrow(Vec<u8>),
    Wide(Vec<u16>),
}

/// What [`Summary`](crate::Summary) says of a column; NaN counts as undefined.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Moments {
    pub(crate) mean: Option<f64>,
    pub(crate) median: Option<f64>,
    pub(crate) standard_error: Option<f64>,
    pub(crate) n_defined: usize,
    pub(crate) n_undefined: usize,
}

const MAX_CODES: usize = 1 << 16;
const FIRST_SLOTS: usize = 64;

impl Default for Column {
    fn default() -> Self {
        Column::Coded(Coded::default())
    }
}

impl Column {
    pub(crate) fn len(&self) -> usize {
        match self {
            Column::Coded(coded) => coded.codes.len(),
            Column::Plain(values) => values.len(),
        }
    }

    pub(crate) fn get(&self, row: usize) -> Option<f64> {
        match self {
            Column::Coded(coded) => (row < coded.codes.len()).then(|| coded.at(row)),
            Column::Plain(values) => values.get(row).copied(),
        }
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = f64> + Clone {
        let value = |row: usize| match self {
            Column::Coded(coded) => coded.at(row),
            Column::Plain(values) => values[row],
        };
        (0..self.len()).map(value)
    }

    pub(crate) fn reserve(&mut self, n_more: usize) {
        match self {
            Column::Coded(coded) => coded.codes.reserve(n_more),
            Column::Plain(values) => values.reserve(n_more),
        }
    }

    pub(crate) fn truncate(&mut self, n: usize) {
        match self {
            Column::Coded(coded) => coded.codes.truncate(n),
            Column::Plain(values) => values.truncate(n),
        }
    }

    pub(crate) fn push(&mut self, value: f64) {
        match self {
            Column::Plain(values) => values.push(value),
            Column::Coded(coded) => match coded.code_of(value) {
                Some(code) => coded.codes.push(code),
                None => {
                    let mut values = Vec::with_capacity(coded.codes.capacity());
                    values.extend((0..coded.codes.len()).map(|row| coded.at(row)));
                    values.push(value);
                    *self = Column::Plain(values);
                }
            },
        }
    }

    /// The rows in another order.
    pub(crate) fn in_order(self, order: &[usize]) -> Self {
        match self {
            Column::Plain(values) => Column::Plain(order.iter().map(|&row| values[row]).collect()),
            Column::Coded(Coded { codes, values, slots }) => {
                Column::Coded(Coded { codes: codes.in_order(order), values, slots })
            }
        }
    }

    /// The mean of the defined values where the value of each row counts as often as `times` says; `None` if all
    /// that count are undefined.
    pub(crate) fn weighted_mean(&self, times: &[u32]) -> Option<f64> {
        match self {
            Column::Coded(coded) => match &coded.codes {
                Codes::Narrow(codes) => coded.weighted_mean(codes, times),
                Codes::Wide(codes) => coded.weighted_mean(codes, times),
            },
            Column::Plain(values) => {
                let rows = values.iter().zip(times).filter(|(value, _)| !value.is_nan());
                let add = |(sum, n): (f64, u64), (value, &times): (&f64, &u32)| {
                    (sum + value * f64::from(times), n + u64::from(times))
                };
                let (sum, n) = rows.fold((0.0, 0), add);
                (n > 0).then(|| sum / n as f64)
            }
        }
    }

    pub(crate) fn moments(&self) -> Moments {
        match self {
            Column::Coded(coded) => match &coded.codes {
                Codes::Narrow(codes) => coded.moments(codes),
                Codes::Wide(codes) => coded.moments(codes),
            },
            Column::Plain(values) => Moments::of(values.iter().copied()),
        }
    }
}

impl Extend<f64> for Column {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.push(value));
    }
}

impl FromIterator<f64> for Column {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut column = Column::default();
        column.extend(values);
        column
    }
}

impl Codes {
    fn len(&self) -> usize {
        match self {
            Codes::Narrow(codes) => codes.len(),
            Codes::Wide(codes) => codes.len(),
        }
    }

    fn capacity(&self) -> usize {
        match self {
            Codes::Narrow(codes) => codes.capacity(),
            Codes::Wide(codes) => codes.capacity(),
        }
    }

    fn at(&self, row: usize) -> usize {
        match self {
            Codes::Narrow(codes) => codes[row].into(),
            Codes::Wide(codes) => codes[row].into(),
        }
    }

    fn reserve(&mut self, n_more: usize) {
        match self {
            Codes::Narrow(codes) => codes.reserve(n_more),
            Codes::Wide(codes) => codes.reserve(n_more),
        }
    }

    fn truncate(&mut self, n: usize) {
        match self {
            Codes::Narrow(codes) => codes.truncate(n),
            Codes::Wide(codes) => codes.truncate(n),
        }
    }

    fn push(&mut self, code: u16) {
        match (&mut *self, u8::try_from(code)) {
            (Codes::Narrow(codes), Ok(code)) => codes.push(code),
            (Codes::Narrow(narrow), Err(_)) => {
                let mut codes = Vec::with_capacity(narrow.capacity());
                codes.extend(narrow.iter().copied().map(u16::from));
                codes.push(code);
                *self = Codes::Wide(codes);
            }
            (Codes::Wide(codes), _) => codes.push(code),
        }
    }

    fn in_order(self, order: &[usize]) -> Self {
        match self {
            Codes::Narrow(codes) => Codes::Narrow(order.iter().map(|&row| codes[row]).collect()),
            Codes::Wide(codes) => Codes::Wide(order.iter().map(|&row| codes[row]).collect()),
        }
    }
}

impl Default for Codes {
    fn default() -> Self {
        Codes::Narrow(Vec::new())
    }
}

impl Coded {
    fn at(&self, row: usize) -> f64 {
        self.values[self.codes.at(row)]
    }

    /// The code of a value, a new one if need be; `None` where there is none left.
    fn code_of(&mut self, value: f64) -> Option<u16> {
        if self.slots.len() <= 2 * self.values.len() {
            self.grow();
        }
        let slot = self.slot_of(value);
        if let Some(code) = self.slots[slot].checked_sub(1) {
            return Some(code as u16);
        }
        let code = u16::try_from(self.values.len()).ok().filter(|_| self.values.len() < MAX_CODES)?;
        self.values.push(value);
        self.slots[slot] = u32::from(code) + 1;
        Some(code)
    }

    /// Where the value is, or the free place where it belongs.
    fn slot_of(&self, value: f64) -> usize {
        let bits = value.to_bits();
        let mask = self.slots.len() - 1;
        // Fibonacci hashing: the upper bits of the product depend on all bits.
        let mut slot = (bits.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & mask;
        loop {
            match self.slots[slot].checked_sub(1) {
                Some(code) if self.values[code as usize].to_bits() != bits => slot = (slot + 1) & mask,
                _ => return slot,
            }
        }
    }

    fn grow(&mut self) {
        self.slots = vec![0; (2 * self.slots.len()).max(FIRST_SLOTS)];
        for code in 0..self.values.len() {
            let slot = self.slot_of(self.values[code]);
            self.slots[slot] = code as u32 + 1;
        }
    }

    /// Of the values of `codes`.
    fn weighted_mean<C: Copy + Into<usize>>(&self, codes: &[C], times: &[u32]) -> Option<f64> {
        // Counts are added up in integers, value by value.
        let mut of_codes = vec![0_u64; self.values.len()];
        codes.iter().zip(times).for_each(|(&code, &times)| of_codes[code.into()] += u64::from(times));
        let defined = || self.values.iter().zip(&of_codes).filter(|(value, _)| !value.is_nan());
        let n: u64 = defined().map(|(_, times)| times).sum();
        (n > 0).then(|| defined().map(|(value, &times)| value * times as f64).sum::<f64>() / n as f64)
    }

    fn moments<C: Copy + Into<usize>>(&self, codes: &[C]) -> Moments {
        let defined = codes.iter().map(|&code| self.values[code.into()]).filter(|value| !value.is_nan());
        let mut counts = vec![0_usize; self.values.len()];
        codes.iter().for_each(|&code| counts[code.into()] += 1);
        let mut counted: Vec<(f64, usize)> = self.values.iter().copied().zip(counts).collect();
        counted.retain(|&(value, _)| !value.is_nan());
        counted.sort_unstable_by(|left, right| left.0.total_cmp(&right.0));
        let n_defined: usize = counted.iter().map(|&(_, count)| count).sum();
        let at = |position: usize| {
            let mut end = 0;
            let is_beyond = |&&(_, count): &&(f64, usize)| {
                end += count;
                end > position
            };
            counted.iter().find(is_beyond).map(|&(value, _)| value)
        };
        let (lower, upper) = (at(n_defined.saturating_sub(1) / 2), at(n_defined / 2));
        Moments {
            mean: mean(defined.clone()),
            median: lower.zip(upper).map(|(lower, upper)| lower + (upper - lower) / 2.0),
            standard_error: standard_error_of(defined),
            n_defined,
            n_undefined: codes.len() - n_defined,
        }
    }
}

impl Moments {
    pub(crate) fn of(values: impl ExactSizeIterator<Item = f64>) -> Self {
        let n = values.len();
        let defined: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
        Moments {
            mean: mean(defined.iter().copied()),
            median: median(&defined),
            standard_error: standard_error_of(defined.iter().copied()),
            n_defined: defined.len(),
            n_undefined: n - defined.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(values: impl Iterator<Item = f64>) -> Vec<u64> {
        values.map(f64::to_bits).collect()
    }

    /// Values with so many distinct ones, and some undefined.
    fn values(n: usize, n_distinct: usize) -> Vec<f64> {
        let value = |row: usize| match row % 11 {
            3 => f64::NAN,
            7 => -0.0,
            _ => (row * 7919 % n_distinct) as f64 / n_distinct as f64,
        };
        (0..n).map(value).collect()
    }

    #[test]
    fn what_was_written_is_read() {
        for n_distinct in [1, 2, 253, 254, 255, 256, 1000, 65_535, 65_536, 90_001] {
            let expected = values(200_000, n_distinct);
            let column: Column = expected.iter().copied().collect();
            // With NaN and -0 there are two more.
            assert_eq!(matches!(column, Column::Coded(_)), n_distinct + 2 <= MAX_CODES, "{n_distinct}");
            assert_eq!(bits(column.iter()), bits(expected.iter().copied()));
            assert_eq!(column.get(200_000), None);
            let order: Vec<usize> = (0..expected.len()).rev().collect();
            let reversed = column.in_order(&order);
            assert_eq!(bits(reversed.iter()), bits(expected.iter().rev().copied()));
            assert_eq!(reversed.get(0).map(f64::to_bits), expected.last().map(|value| value.to_bits()));
        }
    }

    #[test]
    fn the_moments_are_those_of_the_values_to_the_bit() {
        for (n, n_distinct) in [(0, 1), (1, 5), (2, 5), (4, 5), (1001, 77), (1002, 2), (99_000, 95_000)] {
            let values = values(n, n_distinct);
            let column: Column = values.iter().copied().collect();
            assert_eq!(column.moments(), Moments::of(values.iter().copied()), "{n} of {n_distinct}");
        }
        let undefined: Column = [f64::NAN; 3].into_iter().collect();
        assert_eq!(undefined.moments(), Moments { n_undefined: 3, ..Moments::default() });
    }

    #[test]
    fn a_column_goes_on_after_rows_were_taken_back() {
        let mut column: Column = [0.5, 0.25].into_iter().collect();
        column.truncate(1);
        column.extend([0.75, 0.25]);
        assert_eq!(column.iter().collect::<Vec<_>>(), [0.5, 0.75, 0.25]);
        assert_eq!(column.moments().median, Some(0.5));
    }
}
