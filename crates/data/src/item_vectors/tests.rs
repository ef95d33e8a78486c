use std::fs;
use std::sync::LazyLock;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::lines::gzip;

type Read = fn(&Path) -> Result<ItemVectors>;
type Write = fn(&ItemVectors, &Path) -> Result<()>;

const FORMATS: [(Read, Write); 3] = [
    (word2vec_text::read, word2vec_text::write),
    (word2vec_binary::read, word2vec_binary::write),
    (safetensors::read, safetensors::write),
];

fn vectors() -> ItemVectors {
    let ids = ["B07", "é", "10", "9"].map(String::from).to_vec();
    let values = vec![0.1, -1e-40, f32::MAX, f32::MIN_POSITIVE, -0.0, 1.0 / 3.0, 16_777_216.0, 5.0];
    ItemVectors::from_rows(ids, 2, values).unwrap()
}

/// The message about a file of these bytes, without its path.
fn refused(read: Read, bytes: &[u8]) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("v");
    fs::write(&path, bytes).unwrap();
    let message = read(&path).unwrap_err().to_string();
    let rest = message.strip_prefix(&path.display().to_string()).unwrap_or(&message);
    rest.trim_start_matches([':', ' ']).to_owned()
}

fn read_bytes(read: Read, bytes: &[u8]) -> Result<ItemVectors> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("v");
    fs::write(&path, bytes).unwrap();
    read(&path)
}

fn written(write: Write, vectors: &ItemVectors) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("v");
    write(vectors, &path).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    fs::read(path).unwrap()
}

#[test]
fn rows_follow_the_order_of_ids() {
    let vectors = vectors();
    assert_eq!(vectors.ids().iter().map(|id| id.to_string()).collect::<Vec<_>>(), ["10", "9", "B07", "é"]);
    assert_eq!(vectors.vector("B07"), Some(&[0.1, -1e-40][..]));
    assert_eq!(vectors.vector("10"), Some(&[-0.0, 1.0 / 3.0][..]));
    assert_eq!((vectors.row(1), vectors.index_of("é")), (&[16_777_216.0, 5.0][..], Some(3)));
    assert_eq!(vectors.vector("7"), None);
    assert_eq!((vectors.len(), vectors.dimension()), (4, 2));
}

#[test]
fn wrong_parts_are_refused() {
    let ids = || Arc::new(IdMap::from_integers([1, 2]));
    let refused = |dimension, values| ItemVectors::new(ids(), dimension, values).unwrap_err().to_string();
    assert_eq!(refused(0, vec![]), "dimension: 0; a vector has one value at least");
    assert_eq!(refused(2, vec![0.0; 3]), "values: 3 values for 2 ids of dimension 2");
    assert_eq!(
        refused(2, vec![0.0, 0.0, 0.0, f32::NAN]),
        "values: value 1 of row 1, id \"2\", is NaN; all must be finite"
    );
    assert_eq!(refused(usize::MAX, vec![0.0; 3]).split(" for").next(), Some("values: 3 values"));
    let rows = |ids: [&str; 2], values| ItemVectors::from_rows(ids.map(String::from).to_vec(), 1, values);
    assert_eq!(
        rows(["a", "a"], vec![1.0, 2.0]).unwrap_err().to_string(),
        "ids: row 1 is of id \"a\", as is a row before"
    );
    assert!(rows(["b", "a"], vec![1.0]).is_err());
}

#[test]
fn every_format_keeps_ids_and_bits() {
    let bits = |vectors: &ItemVectors| vectors.values().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let integers = ItemVectors::new(Arc::new(IdMap::from_integers([-5, 3])), 1, vec![1.5, 2.5]).unwrap();
    for vectors in [vectors(), integers] {
        for (read, write) in FORMATS {
            let again = read_bytes(read, &written(write, &vectors)).unwrap();
            assert_eq!(again.ids(), vectors.ids());
            assert_eq!(bits(&again), bits(&vectors));
        }
    }
}

#[test]
fn no_vectors_are_vectors_too() {
    for ids in [IdMap::from_integers([]), IdMap::from_plain_texts(vec![])] {
        let none = ItemVectors::new(Arc::new(ids), 3, vec![]).unwrap();
        for (read, write) in FORMATS {
            let again = read_bytes(read, &written(write, &none)).unwrap();
            assert_eq!((again.len(), again.dimension()), (0, 3));
        }
    }
}

#[test]
fn safetensors_keep_ids_that_word2vec_cannot() {
    let ids = IdMap::from_plain_texts(["", "a b", "10", "9", "a\nb"].map(String::from).to_vec());
    let vectors = ItemVectors::new(Arc::new(ids), 1, vec![1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
    let again = read_bytes(safetensors::read, &written(safetensors::write, &vectors)).unwrap();
    // Text that looks like numbers stays text.
    assert_eq!(again, vectors);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("v");
    let vectors = ItemVectors::from_rows(vec!["a".into(), "c d".into()], 1, vec![1.0, 2.0]).unwrap();
    for write in [word2vec_text::write, word2vec_binary::write] {
        let expected = format!(
            "{}: id \"c d\" is empty or holds white space, which word2vec files cannot; write safetensors",
            path.display()
        );
        assert_eq!(write(&vectors, &path).unwrap_err().to_string(), expected);
        assert!(!path.exists());
    }
}

#[test]
fn wrong_text_is_refused_with_its_line() {
    let read: Read = word2vec_text::read;
    for (text, expected) in [
        ("", "line 1: the file is empty"),
        ("a 1 2\n", "line 1: \"a 1 2\" is not the number of vectors and their dimension, as in \"1000 128\""),
        ("1 0\na\n", "line 1: \"1 0\" is not the number of vectors and their dimension, as in \"1000 128\""),
        ("2 2\na 1 2\n", "line 3: the file ends, but the first line says 2 vectors and there are 1"),
        (
            "4294967295 999999999999\na 1 2\n",
            "line 2: id \"a\" has 2 values, but the first line says 999999999999",
        ),
        ("1 2\na 1 2\nb 1 2\n", "line 3: the first line says 1 vectors, but more follow"),
        ("2 2\na 1 2\n\nb 1 2\n", "line 3: the line is blank, but vectors follow"),
        ("1 2\na 1\n", "line 2: id \"a\" has 1 values, but the first line says 2"),
        ("1 2\na b 1 2\n", "line 2: value 1 of id \"a\", \"b\", is not a number"),
        ("1 2\na 1 nan\n", "line 2: value 2 of id \"a\", \"nan\", is not a finite number"),
        ("1 2\na 1 1e99\n", "line 2: value 2 of id \"a\", \"1e99\", is not a finite number"),
        ("1 2\n 1 2\n", "line 2: the line begins with a space, not with an id"),
        ("2 1\na 1\na 2\n", "row 1 is of id \"a\", as is a row before (row 0 is on line 2)"),
    ] {
        assert_eq!(refused(read, text.as_bytes()), expected, "{text:?}");
    }
    let cut = gzip(b"1 1\na 1\n");
    let message = refused(read, &cut[..cut.len() - 4]);
    assert!(message.starts_with("line 3: the gzip data ends"), "{message}");
    assert_eq!(read_bytes(read, &cut).unwrap().vector("a"), Some(&[1.0][..]));
}

#[test]
fn trailing_spaces_and_line_ends_of_other_writers_do_not_count() {
    let text = read_bytes(word2vec_text::read, b"2 1\r\na 1 \r\nb\t2\r\n\r\n").unwrap();
    assert_eq!(text.values(), [1.0, 2.0]);
    let one = 1f32.to_le_bytes();
    let with = [&b"2 1\na "[..], &one, b"\nb ", &one, b"\n"].concat();
    let without = [&b"2 1\na "[..], &one, b"b ", &one].concat();
    let read: Read = word2vec_binary::read;
    assert_eq!(read_bytes(read, &with).unwrap(), read_bytes(read, &without).unwrap());
    assert_eq!(read_bytes(read, &gzip(&with)).unwrap().len(), 2);
}

#[test]
fn wrong_binary_is_refused_with_its_byte() {
    let read: Read = word2vec_binary::read;
    let [one, nan] = [1.0, f32::NAN].map(f32::to_le_bytes);
    let row = [&b"a "[..], &one, &one].concat();
    let file = |header: &str, rest: &[&[u8]]| [header.as_bytes(), &rest.concat()].concat();
    for (bytes, expected) in [
        (file("", &[]), "byte 0: the file does not begin with a line of two numbers"),
        (file(&"7".repeat(500), &[]), "byte 0: the file does not begin with a line of two numbers"),
        (
            file("x y\n", &[]),
            "byte 0: \"x y\" is not the number of vectors and their dimension, as in \"1000 128\"",
        ),
        (file("2 2\n", &[&row]), "byte 14: the file ends before the id of vector 2 of 2"),
        (
            file("2 2\n", &[&row, b"b ", &one]),
            "byte 16: the file ends after 4 of the 8 bytes of vector 2 of 2, id \"b\"",
        ),
        (
            file("4294967295 4000000000000\n", &[&row]),
            "byte 27: the file ends after 8 of the 16000000000000 bytes of vector 1 of 4294967295, id \"a\"",
        ),
        (file("1 18446744073709551615\n", &[&row]), "byte 0: 18446744073709551615 is no dimension"),
        (file("1 2\n", &[b"a ", &one, &nan]), "byte 10: value 2 of vector 1 of 1, id \"a\", is NaN"),
        (file("1 2\n", &[&row, &row]), "byte 14: the first line says 1 vectors, but more follows"),
        (file("2 2\n", &[&row, &row]), "byte 24: ids: row 1 is of id \"a\", as is a row before"),
        (
            file("1 2\n", &[&[b'x'; 70_000]]),
            "byte 4: the id of vector 1 of 1 has more than 65536 bytes; is the file word2vec binary?",
        ),
    ] {
        assert_eq!(refused(read, &bytes), expected);
    }
    let whole = gzip(&file("1 2\n", &[&row]));
    let message = refused(read, &whole[..whole.len() - 4]);
    assert!(message.starts_with("the gzip data ends or is damaged after byte 14"), "{message}");
}

/// A safetensors file with this header and this many zero bytes of tensors.
fn tensors(header: &str, n_bytes: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; n_bytes]].concat()
}

#[test]
fn wrong_tensors_are_refused() {
    let read: Read = safetensors::read;
    let whole = written(safetensors::write, &vectors());
    for cut in 0..whole.len() {
        let message = refused(read, &whole[..cut]);
        assert!(
            message.ends_with("whole") || message.ends_with("a whole safetensors file"),
            "{cut}: {message}"
        );
    }
    let floats = |shape: &str, n: usize| {
        format!(r#""vectors":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{n}]}}"#)
    };
    let of = |entries: &[String]| format!("{{{}}}", entries.join(","));
    let entry = |name: &str, dtype: &str, shape: usize, start: usize, end: usize| {
        format!(r#""{name}":{{"dtype":"{dtype}","shape":[{shape}],"data_offsets":[{start},{end}]}}"#)
    };
    for (header, n_bytes, expected) in [
        ("{}".to_owned(), 0, "there is no tensor \"vectors\"; the tensors are \"\""),
        (of(&[floats("[2,1]", 8)]), 8, "there is no tensor \"id_bytes\"; the tensors are \"vectors\""),
        (of(&[floats("[2]", 8)]), 8, "tensor \"vectors\" is F32 [2], expected F32 of 2 dimensions"),
        (of(&[floats("[2,0]", 0)]), 0, "tensor \"vectors\" has the shape [2, 0]"),
        (
            of(&[floats("[2,1]", 8), entry("ids", "I32", 2, 8, 16)]),
            16,
            "tensor \"ids\" is I32 [2], expected I64 of 1 dimensions",
        ),
        (of(&[floats("[2,1]", 8), entry("ids", "I64", 1, 8, 16)]), 16, "there are 2 vectors, but 1 ids"),
        (
            of(&[floats("[2,1]", 8), entry("ids", "I64", 2, 8, 24)]),
            24,
            "row 1 is of id \"0\", as is a row before",
        ),
        (
            of(&[floats("[1,1]", 4), entry("id_bytes", "U8", 4, 4, 8), entry("id_offsets", "I64", 2, 8, 24)]),
            24,
            "tensor \"id_offsets\" does not ascend from 0 to the 4 bytes of \"id_bytes\"",
        ),
        (
            of(&[floats("[1,1]", 4), entry("id_bytes", "U8", 4, 4, 8), entry("id_offsets", "I64", 0, 8, 8)]),
            8,
            "tensor \"id_offsets\" does not ascend from 0 to the 4 bytes of \"id_bytes\"",
        ),
    ] {
        assert_eq!(refused(read, &tensors(&header, n_bytes)), expected, "{header}");
    }
    // The header claims more than there is, more than fits, or nonsense.
    for header in [
        of(&[floats("[1000000000000,4]", 16_000_000_000_000)]),
        of(&[floats("[9223372036854775807,9223372036854775807]", 8)]),
        of(&[floats("[2,1]", 4)]),
        "[]".into(),
        "{".into(),
    ] {
        let message = refused(read, &tensors(&header, 4));
        assert!(message.starts_with("the header"), "{message}");
    }
    let message = refused(read, &[&u64::MAX.to_le_bytes()[..], b"{}"].concat());
    assert_eq!(message, "the 10 bytes are not a whole safetensors file");
    let nan = ItemVectors {
        ids: Arc::new(IdMap::from_integers([1, 2])),
        dimension: 2,
        values: vec![0.0, 0.0, f32::INFINITY, 0.0],
    };
    let message = refused(read, &written(safetensors::write, &nan));
    assert_eq!(message, "value 0 of row 1, id \"2\", is inf");
}

proptest! {
    // Every file is synced to disk.
    #![proptest_config(ProptestConfig::with_cases(50))]
    #[test]
    fn what_is_written_is_read(
        rows in prop::collection::btree_map("[a-c0-9é]{1,3}", prop::array::uniform3(-1e3f32..1e3), 0..12),
    ) {
        let ids = rows.keys().rev().cloned().collect();
        let values = rows.values().rev().flatten().copied().collect();
        let vectors = ItemVectors::from_rows(ids, 3, values).unwrap();
        for (id, row) in &rows {
            prop_assert_eq!(vectors.vector(id), Some(&row[..]));
        }
        for (read, write) in FORMATS {
            let again = read_bytes(read, &written(write, &vectors)).unwrap();
            for (id, row) in &rows {
                prop_assert_eq!(again.vector(id), Some(&row[..]));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn damaged_files_never_panic(place in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>()) {
        static WHOLE: LazyLock<[(Read, Vec<u8>); 3]> =
            LazyLock::new(|| FORMATS.map(|(read, write)| (read, written(write, &vectors()))));
        for (read, whole) in &*WHOLE {
            let mut bytes = whole.clone();
            let place = place.index(bytes.len());
            bytes[place] = byte;
            let _ = read_bytes(*read, &bytes);
            bytes.truncate(cut.index(bytes.len()));
            let _ = read_bytes(*read, &bytes);
        }
    }
}
