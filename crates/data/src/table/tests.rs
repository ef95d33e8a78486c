//! The two ways of reading give the same table, however the text is cut.

use proptest::prelude::*;

use super::*;

const TINY_BLOCKS: [usize; 4] = [1, 7, 64, BLOCK_BYTES];

fn message(result: Result<Interactions>) -> std::result::Result<Interactions, String> {
    result.map_err(|error| error.to_string())
}

/// What the `csv` crate makes of the text.
fn sequential(source: &Source<'_>, format: &InteractionFormat) -> Result<Interactions> {
    let rows = source.read(|reader| quoted::read(reader, source, format))?;
    rows.expect("there are rows").finish()
}

fn assert_same(text: &[u8], format: &InteractionFormat) -> std::result::Result<Interactions, String> {
    let source = Source::memory("t.csv", text);
    let expected = message(sequential(&source, format));
    for bytes in TINY_BLOCKS {
        for n_threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let actual = message(pool.install(|| read_in_blocks(&source, format, bytes)));
            assert_eq!(actual, expected, "blocks of {bytes} bytes, {n_threads} threads");
        }
    }
    expected
}

#[test]
fn bad_lines_are_found_wherever_blocks_end() {
    for (text, expected) in [
        ("u,i\n1,2\n\n1\n1,2,3\n", "t.csv line 4: 1 field, the header has 2"),
        ("\n\nu,i\r\n1,2\r\n1,\r\n", "t.csv line 5: the item id is empty"),
        ("\u{feff}u,i\n1,2\n,2", "t.csv line 3: the user id is empty"),
        ("u,i\n1,2\n12345678,3\n\n4,5\r\n87654321,\n1,2", "t.csv line 6: the item id is empty"),
    ] {
        let format = InteractionFormat::csv("u", "i");
        assert_eq!(assert_same(text.as_bytes(), &format).unwrap_err(), expected);
        let quoted = text.replacen("1,2", "\"1\",\"2\"", 1);
        assert_eq!(assert_same(quoted.as_bytes(), &format).unwrap_err(), expected);
    }
}

#[test]
fn a_quote_that_is_never_closed_is_found_on_its_line() {
    let error = assert_same(b"u,i\n1,2\n\"3,4\n5,6\n", &InteractionFormat::csv("u", "i")).unwrap_err();
    assert_eq!(error, "t.csv line 3: 1 field, the header has 2");
}

#[derive(Debug, Clone)]
struct Table {
    text: String,
    format: InteractionFormat,
    rows: Vec<(String, String, f32, i64)>,
}

/// A file with its columns in any order, quoted where needed and sometimes where not, and its rows.
fn tables() -> impl Strategy<Value = Table> {
    // Few and close together, so that they repeat, or of any length.
    let integer = || {
        prop_oneof![4 => -3i64..40, 2 => 0i64..1000, 1 => (0u32..18).prop_map(|n| 7 * 10i64.pow(n))]
            .prop_map(|id| id.to_string())
    };
    let id = move || {
        prop_oneof![
            4 => integer(),
            1 => "[a-c,\"é0]{1,4}".prop_filter("no text that is an integer", |id| id.parse::<i64>().is_err()),
            1 => Just("007".to_owned()),
        ]
    };
    let row = move |texts: bool| {
        let id = move || if texts { id().boxed() } else { integer().boxed() };
        (id(), id(), 0u16..=10, 0i64..4_000_000_000)
            .prop_map(|(user, item, halves, time)| (user, item, f32::from(halves) / 2.0, time))
    };
    let rows = any::<bool>().prop_flat_map(move |texts| prop::collection::vec(row(texts), 1..40));
    let order = Just([0usize, 1, 2, 3, 4]).prop_shuffle();
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (rows, order, flags).prop_map(|(rows, order, (header, crlf, quote_all, last_line_end))| {
        let field = |text: &str| {
            if quote_all || text.contains([',', '"']) {
                format!("\"{}\"", text.replace('"', "\"\""))
            } else {
                text.to_owned()
            }
        };
        let mut text = String::new();
        let line_end = if crlf { "\r\n" } else { "\n" };
        let mut line = |values: [&str; 5]| {
            let fields: Vec<String> = order.iter().map(|&n| field(values[n])).collect();
            text += &fields.join(",");
            text += line_end;
        };
        if header {
            line(["user", "item", "rating", "time", "other"]);
        }
        for (user, item, rating, time) in &rows {
            line([user, item, &rating.to_string(), &time.to_string(), "-"]);
        }
        if !last_line_end {
            text.truncate(text.len() - line_end.len());
        }
        let name = |n: usize, name: &str| match (header, order.iter().position(|&m| m == n)) {
            (false, Some(position)) => (position + 1).to_string(),
            _ => name.to_owned(),
        };
        let format = InteractionFormat {
            header,
            ..InteractionFormat::csv(name(0, "user"), name(1, "item"))
                .with_rating(name(2, "rating"))
                .with_timestamp(name(3, "time"))
        };
        Table { text, format, rows }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn blocks_and_threads_do_not_change_the_table(table in tables()) {
        let read = assert_same(table.text.as_bytes(), &table.format).unwrap();
        prop_assert_eq!(read.len(), table.rows.len());
        for (n, (user, item, rating, time)) in table.rows.iter().enumerate() {
            let row = read.get(n);
            let external = |id: Option<crate::ExternalId<'_>>| id.map(|id| id.to_string());
            prop_assert_eq!(external(read.user_ids().external(row.user)), Some(user.clone()));
            prop_assert_eq!(external(read.item_ids().external(row.item)), Some(item.clone()));
            prop_assert_eq!((row.rating, row.timestamp), (Some(*rating), Some(*time)));
        }
    }
}
