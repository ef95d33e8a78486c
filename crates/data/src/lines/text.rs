//! Lines of plain or gzip-compressed text, each in bounded memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use memchr::memchr;

use crate::{Error, Result};

const BUFFER_BYTES: usize = 1 << 18;

/// The lines of a text.
pub(crate) struct TextLines {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    is_gzip: bool,
    max_line_bytes: usize,
    /// Lines that are read.
    n_lines: u64,
    line: Vec<u8>,
}

/// One line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'l> {
    /// Its bytes.
    Text(&'l [u8]),
    /// It is longer than allowed; how many bytes it has.
    TooLong(u64),
}

impl Line<'_> {
    /// What is said of a line that is too long.
    pub(crate) fn too_long(n_bytes: u64, max_line_bytes: usize) -> String {
        format!("the line has {n_bytes} bytes, more than the {max_line_bytes} of max_line_bytes")
    }
}

/// The first bytes of every gzip file.
pub(crate) const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The first two bytes of `reader`, and all of its bytes, decompressed if the first two are those of gzip.
pub(crate) fn unzipped(
    mut reader: impl Read + Send + 'static,
) -> io::Result<(Vec<u8>, Box<dyn BufRead + Send>)> {
    let mut start = Vec::with_capacity(GZIP.len());
    (&mut reader).take(GZIP.len() as u64).read_to_end(&mut start)?;
    let whole = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(start.clone()).chain(reader));
    Ok(if start == GZIP {
        (start, Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(whole))))
    } else {
        (start, Box::new(whole))
    })
}

impl TextLines {
    /// The lines of the file at `path`.
    pub(crate) fn open(path: &Path, max_line_bytes: usize) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::io("read", path, source))?;
        Self::new(path, file, max_line_bytes)
    }

    /// The lines of `reader`, which errors call `path`. Gzip is known by its first two bytes.
    pub(crate) fn new(
        path: &Path,
        reader: impl Read + Send + 'static,
        max_line_bytes: usize,
    ) -> Result<Self> {
        let (start, reader) = unzipped(reader).map_err(|source| Error::io("read", path, source))?;
        if start == [0xff, 0xfe] || start == [0xfe, 0xff] {
            let message = "the text is UTF-16; save it as UTF-8".into();
            return Err(Error::File { path: path.to_path_buf(), message });
        }
        Ok(TextLines {
            path: path.to_path_buf(),
            reader,
            is_gzip: start == GZIP,
            max_line_bytes,
            n_lines: 0,
            line: Vec::new(),
        })
    }

    /// The path that errors name.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The next line and its number, counted from 1; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Line<'_>)>> {
        match self.read_line() {
            Err(source) => Err(self.failed(source)),
            Ok(0) => Ok(None),
            Ok(n_bytes) => {
                self.n_lines += 1;
                if n_bytes > self.max_line_bytes as u64 {
                    self.line = Vec::new();
                    return Ok(Some((self.n_lines, Line::TooLong(n_bytes))));
                }
                let mut line = self.line.as_slice();
                line = line.strip_suffix(b"\n").unwrap_or(line);
                line = line.strip_suffix(b"\r").unwrap_or(line);
                if self.n_lines == 1 {
                    line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
                }
                Ok(Some((self.n_lines, Line::Text(line))))
            }
        }
    }

    /// The number of bytes of the next line, its end included; they are in `self.line` unless they are too
    /// many.
    fn read_line(&mut self) -> io::Result<u64> {
        self.line.clear();
        let mut n_bytes = 0;
        loop {
            let buffer = match self.reader.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let end = memchr(b'\n', buffer);
            let n_used = end.map_or(buffer.len(), |end| end + 1);
            n_bytes += n_used as u64;
            if n_bytes <= self.max_line_bytes as u64 {
                self.line.extend_from_slice(&buffer[..n_used]);
            }
            self.reader.consume(n_used);
            if end.is_some() || n_used == 0 {
                return Ok(n_bytes);
            }
        }
    }

    /// The error of a failed read. What the system does not refuse, the decompression does.
    fn failed(&self, source: io::Error) -> Error {
        if self.is_gzip && source.raw_os_error().is_none() {
            let message = format!(
                "the gzip data ends or is damaged in this line ({source}); the file is not whole, fetch it again"
            );
            return Error::Line { path: self.path.clone(), line: self.n_lines + 1, message };
        }
        Error::io("read", &self.path, source)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn lines(bytes: Vec<u8>, max: usize) -> std::result::Result<Vec<(u64, Vec<u8>)>, String> {
        let mut lines =
            TextLines::new(Path::new("t"), Cursor::new(bytes), max).map_err(|error| error.to_string())?;
        let mut found = Vec::new();
        while let Some((number, line)) = lines.next().map_err(|error| error.to_string())? {
            found.push(match line {
                Line::Text(text) => (number, text.to_vec()),
                Line::TooLong(n_bytes) => (number, n_bytes.to_string().into_bytes()),
            });
        }
        Ok(found)
    }

    fn numbered(expected: &[&str]) -> Vec<(u64, Vec<u8>)> {
        (1..).zip(expected.iter().map(|line| line.as_bytes().to_vec())).collect()
    }

    #[test]
    fn lines_end_in_either_way_or_not_at_all() {
        let text = b"\xef\xbb\xbfa\r\n\nbc\nd".to_vec();
        assert_eq!(lines(text.clone(), 100), Ok(numbered(&["a", "", "bc", "d"])));
        assert_eq!(lines(gzip(&text), 100), Ok(numbered(&["a", "", "bc", "d"])));
        assert_eq!(lines(Vec::new(), 100), Ok(Vec::new()));
        assert_eq!(lines(b"x".to_vec(), 100), Ok(numbered(&["x"])));
        let utf16 = lines(b"\xff\xfea\0".to_vec(), 100);
        assert_eq!(utf16, Err("t: the text is UTF-16; save it as UTF-8".into()));
    }

    #[test]
    fn lines_that_are_too_long_are_counted_and_passed_over() {
        let found = lines(b"abc\nabcdef\nabcd\n0123456789".to_vec(), 5);
        assert_eq!(found, Ok(numbered(&["abc", "7", "abcd", "10"])));
    }

    #[test]
    fn members_of_a_gzip_file_follow_each_other() {
        let bytes = [gzip(b"a\nb"), gzip(b""), gzip(b"c\nd\n")].concat();
        assert_eq!(lines(bytes, 100), Ok(numbered(&["a", "bc", "d"])));
    }

    #[test]
    fn cut_and_damaged_gzip_files_are_refused_wherever_they_are_cut() {
        let text: Vec<u8> = (0..300u32).flat_map(|n| format!("line {}\n", n * n).into_bytes()).collect();
        let (first, second) = (gzip(&text), gzip(b"more\n"));
        let bytes = [first.clone(), second].concat();
        // From 2 bytes on it is a gzip file; at the end of the first member it is a whole one.
        for cut in (2..bytes.len()).filter(|&cut| cut != first.len()) {
            let error = lines(bytes[..cut].to_vec(), 100).expect_err(&format!("cut at {cut}"));
            assert!(error.starts_with("t line "), "cut at {cut}: {error}");
            assert!(error.ends_with("the file is not whole, fetch it again"), "cut at {cut}: {error}");
        }
        let error = lines(bytes[..first.len() + 3].to_vec(), 100).unwrap_err();
        assert!(error.starts_with("t line 301: the gzip data ends"), "{error}");
        let mut damaged = bytes;
        // The checksum.
        damaged[first.len() - 6] ^= 1;
        assert!(lines(damaged, 100).is_err());
    }

    /// A gigabyte without a line end, made as it is read.
    struct LongLine {
        left: u64,
    }

    impl Read for LongLine {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.left.min(buffer.len() as u64) as usize;
            buffer[..n].fill(b'x');
            self.left -= n as u64;
            Ok(n)
        }
    }

    #[test]
    fn a_line_of_a_gigabyte_is_not_held() {
        let text = Cursor::new("a\n").chain(LongLine { left: 1 << 30 }).chain(Cursor::new("\nb\n"));
        let max = 1 << 20;
        let mut lines = TextLines::new(Path::new("t"), text, max).unwrap();
        assert_eq!(lines.next().unwrap(), Some((1, Line::Text(b"a"))));
        assert_eq!(lines.next().unwrap(), Some((2, Line::TooLong((1 << 30) + 1))));
        assert_eq!(lines.line.capacity(), 0);
        assert_eq!(lines.next().unwrap(), Some((3, Line::Text(b"b"))));
        assert_eq!(lines.next().unwrap(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_lines_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), max in 1usize..50) {
            let _ = lines(bytes.clone(), max);
            let magic = [&[0x1f, 0x8b, 8][..], &bytes].concat();
            let _ = lines(magic, max);
        }

        #[test]
        fn compression_does_not_show(text in "[a-c\n\r]{0,60}", max in 1usize..20) {
            let plain = lines(text.clone().into_bytes(), max);
            prop_assert_eq!(lines(gzip(text.as_bytes()), max), plain);
        }
    }
}
