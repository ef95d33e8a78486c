//! The binary format of word2vec.

use std::fs::File;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::path::Path;

use memchr::memchr;

use super::{Claims, ItemVectors, check_word2vec_ids, first_not_finite};
use crate::files::write_atomic;
use crate::lines::{GZIP, excerpt, unzipped};
use crate::table::decode;
use crate::{Error, Result};

/// Two numbers.
const MAX_HEADER_BYTES: usize = 100;
const MAX_ID_BYTES: usize = 1 << 16;

pub(super) fn read(path: &Path) -> Result<ItemVectors> {
    let opened = File::open(path).and_then(unzipped);
    let (start, reader) = opened.map_err(|source| Error::io("read", path, source))?;
    let mut reading = Reading { reader, at: 0 };
    reading.vectors().map_err(|fault| match fault {
        Fault::Unreadable(source) if start != GZIP || source.raw_os_error().is_some() => {
            Error::io("read", path, source)
        }
        Fault::Unreadable(source) => {
            let message = format!(
                "the gzip data ends or is damaged after byte {} of what it holds ({source}); the file is not \
                 whole, fetch it again",
                reading.at
            );
            Error::File { path: path.to_path_buf(), message }
        }
        Fault::Wrong { at, message } => {
            Error::File { path: path.to_path_buf(), message: format!("byte {at}: {message}") }
        }
    })
}

enum Fault {
    Unreadable(io::Error),
    Wrong { at: u64, message: String },
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Fault::Unreadable(error)
    }
}

struct Reading {
    reader: Box<dyn BufRead + Send>,
    /// Bytes read.
    at: u64,
}

impl Reading {
    fn vectors(&mut self) -> std::result::Result<ItemVectors, Fault> {
        let mut bytes = Vec::new();
        let wrong = |at, message: String| Fault::Wrong { at, message };
        if !self.read_until(b'\n', MAX_HEADER_BYTES, &mut bytes)? {
            return Err(wrong(0, "the file does not begin with a line of two numbers".into()));
        }
        let claims = Claims::parse(&bytes).map_err(|message| wrong(0, message))?;
        let n_bytes = (claims.dimension as u64).checked_mul(4);
        let n_bytes = n_bytes.ok_or_else(|| wrong(0, format!("{} is no dimension", claims.dimension)))?;
        let mut ids: Vec<String> = Vec::new();
        let mut values: Vec<f32> = Vec::new();
        for row in 0..claims.n_vectors {
            self.skip_line_ends()?;
            let of = format!("vector {} of {}", row + 1, claims.n_vectors);
            let at = self.at;
            if !self.read_until(b' ', MAX_ID_BYTES, &mut bytes)? {
                let message = if self.reader.fill_buf()?.is_empty() {
                    format!("the file ends before the id of {of}")
                } else {
                    format!("the id of {of} has more than {MAX_ID_BYTES} bytes; is the file word2vec binary?")
                };
                return Err(wrong(at, message));
            }
            let id = decode(&bytes).into_owned();
            let at = self.at;
            bytes.clear();
            // Grows with what is there.
            let n_read = (&mut self.reader).take(n_bytes).read_to_end(&mut bytes)? as u64;
            self.at += n_read;
            if n_read < n_bytes {
                let message = format!(
                    "the file ends after {n_read} of the {n_bytes} bytes of {of}, id {}",
                    excerpt(&id)
                );
                return Err(wrong(at, message));
            }
            let before = values.len();
            let (numbers, _) = bytes.as_chunks::<4>();
            values.extend(numbers.iter().map(|&number| f32::from_le_bytes(number)));
            if let Some(place) = first_not_finite(&values[before..]) {
                let value = values[before + place];
                let message = format!("value {} of {of}, id {}, is {value}", place + 1, excerpt(&id));
                return Err(wrong(at + 4 * place as u64, message));
            }
            ids.push(id);
        }
        self.skip_line_ends()?;
        if !self.reader.fill_buf()?.is_empty() {
            let message = format!("the first line says {} vectors, but more follows", claims.n_vectors);
            return Err(wrong(self.at, message));
        }
        values.shrink_to_fit();
        ItemVectors::from_rows(ids, claims.dimension, values)
            .map_err(|error| wrong(self.at, error.to_string()))
    }

    /// Puts the bytes before the next `end` into `bytes` and passes over the `end`; false if there is none
    /// within `max` bytes.
    fn read_until(&mut self, end: u8, max: usize, bytes: &mut Vec<u8>) -> io::Result<bool> {
        bytes.clear();
        loop {
            let buffer = fill(&mut self.reader)?;
            if buffer.is_empty() || bytes.len() > max {
                return Ok(false);
            }
            let buffer = &buffer[..buffer.len().min(max + 1)];
            let found = memchr(end, buffer);
            bytes.extend_from_slice(&buffer[..found.unwrap_or(buffer.len())]);
            let n_used = found.map_or(buffer.len(), |end| end + 1);
            self.reader.consume(n_used);
            self.at += n_used as u64;
            if found.is_some() {
                return Ok(bytes.len() <= max);
            }
        }
    }

    /// The original program writes a line end after every vector, others do not.
    fn skip_line_ends(&mut self) -> io::Result<()> {
        while fill(&mut self.reader)?.first() == Some(&b'\n') {
            self.reader.consume(1);
            self.at += 1;
        }
        Ok(())
    }
}

/// More bytes; none at the end.
fn fill(reader: &mut Box<dyn BufRead + Send>) -> io::Result<&[u8]> {
    while let Err(error) = reader.fill_buf() {
        if error.kind() != ErrorKind::Interrupted {
            return Err(error);
        }
    }
    // What is there is given again.
    reader.fill_buf()
}

pub(super) fn write(vectors: &ItemVectors, path: &Path) -> Result<()> {
    check_word2vec_ids(vectors, path)?;
    write_atomic(path, |writer| {
        writeln!(writer, "{} {}", vectors.len(), vectors.dimension)?;
        for (id, row) in vectors.ids.iter().zip(vectors.values.chunks_exact(vectors.dimension)) {
            write!(writer, "{id} ")?;
            for value in row {
                writer.write_all(&value.to_le_bytes())?;
            }
            writer.write_all(b"\n")?;
        }
        Ok(())
    })
}
