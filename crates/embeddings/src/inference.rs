//! Read-only tables for serving: fewer bytes a row, mapped into memory instead of read.
//!
//! A trained table is converted once, by an [`InferenceTableWriter`], and then served from its file by
//! an [`InferenceTable`], which opens in milliseconds whatever its size and whose pages all processes
//! of a machine share:
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use burn_recsys_embeddings::EmbeddingTableConfig;
//! use burn_recsys_embeddings::inference::{InferenceTable, InferenceTableWriter, Precision};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("items.table");
//! let device = Device::default();
//! let items = EmbeddingTableConfig::new(10_000, 64).init(&device);
//!
//! let writer = InferenceTableWriter::create(&path, Precision::Int8, 64)?;
//! let conversion = writer.write_table(&items)?.finish()?;
//! assert!(conversion.largest_error < 0.005 && 3 * conversion.bytes < conversion.bytes_f32);
//!
//! let items = InferenceTable::open(&path)?;
//! let vectors: Tensor<2> = items.lookup(&[7, 9_999, 7], &device);
//! assert_eq!(vectors.dims(), [3, 64]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Rounding
//! [`Precision::Int8`] and [`Precision::Int4`] quantise each row by itself (Guan et al. 2019, "Post-training
//! 4-bit quantization on embedding tables", arXiv 1911.02079, section 2): `n` steps (255 or 15) of one size
//! span the row from its least to its largest value. The offset is the middle of that range instead of
//! its least value, so that a row of the whole range of `f32` does not overflow:
//!
//! ```text
//! scale  = (max - min) / n
//! offset = (max + min) / 2
//! code   = round((x - offset) / scale + n / 2)      0..=n
//! x'     = (code - n / 2) * scale + offset
//! ```
//!
//! So `|x - x'| <= scale / 2` but for the rounding of `f32`, which is at most `2^-22` of the row's largest
//! magnitude, and a row of equal values is exact.
//!
//! # File format, version 1
//! All numbers are little endian. The header has 64 bytes:
//!
//! | bytes | type | what |
//! |---|---|---|
//! | 0..8 | `[u8; 8]` | the magic bytes `89 42 52 54 42 4C 0D 0A` (`\x89BRTBL\r\n`) |
//! | 8..12 | `u32` | the version, 1 |
//! | 12..16 | `u32` | the precision: bits a value, 32 (`f32`), 16 (`f16`), 8 or 4 (row-wise codes) |
//! | 16..24 | `u64` | `n_rows`, 1 to 2^32 |
//! | 24..32 | `u64` | `d_embedding`, at least 1 |
//! | 32..40 | `u64` | the length of the whole file in bytes |
//! | 40..48 | `u64` | the checksum of bytes 64 to the end |
//! | 48..56 | | zero |
//! | 56..64 | `u64` | the checksum of bytes 0..56 |
//!
//! The rows follow one after the other, without gaps, to the end of the file. A row is
//!
//! | precision | bytes | what |
//! |---|---|---|
//! | 32 | `4 d` | `d` values of `f32` |
//! | 16 | `2 d` | `d` values of IEEE 754 binary16 |
//! | 8 | `8 + d` | `scale: f32`, `offset: f32`, `d` codes of one byte |
//! | 4 | `8 + ceil(d / 2)` | `scale: f32`, `offset: f32`, two codes a byte: the even column in the low half; after an odd last column the high half is zero |
//!
//! The checksum reads the bytes as 64-bit words `w`, the last one filled up with zero bytes. From the
//! state `cbf29ce484222325` each word makes `state = rotate_left((state ^ w) * 100000001b3, 29)`, modulo
//! 2^64: FNV-1a (Fowler, Noll and Vo) a word at a time, with a rotation so that the highest bits spread
//! too. A change within one word always changes the result.

mod dequantize;
mod error;
mod header;
mod precision;
mod quantize;
mod table;
mod writer;

pub use error::TableError;
pub use precision::Precision;
pub use table::InferenceTable;
pub use writer::{Conversion, InferenceTableWriter};
