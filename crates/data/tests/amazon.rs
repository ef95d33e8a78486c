//! Amazon dumps from file to tables.

use std::fs;
use std::io::Write as _;

use burn_recsys_data::amazon::{self, ProductReader, ReviewReader};
use burn_recsys_data::graph::EdgeList;
use burn_recsys_data::{ExternalId, ReadLimits};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::readers::{folder, real_data};

const PYTHON: &str = include_str!("reference/amazon/python.txt");
const JSON: &str = include_str!("reference/amazon/python.json");

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn both_generations_give_the_same_products_plain_and_compressed() {
    let parts = [gzip(&JSON.as_bytes()[..JSON.len() / 2]), gzip(&JSON.as_bytes()[JSON.len() / 2..])].concat();
    let folder = folder(&[
        ("python.txt", PYTHON.as_bytes()),
        ("python.txt.gz", &gzip(PYTHON.as_bytes())),
        ("json", JSON.as_bytes()),
        ("json.gz", &parts),
    ]);
    let read = |name| amazon::read_products(folder.path().join(name), &ReadLimits::strict()).unwrap();
    let (products, report) = read("json");
    assert_eq!((products.len(), report.n_lines, report.n_broken), (200, 200, 0));
    assert_eq!(products[1].related.also_viewed, ["B16", "B15"]);
    for name in ["python.txt", "python.txt.gz", "json.gz"] {
        assert_eq!(read(name).0, products, "{name}");
    }
    let links = EdgeList::from_products(&products);
    assert_eq!((links.nodes.len(), links.relations.len()), (200, 4));
    let linked: usize = products.iter().filter(|product| !product.related.also_bought.is_empty()).count();
    let mut sources: Vec<u32> =
        links.edges.iter().filter(|edge| edge.relation == 0).map(|edge| edge.source).collect();
    sources.dedup();
    assert_eq!(sources.len(), linked);
}

#[test]
fn broken_lines_are_passed_over_up_to_a_share() {
    let text =
        "{'asin': 'A'}\n\n{'asin': 'B'\n{\"asin\": 1}\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n{\"asin\": \"C\"}";
    let read = |share| {
        let limits = ReadLimits::default().with_max_broken_share(share).with_max_line_bytes(20);
        let mut reader = ProductReader::from_reader("m.json", text.as_bytes(), &limits).unwrap();
        let products: Vec<_> = reader.by_ref().collect();
        assert!(reader.next().is_none());
        (products, reader.into_report())
    };
    let (products, report) = read(0.6);
    let ids: Vec<_> = products.into_iter().map(|product| product.unwrap().asin).collect();
    assert_eq!(ids, ["A", "C"]);
    assert_eq!((report.n_lines, report.n_broken), (5, 3));
    let found: Vec<_> = report.first_broken.iter().map(|line| (line.line, line.reason.as_str())).collect();
    let expected = [
        (3, "this is not a literal of Python: the line ends, but there must be a comma or } at byte 13"),
        (4, "asin is the number 1, expected text"),
        (5, "the line has 33 bytes, more than the 20 of max_line_bytes"),
    ];
    assert_eq!(found, expected);
    // Two products, then the verdict.
    let (products, _) = read(0.59);
    assert_eq!(products.len(), 3);
    let error = products[2].as_ref().unwrap_err().to_string();
    assert!(error.starts_with("m.json: 3 of 5 lines are broken (60.000%), more than the 59% of"), "{error}");
}

#[test]
fn too_many_broken_lines_stop_a_long_file_early() {
    let text = "{'asin': 'A'}\n".repeat(990) + &"x\n".repeat(100_000);
    let reader = ProductReader::from_reader("m", std::io::Cursor::new(text), &ReadLimits::default()).unwrap();
    let read: Vec<_> = reader.collect();
    assert_eq!(read.len(), 991);
    let error = read[990].as_ref().unwrap_err().to_string();
    // 10 of 1,000 are still 1%.
    assert!(error.starts_with("m: 11 of 1001 lines are broken"), "{error}");
}

#[test]
fn cut_files_are_errors_not_less_data() {
    let whole = gzip(PYTHON.as_bytes());
    let folder = folder(&[("m.gz", &whole[..whole.len() / 2]), ("empty", b"\n"), ("none", b"")]);
    let limits = ReadLimits::default().with_max_broken_share(1.0);
    let error = |name: &str| {
        let path = folder.path().join(name);
        let error = amazon::read_products(&path, &limits).unwrap_err().to_string();
        error.strip_prefix(&path.display().to_string()).unwrap_or(&error).to_owned()
    };
    let cut = error("m.gz");
    let line: usize = cut.split_whitespace().nth(1).unwrap().trim_end_matches(':').parse().unwrap();
    assert!(line > 20 && line < 200, "{cut}");
    assert!(cut.ends_with("the file is not whole, fetch it again"), "{cut}");
    assert_eq!(error("empty"), ": the file holds no products");
    assert_eq!(error("none"), ": the file holds no products");
    assert!(error("absent").starts_with("cannot read "));
    let error = amazon::read_reviews(folder.path().join("empty"), &limits).unwrap_err().to_string();
    assert!(error.ends_with(": the file holds no reviews"), "{error}");
    let impossible = ReadLimits::default().with_max_broken_share(2.0);
    assert!(ReviewReader::from_reader("r", &b""[..], &impossible).is_err());
}

#[test]
fn reviews_become_interactions() {
    let text = "{\"reviewerID\": \"U2\", \"asin\": \"B\", \"overall\": 5.0, \"unixReviewTime\": 20, \"x\": []}\n\
                {'reviewerID': 'U1', 'asin': '0012', 'overall': 1, 'unixReviewTime': 10}\n";
    let folder = folder(&[("r.json", text.as_bytes())]);
    let (table, report) = amazon::read_reviews(folder.path().join("r.json"), &ReadLimits::strict()).unwrap();
    assert_eq!((table.len(), report.n_lines), (2, 2));
    assert_eq!(table.user_ids().external(0), Some(ExternalId::Text("U1")));
    assert_eq!(table.item_ids().external(0), Some(ExternalId::Text("0012")));
    assert_eq!((table.users(), table.items()), (&[1, 0][..], &[1, 0][..]));
    assert_eq!(table.ratings(), Some(&[5.0, 1.0][..]));
    assert_eq!(table.timestamps(), Some(&[20, 10][..]));
}

#[test]
fn the_reviews_of_musical_instruments_are_all_read() {
    const FILE: &str = "amazon-musical-instruments/Musical_Instruments.json";
    let Some(root) = real_data(FILE) else { return };
    let (table, report) = amazon::read_reviews(root.join(FILE), &ReadLimits::strict()).unwrap();
    assert_eq!((table.len(), table.n_users(), table.n_items()), (10_261, 1_429, 900));
    assert_eq!((report.n_lines, report.n_broken), (10_261, 0));
    // The first line of the file.
    let first = table.get(0);
    assert_eq!(table.user_ids().external(first.user), Some(ExternalId::Text("A2IBPI20UZIR0U")));
    assert_eq!(table.item_ids().external(first.item), Some(ExternalId::Text("1384719342")));
    assert_eq!((first.rating, first.timestamp), (Some(5.0), Some(1_393_545_600)));
    // Every user and item of this part of the dump has five reviews at least.
    assert!(table.user_counts().iter().all(|&count| count >= 5));

    // The same from a file that is cut in its last line.
    let text = fs::read(root.join(FILE)).unwrap();
    let folder = folder(&[("cut.json", &text[..text.len() - 100])]);
    let (cut, report) = amazon::read_reviews(folder.path().join("cut.json"), &ReadLimits::default()).unwrap();
    assert_eq!(cut.len(), 10_260);
    assert_eq!(report.first_broken[0].line, 10_261);
}
