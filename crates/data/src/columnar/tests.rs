use std::io::Write;

use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::*;

fn file(text: &[u8]) -> NamedTempFile {
    let mut file = tempfile::Builder::new().prefix("recs").suffix(".csv").tempfile().unwrap();
    file.write_all(text).unwrap();
    file
}

/// The message of an error without the folder of the file.
fn message(error: &Error, file: &NamedTempFile) -> String {
    error.to_string().replace(&file.path().display().to_string(), "recs.csv")
}

fn read(text: &str, requests: &[Request]) -> std::result::Result<Table, String> {
    let file = file(text.as_bytes());
    ColumnFile::open(file.path())
        .and_then(|opened| opened.read(requests))
        .map_err(|error| message(&error, &file))
}

fn ids(column: &ColumnData) -> Vec<String> {
    let IdColumn { ids, indices } = column.ids().expect("ids were asked for");
    indices.iter().map(|&index| ids.external(index).unwrap().to_string()).collect()
}

#[test]
fn the_separator_is_seen_in_the_first_line() {
    for (text, names) in [
        ("a,b\n", vec!["a", "b"]),
        ("a;b,c;d\n", vec!["a", "b,c", "d"]),
        ("a\tb c\td\n", vec!["a", "b c", "d"]),
        ("\n\r\n a | b|c \r\n", vec!["a", "b", "c"]),
        ("\u{feff}a;\"b,c,d,e\"\n", vec!["a", "b,c,d,e"]),
        ("\"x;\n;;\",b,c", vec!["x;\n;;", "b", "c"]),
        ("alone", vec!["alone"]),
        (",a\n", vec!["", "a"]),
    ] {
        let file = file(text.as_bytes());
        assert_eq!(ColumnFile::open(file.path()).unwrap().names(), names, "{text:?}");
    }
}

#[test]
fn columns_are_read_in_the_order_of_the_requests() {
    let text = "user,item,score\n7,b, 0.5 \n 3,a,-2e1\n7,b,1\n";
    let table = read(
        text,
        &[Request::numbers("score"), Request::ids("user"), Request::ids("item"), Request::ids("user")],
    )
    .unwrap();
    assert_eq!(table.n_rows(), 3);
    assert_eq!(table.columns[0], ColumnData::Numbers(vec![0.5, -20.0, 1.0]));
    assert_eq!(table.columns[1].ids().unwrap().indices, [1, 0, 1]);
    assert_eq!(table.columns[1].ids().unwrap().ids, IdMap::from_integers([3, 7]));
    assert_eq!(ids(&table.columns[2]), ["b", "a", "b"]);
    assert_eq!(table.columns[3], table.columns[1]);
    assert_eq!(table.columns[0].ids(), None);
    assert_eq!(table.columns[1].numbers(), None);
    assert_eq!(read(text, &[]).unwrap().n_rows(), 3);
}

#[test]
fn positions_are_true_lines() {
    let plain = "\nid\n\na\r\nb\n\n\nc";
    let table = read(plain, &[Request::ids("id")]).unwrap();
    assert_eq!([0, 1, 2].map(|row| table.position(row)), ["line 4", "line 5", "line 8"]);
    let quoted = "id,note\n\n1,\"two\nlines\"\n2,x\n\n\"3\",\"\"\"\"\n";
    let table = read(quoted, &[Request::ids("id")]).unwrap();
    assert_eq!(ids(&table.columns[0]), ["1", "2", "3"]);
    assert_eq!([0, 1, 2].map(|row| table.position(row)), ["line 3", "line 5", "line 7"]);
}

#[test]
fn a_header_alone_gives_no_rows() {
    for text in ["id,score", "id,score\n", "\u{feff}\"id\",\"score\"\n\n"] {
        let table = read(text, &[Request::ids("id"), Request::numbers("score")]).unwrap();
        assert_eq!(table.n_rows(), 0, "{text:?}");
        assert!(table.columns[0].ids().unwrap().ids.is_empty());
        assert_eq!(table.columns[1].numbers(), Some(&[][..]));
    }
}

#[test]
fn errors_say_where_and_what() {
    let requests = [Request::ids("user"), Request::numbers("score")];
    for (text, expected) in [
        ("user,score\n1,2\n\n1,abc\n", "recs.csv line 4: column \"score\": \"abc\" is not a number"),
        (
            "user,score\n1,\"\n\n\"\n\"2\",NaN\n",
            "recs.csv line 2: column \"score\": \"\\n\\n\" is not a number",
        ),
        ("user,score\n1,0\n2,NaN\n", "recs.csv line 3: column \"score\": \"NaN\" is not a finite number"),
        ("user,score\n1,0\n\"2\",inf\n", "recs.csv line 3: column \"score\": \"inf\" is not a finite number"),
        ("user,score\n1, \n", "recs.csv line 2: column \"score\": the field is empty"),
        ("user,score\n,1\n", "recs.csv line 2: column \"user\": the field is empty"),
        ("user,score\n1,1\n1\n", "recs.csv line 3: 1 field, but the first line names 2 columns"),
        ("user,score\n1,1,\n", "recs.csv line 2: 3 fields, but the first line names 2 columns"),
        ("user,score\n1,\"1\",3\n", "recs.csv line 2: 3 fields, but the first line names 2 columns"),
        ("", "recs.csv: the file is empty; its first line must name the columns"),
        ("\u{feff}\n\r\n", "recs.csv: the file is empty; its first line must name the columns"),
        ("user,rank\n", "recs.csv: there is no column \"score\"; the columns are \"user\", \"rank\""),
        (
            "user,score,user\n",
            "recs.csv: more than one column is called \"user\"; rename all but one; the columns are \"user\", \
             \"score\", \"user\"",
        ),
        ("a\0b", "recs.csv: this is neither parquet nor text; write it as one of them"),
        ("PARE", "recs.csv: the file is encrypted parquet; write it without encryption"),
    ] {
        assert_eq!(read(text, &requests).map(|_| ()), Err(expected.into()), "{text:?}");
    }
    let utf16 = file(b"\xff\xfea\0,\0");
    let error = ColumnFile::open(utf16.path()).unwrap_err();
    assert_eq!(message(&error, &utf16), "recs.csv: the text is UTF-16; save it as UTF-8");
    assert!(matches!(ColumnFile::open("no/such/file"), Err(Error::Io { .. })));
}

#[cfg(not(feature = "parquet"))]
#[test]
fn parquet_is_refused_without_the_feature() {
    let error = read("PAR1...", &[]).unwrap_err();
    assert!(error.contains("`parquet` of burn-recsys-data"), "{error}");
}

#[test]
fn a_file_that_changed_is_refused() {
    let file = file(b"user,score\n1,2\n");
    let opened = ColumnFile::open(file.path()).unwrap();
    for text in ["score,user\n1,2\n", "\"score\",user\n1,2\n", "user\n1\n"] {
        std::fs::write(file.path(), text).unwrap();
        let error = opened.read(&[Request::ids("user")]).unwrap_err();
        assert_eq!(message(&error, &file), "recs.csv: the file has changed since it was opened");
    }
}

/// What a file holds, whichever way it is written: lines between rows, ids and scores.
fn rows() -> impl Strategy<Value = Vec<(usize, String, f64)>> {
    let id = prop_oneof!["-?[0-9]{1,3}", "[a-c]{1,2}", "[0-9]{17,20}", Just("4194304".to_owned())];
    prop::collection::vec((0usize..3, id, -1e3..1e3), 0..60)
}

fn at_blocks_of(file: &NamedTempFile, bytes: usize) -> Table {
    let mut opened = ColumnFile::open(file.path()).unwrap();
    let Format::Text(text) = &mut opened.format else { panic!("text was written") };
    text.block_bytes = bytes;
    opened.read(&[Request::ids("id"), Request::numbers("score")]).unwrap()
}

proptest! {
    #[test]
    fn blocks_threads_and_quotes_do_not_show(rows in rows(), bytes in 1usize..200, threads in 1usize..5) {
        let (mut plain, mut quoted) = (String::from("id;score\n"), String::from("id;\"score\"\n"));
        let mut line = 1;
        let mut lines = Vec::new();
        for (n_blank, id, score) in &rows {
            plain.push_str(&format!("{}{id};{score}\n", "\n".repeat(*n_blank)));
            quoted.push_str(&format!("{}\"{id}\";{score}\n", "\n".repeat(*n_blank)));
            line += n_blank + 1;
            lines.push(format!("line {line}"));
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for text in [&plain, &quoted] {
            let file = file(text.as_bytes());
            let table = pool.install(|| at_blocks_of(&file, bytes));
            prop_assert_eq!(table.n_rows(), rows.len());
            let expected: Vec<String> = rows.iter().map(|row| row.1.clone()).collect();
            prop_assert_eq!(ids(&table.columns[0]), expected.clone());
            prop_assert_eq!(&table.columns[0].ids().unwrap().ids, &IdMap::from_texts(expected));
            let scores: Vec<f64> = rows.iter().map(|row| row.2).collect();
            prop_assert_eq!(table.columns[1].numbers(), Some(&scores[..]));
            let found: Vec<String> = (0..rows.len()).map(|row| table.position(row)).collect();
            prop_assert_eq!(found, lines.clone());
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(prop_oneof![
        Just(b','), Just(b'"'), Just(b'\n'), Just(b'\r'), Just(b';'), Just(b'1'), Just(b'a'), any::<u8>(),
    ], 0..60)) {
        let file = file(&bytes);
        if let Ok(opened) = ColumnFile::open(file.path()) {
            for name in opened.names() {
                let _ = opened.read(&[Request::ids(name), Request::numbers(name)]);
            }
        }
    }
}
