//! Damage: what happens to files on disks, in transfers, and at the hands of people.

use burn_recsys_data::random::Draws;

/// Text that readers of numbers, quotes and lines trip over.
const WORDS: [&[u8]; 26] = [
    b"-1",
    b"0",
    b"1",
    b"18446744073709551615",
    b"18446744073709551616",
    b"9223372036854775807",
    b"4294967295",
    b"4294967296",
    b"1e309",
    b"-1e309",
    b"1e-320",
    b"NaN",
    b"inf",
    b"-0.0",
    b"\"",
    b"'",
    b"\\",
    b"\0",
    b"\n",
    b"\r\n",
    b",",
    b"\t",
    b"::",
    b"[[[[[[[[[[[[[[[[",
    b"{\"a\":",
    b"\xff\xfe",
];

/// Numbers that lengths and offsets of binary files are set to.
const INTEGERS: [u64; 10] =
    [0, 1, 7, 0x7f, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 40, i64::MAX as u64, u64::MAX];

/// `bytes` with one to three kinds of damage; `other` is what may be spliced in.
pub(crate) fn damage(bytes: &mut Vec<u8>, other: &[u8], draws: &mut Draws) {
    for _ in 0..=draws.below(3) {
        damage_once(bytes, other, draws);
    }
}

fn damage_once(bytes: &mut Vec<u8>, other: &[u8], draws: &mut Draws) {
    let place = |length: usize, draws: &mut Draws| draws.below(length as u32 + 1) as usize;
    // Headers are where lengths stand, so half of the damage is done there.
    let at = match draws.below(2) {
        0 => place(bytes.len().min(128), draws),
        _ => place(bytes.len(), draws),
    };
    let some = |length: usize, draws: &mut Draws| draws.below(length.clamp(1, 64) as u32) as usize + 1;
    match draws.below(9) {
        0 if at < bytes.len() => bytes[at] ^= 1 << draws.below(8),
        1 if at < bytes.len() => bytes[at] = draws.below(256) as u8,
        2 => bytes.truncate(at),
        3 => {
            let end = (at + some(64, draws)).min(bytes.len());
            bytes.drain(at..end);
        }
        4 => {
            let from = place(bytes.len(), draws);
            let piece = bytes[from..(from + some(64, draws)).min(bytes.len())].to_vec();
            bytes.splice(at..at, piece);
        }
        5 => {
            let word = WORDS[draws.below(WORDS.len() as u32) as usize];
            bytes.splice(at..at, word.iter().copied());
        }
        6 => {
            // A whole number in text becomes another one.
            let digits = bytes[at..].iter().position(u8::is_ascii_digit).map(|offset| at + offset);
            if let Some(start) = digits {
                let end = bytes[start..].iter().position(|b| !b.is_ascii_digit());
                let end = end.map_or(bytes.len(), |offset| start + offset);
                let word = WORDS[draws.below(14) as usize];
                bytes.splice(start..end, word.iter().copied());
            }
        }
        7 => {
            let value = INTEGERS[draws.below(INTEGERS.len() as u32) as usize].to_le_bytes();
            let width = [1, 2, 4, 8][draws.below(4) as usize];
            for (to, from) in bytes.iter_mut().skip(at).zip(&value[..width]) {
                *to = *from;
            }
        }
        _ => {
            let from = place(other.len(), draws);
            let end = (from + some(512, draws)).min(other.len());
            bytes.splice(at..at, other[from..end].iter().copied());
        }
    }
}
