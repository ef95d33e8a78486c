//! Files in, tables out; and what is said about files that are not what they should be.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use burn_recsys_data::{
    ColumnValues, Dataset, Error, ExternalId, FeatureTable, InteractionFormat, Interactions, movielens,
    parse_interactions, read_interactions,
};
use tempfile::TempDir;

/// The folder of real data sets, if it has `file`; a test that needs it says that it is skipped.
pub(crate) fn real_data(file: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("BURN_RECSYS_DATA").map(PathBuf::from);
    let found = folder.filter(|folder| folder.join(file).exists());
    if found.is_none() {
        // Not `eprintln!`: the test harness would keep it to itself.
        let _ = writeln!(std::io::stderr(), "skipped: there is no {file} in BURN_RECSYS_DATA");
    }
    found
}

/// A folder of these files.
pub(crate) fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn parse(text: impl AsRef<[u8]>, format: &InteractionFormat) -> Result<Interactions, Error> {
    parse_interactions("t.csv", text.as_ref(), format)
}

fn error(text: impl AsRef<[u8]>, format: &InteractionFormat) -> String {
    parse(text, format).unwrap_err().to_string()
}

fn movielens_csv() -> InteractionFormat {
    InteractionFormat::movielens_csv()
}

const HEADER: &str = "userId,movieId,rating,timestamp\n";

fn external(table: &Interactions) -> Vec<(String, String)> {
    let text = |id: Option<ExternalId<'_>>| id.unwrap().to_string();
    (0..table.len())
        .map(|row| table.get(row))
        .map(|row| (text(table.user_ids().external(row.user)), text(table.item_ids().external(row.item))))
        .collect()
}

#[test]
fn columns_are_found_by_name_whatever_their_order() {
    let text = "\u{feff}rating, extra ,item,when,user\r\n3.5,-,b,7,10\r\n\r\n4,-,a,5,9\r\n\r\n";
    let format = InteractionFormat::csv("user", "item").with_rating("rating").with_timestamp("when");
    let table = parse(text, &format).unwrap();
    assert_eq!(external(&table), [("10".into(), "b".into()), ("9".into(), "a".into())]);
    assert_eq!(table.users(), [1, 0], "integers are ordered by value");
    assert_eq!(table.ratings(), Some(&[3.5, 4.0][..]));
    assert_eq!(table.timestamps(), Some(&[7, 5][..]));

    let table = parse(text, &InteractionFormat::csv("user", "item")).unwrap();
    assert_eq!((table.ratings(), table.timestamps()), (None, None));
}

#[test]
fn columns_are_found_by_position_without_a_header() {
    let format = InteractionFormat { header: false, ..InteractionFormat::csv("3", "1") }.with_rating("2");
    let table = parse("7,2.5,1\n8,.5,1", &format).unwrap();
    assert_eq!(external(&table), [("1".into(), "7".into()), ("1".into(), "8".into())]);
    assert_eq!(table.ratings(), Some(&[2.5, 0.5][..]));
    assert_eq!(
        error("7,2.5\n", &format),
        "t.csv line 1: 2 fields but the user is in column 3 (is the separator \",\" right?)"
    );
}

#[test]
fn published_layouts_are_read() {
    let expected = parse(format!("{HEADER}1,2,3,4\n5,6,7,8\n"), &movielens_csv()).unwrap();
    assert_eq!(parse("1\t2\t3\t4\n5\t6\t7\t8\n", &InteractionFormat::movielens_100k()).unwrap(), expected);
    assert_eq!(parse("1::2::3::4\r\n5::6::7::8\r\n", &InteractionFormat::movielens_1m()).unwrap(), expected);
}

#[test]
fn quoted_fields_may_hold_separators_quotes_and_line_ends() {
    let format = InteractionFormat::csv("u", "i").with_rating("r");
    let text = "\"u\",\"i\",r\r\nx,\"a, b\",1\r\ny,\"a \"\"b\"\"\",2\r\nz,\"a\nb\",\"3\"\r\nx,c,oops\r\n";
    assert_eq!(error(text, &format), "t.csv line 6: rating \"oops\" is not a number");
    let table = parse(text.replace("oops", "4"), &format).unwrap();
    let items: Vec<String> = external(&table).into_iter().map(|(_, item)| item).collect();
    assert_eq!(items, ["a, b", "a \"b\"", "a\nb", "c"]);
    assert_eq!(table.ratings(), Some(&[1.0, 2.0, 3.0, 4.0][..]));

    // Where the separator is more than one character, a quote is a character like others.
    let text = "1::\"2::3::4\n".as_bytes();
    let table = parse(text, &InteractionFormat::movielens_1m()).unwrap();
    assert_eq!(external(&table), [("1".into(), "\"2".into())]);
}

#[test]
fn latin1_and_utf8_give_the_same_ids() {
    let format = InteractionFormat::csv("u", "i");
    let utf8 = parse("u,i\n1,Mis\u{e9}rables\n", &format).unwrap();
    assert_eq!(parse(b"u,i\n1,Mis\xe9rables\n", &format).unwrap(), utf8);
    assert!(error(b"\xff\xfeu\0,\0i\0\n\0", &format).contains("UTF-16"));
}

#[test]
fn one_odd_id_makes_all_ids_text() {
    let table = parse("u,i\n10,1\n9,1\n007,1\n7,1\n", &InteractionFormat::csv("u", "i")).unwrap();
    assert_eq!(table.users(), [1, 3, 0, 2], "text is ordered by bytes");
    assert_eq!(table.user_ids().external(0), Some(ExternalId::Text("007")));
    assert_eq!(table.item_ids().external(0), Some(ExternalId::Integer(1)));
}

#[test]
fn bad_lines_are_named() {
    let format = movielens_csv();
    let good = "1,31,2.5,1260759144\n";
    for (line, expected) in [
        ("1,31,2.5", "3 fields, the header has 4"),
        ("1", "1 field, the header has 4"),
        (
            "1,31,Heat, The,5",
            "5 fields, the header has 4; a separator within a field needs quotes around the field",
        ),
        ("1,31,good,1260759144", "rating \"good\" is not a number"),
        ("1,31,,1260759144", "the rating is empty"),
        ("1,31,NaN,1260759144", "rating \"NaN\" is not a finite number"),
        ("1,31,-inf,1260759144", "rating \"-inf\" is not a finite number"),
        (",31,2,1260759144", "the user id is empty"),
        ("1, ,2,1260759144", "the item id is empty"),
        ("1,31,2,", "the timestamp is empty"),
        ("1,31,2,-1", "timestamp -1 is negative; it must be seconds since 1970-01-01"),
        ("1,31,2,NaN", "timestamp \"NaN\" is not a whole number of seconds since 1970-01-01"),
        ("1,31,2,1.2e9", "timestamp \"1.2e9\" is not a whole number of seconds since 1970-01-01"),
        (
            "1,31,2,1260759144000",
            "timestamp 1260759144000 is beyond the year 2100; it looks like milliseconds: divide it by 1000",
        ),
    ] {
        let expected = format!("t.csv line 4: {expected}");
        assert_eq!(error(format!("{HEADER}{good}{good}{line}\n{good}"), &format), expected);
        // With a quote somewhere before, the other reader finds the same.
        let quoted = good.replacen("1", "\"1\"", 1);
        assert_eq!(error(format!("{HEADER}{quoted}{good}{line}\n{good}"), &format), expected);
        // At the end of a file that was cut off.
        assert_eq!(error(format!("{HEADER}{good}{good}{line}"), &format), expected);
    }
}

#[test]
fn the_first_bad_line_is_reported() {
    let mut text = HEADER.to_owned();
    for row in 0..300_000 {
        text += if row % 50_000 == 40_000 { "1,2,x,4\n" } else { "1,2,3,4\n" };
    }
    assert_eq!(error(text, &movielens_csv()), "t.csv line 40002: rating \"x\" is not a number");
}

#[test]
fn a_missing_column_lists_those_present() {
    assert_eq!(
        error("\nuser,movieId,rating\n1,2,3\n", &movielens_csv()),
        "t.csv line 2: there is no column \"userId\"; the header has \"user\", \"movieId\", \"rating\""
    );
    assert_eq!(
        error("userId;movieId\n1;2\n", &movielens_csv()),
        "t.csv line 1: there is no column \"userId\"; the header has \"userId;movieId\" \
         (is the separator \",\" right?)"
    );
    assert_eq!(
        error("u,i,u\n1,2,3\n", &InteractionFormat::csv("u", "i")),
        "t.csv line 1: the header names column \"u\" twice"
    );
}

#[test]
fn files_without_rows_are_refused() {
    for text in ["", "\n\r\n", "\u{feff}", HEADER, "\"userId\",movieId,rating,timestamp\n"] {
        assert_eq!(error(text, &movielens_csv()), "t.csv: the file holds no interactions", "{text:?}");
    }
    assert_eq!(error("", &InteractionFormat::movielens_100k()), "t.csv: the file holds no interactions");
}

#[test]
fn a_missing_file_is_an_io_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ratings.csv");
    let error = read_interactions(&path, &movielens_csv()).unwrap_err();
    assert!(matches!(&error, Error::Io { action: "read", .. }), "{error:?}");
    assert!(error.to_string().starts_with(&format!("cannot read {}: ", path.display())), "{error}");
    let error = movielens::read_folder("x", &path).unwrap_err();
    assert!(matches!(error, Error::Io { action: "read", .. }), "{error:?}");
}

#[test]
fn an_impossible_format_is_refused_before_the_file_is_read() {
    let format = movielens_csv().with_separator("");
    assert!(error("x", &format).starts_with("separator: "));
}

fn labels<'t>(table: &'t FeatureTable, column: &str, row: usize) -> Vec<&'t str> {
    match table.column(column) {
        Some(ColumnValues::Categorical { codes, vocabulary }) => {
            codes[row].iter().map(|&code| vocabulary[code as usize].as_str()).collect()
        }
        Some(ColumnValues::MultiCategorical { codes, vocabulary }) => {
            codes.row(row as u32).iter().map(|&code| vocabulary[code as usize].as_str()).collect()
        }
        other => panic!("{column} has no labels: {other:?}"),
    }
}

fn number(table: &FeatureTable, column: &str, row: usize) -> f32 {
    match table.column(column) {
        Some(ColumnValues::Dense(values)) => values[row],
        other => panic!("{column} has no numbers: {other:?}"),
    }
}

fn names(table: &FeatureTable) -> Vec<&str> {
    table.columns().iter().map(|column| column.name.as_str()).collect()
}

const U_DATA: &[u8] = b"3\t20\t4\t100\n1\t10\t5\t90\n3\t10\t1\t80\n";
const U_USER: &[u8] = b"1|24|M|writer|85711\n2|53|F|other|94043\n";
const U_ITEM: &[u8] = b"10|Mis\xe9rables, Les (1995)|01-Jan-1995|||0|1|1\n30|Other (1990)||||0|0|0\n";
const U_GENRE: &[u8] = b"unknown|0\nDrama|1\nAction|2\n\n";
const U_OCCUPATION: &[u8] = b"other\nwriter\n";

fn files_100k() -> Vec<(&'static str, &'static [u8])> {
    vec![
        ("u.data", U_DATA),
        ("u.user", U_USER),
        ("u.item", U_ITEM),
        ("u.genre", U_GENRE),
        ("u.occupation", U_OCCUPATION),
    ]
}

fn read(files: &[(&str, &[u8])]) -> Result<Dataset, Error> {
    movielens::read_folder("test", folder(files).path())
}

/// The error without the folder's path.
fn error_of(files: &[(&str, &[u8])]) -> String {
    let folder = folder(files);
    let error = movielens::read_folder("test", folder.path()).unwrap_err().to_string();
    error.replace(&format!("{}{}", folder.path().display(), std::path::MAIN_SEPARATOR), "")
}

#[test]
fn features_of_100k_follow_the_ids_of_the_ratings() {
    let data = read(&files_100k()).unwrap();
    assert_eq!(
        (data.name.as_str(), data.interactions.n_users(), data.interactions.n_items()),
        ("test", 2, 2)
    );
    // Users 1 and 3: 3 is not described, and 2 has no rating.
    assert_eq!(names(&data.users), ["age", "gender", "occupation", "zip"]);
    assert_eq!(number(&data.users, "age", 0), 24.0);
    assert!(number(&data.users, "age", 1).is_nan());
    assert_eq!(labels(&data.users, "occupation", 0), ["writer"]);
    assert_eq!(labels(&data.users, "occupation", 1), [""; 0]);
    assert_eq!(labels(&data.users, "zip", 0), ["85711"]);
    // Items 10 and 20: 20 is not described, and 30 has no rating.
    assert_eq!(names(&data.items), ["title", "year", "genres", "release_date"]);
    assert_eq!(data.items.text("title", 0), Some("Misérables, Les (1995)"));
    assert_eq!(data.items.text("title", 1), None);
    assert_eq!(data.items.text("release_date", 0), Some("01-Jan-1995"));
    assert_eq!(number(&data.items, "year", 0), 1995.0);
    assert_eq!(labels(&data.items, "genres", 0), ["Action", "Drama"]);
    assert_eq!(labels(&data.items, "genres", 1), [""; 0]);
}

#[test]
fn absent_files_leave_out_their_columns() {
    let data = read(&[("u.data", U_DATA)]).unwrap();
    assert!(data.users.columns().is_empty() && data.items.columns().is_empty());
    assert_eq!((data.users.n_rows(), data.items.n_rows()), (2, 2));
    let data = read(&[("u.data", U_DATA), ("u.item", U_ITEM)]).unwrap();
    assert_eq!(names(&data.items), ["title", "year", "release_date"]);
    let data = read(&[("ratings.csv", format!("{HEADER}1,2,3,4\n").as_bytes())]).unwrap();
    assert!(data.users.columns().is_empty() && data.items.columns().is_empty());
    assert!(error_of(&[("u.item", U_ITEM)]).contains("there is no u.data, ratings.dat or ratings.csv here"));
}

#[test]
fn features_of_1m_and_csv_are_read() {
    let data = read(&[
        ("ratings.dat", b"1::10::5::978300760\n2::20::3::978300761\n"),
        ("users.dat", b"1::F::1::10::48067\n2::M::56::16::70072\n"),
        ("movies.dat", b"10::Toy Story: A (1995)::Animation|Comedy\n20::Caf\xe9 (1999)::Drama\n"),
    ])
    .unwrap();
    assert_eq!((number(&data.users, "age", 0), number(&data.users, "age", 1)), (1.0, 56.0));
    assert_eq!(labels(&data.users, "occupation", 0), ["K-12 student"]);
    assert_eq!(labels(&data.users, "gender", 1), ["M"]);
    assert_eq!(data.items.text("title", 1), Some("Café (1999)"));
    assert_eq!(labels(&data.items, "genres", 0), ["Animation", "Comedy"]);

    let movies =
        "movieId,title,genres\r\n2,\"Heat, The (2013)\",Action|Comedy\r\n3,Cosmos,(no genres listed)\r\n";
    let ratings = format!("{HEADER}1,2,3.5,4\n1,3,0.5,4\n");
    let data = read(&[("ratings.csv", ratings.as_bytes()), ("movies.csv", movies.as_bytes())]).unwrap();
    assert_eq!(names(&data.items), ["title", "year", "genres"]);
    assert_eq!(data.items.text("title", 0), Some("Heat, The (2013)"));
    assert_eq!(number(&data.items, "year", 0), 2013.0);
    assert!(number(&data.items, "year", 1).is_nan());
    assert_eq!(labels(&data.items, "genres", 0), ["Action", "Comedy"]);
    assert_eq!(labels(&data.items, "genres", 1), [""; 0]);
}

#[test]
fn bad_feature_files_are_named() {
    let cases: [(&str, &[u8], &str); 10] = [
        (
            "u.user",
            b"1|24|M|writer|1\n2|53|F|other|2\n\n1|9|F|other|3\n",
            "u.user line 4: id 1 is described on line 1 already; keep one",
        ),
        ("u.item", b"10|A|||\n", "u.item line 1: fields between \"|\": 5, expected 8"),
        (
            "u.item",
            b"10|A||||0|0|0\n10|B||||0|0|0\n",
            "u.item line 2: id 10 is described on line 1 already; keep one",
        ),
        ("u.item", b"10|A||||0|2|0\n", "u.item line 1: the flag of genre Drama is \"2\", not 0 or 1"),
        ("u.user", b"1|24|M|writer\n", "u.user line 1: fields between \"|\": 4, expected 5"),
        ("u.user", b"1|old|M|writer|1\n", "u.user line 1: age \"old\" is not a number of years"),
        ("u.user", b"1|24|M|pilot|1\n", "u.user line 1: occupation \"pilot\" is not in u.occupation"),
        ("u.user", b"|24|M|writer|1\n", "u.user line 1: the id is empty"),
        (
            "u.genre",
            b"unknown|0\nDrama|2\n",
            "u.genre line 2: \"Drama|2\": expected a genre, | and its number 1",
        ),
        ("u.genre", b"unknown\n", "u.genre line 1: \"unknown\": expected a genre, | and its number 0"),
    ];
    for (name, content, expected) in cases {
        let mut files = files_100k();
        files.retain(|(file, _)| *file != name);
        files.push((name, content));
        assert_eq!(error_of(&files), expected);
    }

    let ratings = ("ratings.dat", &b"1::10::5::978300760\n"[..]);
    for (name, content, expected) in [
        (
            "users.dat",
            &b"1::F::1::21::48067\n"[..],
            "users.dat line 1: occupation \"21\" is not a code from 0 to 20",
        ),
        ("movies.dat", b"10::A::B::C\n", "movies.dat line 1: fields between \"::\": 4, expected 3"),
        (
            "movies.dat",
            b"10::A::B\n10::A::C\n",
            "movies.dat line 2: id 10 is described on line 1 already; keep one",
        ),
    ] {
        assert_eq!(error_of(&[ratings, (name, content)]), expected);
    }

    let ratings = format!("{HEADER}1,2,3.5,4\n");
    let ratings = ("ratings.csv", ratings.as_bytes());
    for (content, expected) in [
        (
            &b"movieId,title\n1,A\n"[..],
            "line 1: there is no column \"genres\"; the header has movieId, title",
        ),
        (b"movieId,title,genres\n1,A,B\n2,\"B\n", "line 3: fields: 2, the header has 3"),
        (
            b"movieId,title,genres\n1,\"A\nB\",C\n\n1,B,C\n",
            "line 5: id 1 is described on line 2 already; keep one",
        ),
    ] {
        assert_eq!(error_of(&[ratings, ("movies.csv", content)]), format!("movies.csv {expected}"));
    }
}

#[test]
fn real_100k() {
    let Some(data) = real_data("ml-100k/u.data") else { return };
    let data = movielens::read_folder("ml-100k", &data.join("ml-100k")).unwrap();
    let table = &data.interactions;
    assert_eq!((table.len(), table.n_users(), table.n_items()), (100_000, 943, 1682));
    // The first line is 196, 242, 3, 881250949.
    assert_eq!(external(table)[0], ("196".into(), "242".into()));
    assert_eq!((table.get(0).rating, table.get(0).timestamp), (Some(3.0), Some(881_250_949)));
    assert_eq!(data.items.text("title", 0), Some("Toy Story (1995)"));
    assert_eq!(labels(&data.items, "genres", 0), ["Animation", "Children's", "Comedy"]);
    assert_eq!(data.items.text("title", 266), Some("unknown"));
    assert!(labels(&data.items, "genres", 266).is_empty());
    assert_eq!(
        (number(&data.users, "age", 0), labels(&data.users, "occupation", 0)),
        (24.0, vec!["technician"])
    );
}

/// The half of the ratings of 1M that the folder has under its own name, with all its users and movies.
pub(crate) fn half_of_1m(data: &Path) -> TempDir {
    let half = tempfile::tempdir().unwrap();
    for (from, to) in [
        ("ratings-users-1-2999.dat", "ratings.dat"),
        ("users.dat", "users.dat"),
        ("movies.dat", "movies.dat"),
    ] {
        fs::copy(data.join("ml-1m").join(from), half.path().join(to)).unwrap();
    }
    half
}

#[test]
fn real_1m() {
    let Some(data) = real_data("ml-1m/ratings-users-1-2999.dat") else { return };
    let data = movielens::read_folder("ml-1m", half_of_1m(&data).path()).unwrap();
    assert_eq!((data.interactions.len(), data.interactions.n_users()), (487_650, 2999));
    let titles: Vec<&str> =
        (0..data.items.n_rows()).filter_map(|item| data.items.text("title", item as u32)).collect();
    assert_eq!(titles.len(), data.interactions.n_items(), "every rated movie has a title");
    assert!(titles.iter().any(|title| title.contains('é')), "titles are Latin-1");
    assert_eq!(labels(&data.users, "occupation", 0), ["K-12 student"]);
}
