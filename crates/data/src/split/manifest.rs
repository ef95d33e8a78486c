//! What a split was, in a form that is kept beside a trained model.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::SplitConfig;
use crate::{IdMap, Interactions};

/// A record of a split: how it was made, how large its parts are, and hashes of what they hold.
///
/// Two splits with equal manifests hold the same rows in the same order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitManifest {
    /// The version of this record and of the hashes: [`SplitManifest::FORMAT`].
    pub format: u32,
    /// How the split was made.
    pub config: SplitConfig,
    /// The number of rows that were split.
    pub interactions: usize,
    /// The training part.
    pub train: PartSummary,
    /// The test part without the dropped rows.
    pub test: PartSummary,
    /// What was dropped from the test part.
    pub dropped: DroppedCold,
    /// For splits by global time the moment, in seconds since 1970-01-01 UTC, that separates the
    /// parts: no training row is at or after it, no test row before it. `None` for other splits,
    /// whose training rows can be later than test rows.
    pub horizon: Option<i64>,
}

impl SplitManifest {
    /// The version that this code writes.
    pub const FORMAT: u32 = 1;
}

/// What one part of a split holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartSummary {
    /// The number of rows.
    pub interactions: usize,
    /// The number of users with a row.
    pub users: usize,
    /// The number of items with a row.
    pub items: usize,
    /// The earliest timestamp, in seconds since 1970-01-01 UTC; `None` for data without time.
    pub first_timestamp: Option<i64>,
    /// The latest timestamp, in seconds since 1970-01-01 UTC; `None` for data without time.
    pub last_timestamp: Option<i64>,
    /// SHA-256 of the rows, in lower-case hexadecimal.
    ///
    /// Hashed are, row by row in the part's order: the external user id, then the external item id,
    /// each as the length in bytes of its usual spelling (u64) followed by these bytes in UTF-8; the
    /// rating as byte 1 and its IEEE 754 bits (u32), or byte 0 without one; the timestamp as byte 1
    /// and its value (i64), or byte 0 without one. Numbers are little-endian. Dense indices and ids
    /// without a row play no part.
    pub sha256: String,
}

/// Test rows that were dropped because their user or item has no training row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DroppedCold {
    /// The number of rows.
    pub interactions: usize,
    /// The number of cold users among them; 0 if cold users are kept.
    pub users: usize,
    /// The number of cold items among them; 0 if cold items are kept.
    pub items: usize,
}

impl PartSummary {
    pub(super) fn of(part: &Interactions) -> Self {
        let present = |counts: Vec<u32>| counts.into_iter().filter(|&count| count > 0).count();
        let timestamps = part.timestamps().unwrap_or_default();
        PartSummary {
            interactions: part.len(),
            users: present(part.user_counts()),
            items: present(part.item_counts()),
            first_timestamp: timestamps.iter().min().copied(),
            last_timestamp: timestamps.iter().max().copied(),
            sha256: content_hash(part),
        }
    }
}

fn content_hash(part: &Interactions) -> String {
    const CHUNK: usize = 1 << 16;
    let users = encoded(part.user_ids());
    let items = encoded(part.item_ids());
    let mut hash = Sha256::new();
    let mut bytes = Vec::with_capacity(CHUNK + 1024);
    for row in 0..part.len() {
        bytes.extend_from_slice(&users[part.users()[row] as usize]);
        bytes.extend_from_slice(&items[part.items()[row] as usize]);
        match part.ratings() {
            Some(ratings) => {
                bytes.push(1);
                bytes.extend_from_slice(&ratings[row].to_bits().to_le_bytes());
            }
            None => bytes.push(0),
        }
        match part.timestamps() {
            Some(timestamps) => {
                bytes.push(1);
                bytes.extend_from_slice(&timestamps[row].to_le_bytes());
            }
            None => bytes.push(0),
        }
        if bytes.len() >= CHUNK {
            hash.update(&bytes);
            bytes.clear();
        }
    }
    hash.update(&bytes);
    hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Every id as it is hashed.
fn encoded(ids: &IdMap) -> Vec<Vec<u8>> {
    ids.iter()
        .map(|id| {
            let spelling = id.to_string();
            let mut bytes = (spelling.len() as u64).to_le_bytes().to_vec();
            bytes.extend_from_slice(spelling.as_bytes());
            bytes
        })
        .collect()
}
