use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::lines::gzip;

fn read(text: &str, format: &EdgeFormat) -> std::result::Result<(EdgeList, ReadReport), String> {
    let limits = ReadLimits::default().with_max_broken_share(1.0);
    EdgeList::from_reader("t.csv", Cursor::new(text.to_owned()), format, &limits)
        .map_err(|error| error.to_string())
}

fn spelled(links: &EdgeList) -> Vec<String> {
    let id = |node| links.nodes.external(node).unwrap();
    let spell = |edge: &RelationEdge| {
        format!(
            "{} {} {} {}",
            id(edge.source),
            id(edge.target),
            links.relations[edge.relation as usize],
            edge.weight
        )
    };
    links.edges.iter().map(spell).collect()
}

#[test]
fn links_keep_the_order_of_the_file_and_nodes_that_of_their_ids() {
    let text = "\u{feff}relation;source; target;weight\r\n\r\nb;10;9;2\r\na;9; 10 ;.5\nb;\"10\";9;2\nb;9;9;0";
    let (links, report) = read(text, &EdgeFormat::default()).unwrap();
    assert_eq!(links.nodes, IdMap::from_integers([9, 10]));
    assert_eq!(links.relations, ["a", "b"]);
    // Repeated links and loops are the caller's to judge.
    assert_eq!(spelled(&links), ["10 9 b 2", "9 10 a 0.5", "10 9 b 2", "9 9 b 0"]);
    assert_eq!(links.edges[0], RelationEdge { source: 1, target: 0, relation: 1, weight: 2.0 });
    assert_eq!((report.n_lines, report.n_broken), (4, 0));
    assert_eq!(links.undirected(None), [(0, 1)]);
    assert_eq!(links.undirected(links.relation("a")), [(0, 1)]);
    assert_eq!(links.relation("c"), None);
}

#[test]
fn without_their_columns_links_are_of_one_relation_and_weight_1() {
    let (links, _) = read("to\tfrom\ty\tx\nu\tv\t1\t1\n", &EdgeFormat::new("from", "to")).unwrap();
    assert_eq!(links.relations, [""]);
    assert_eq!(spelled(&links), ["v u  1"]);
}

#[test]
fn broken_lines_are_reported_and_make_no_nodes() {
    let text = "source,target,relation,weight\na,b,r,1\nx,y,r,-1\nx,y,r,NaN\nx,y,r,inf\nx,y,r,1e99\nx,y,r,one\n\
                x,y,r,\nx,,r,1\n ,y,r,1\nx,y,,1\nx,y,r\nx,y,r,1,1\nx,\"y,r,1\nb,c,r,-0\n";
    let (links, report) = read(text, &EdgeFormat::default()).unwrap();
    assert_eq!(spelled(&links), ["a b r 1", "b c r 0"]);
    assert_eq!(links.nodes.len(), 3);
    assert_eq!((report.n_lines, report.n_broken), (14, 12));
    let found: Vec<(u64, &str)> =
        report.first_broken.iter().map(|broken| (broken.line, broken.reason.as_str())).collect();
    let expected = [
        (3, "weight \"-1\" is negative"),
        (4, "weight \"NaN\" is not a finite number"),
        (5, "weight \"inf\" is not a finite number"),
        (6, "weight \"1e99\" is not a finite number"),
        (7, "weight \"one\" is not a number"),
        (8, "the weight is empty"),
        (9, "the target is empty"),
        (10, "the source is empty"),
        (11, "the relation is empty"),
        (12, "3 fields, but the first line names 4 columns"),
    ];
    assert_eq!(found, expected);
    let strict = EdgeList::from_reader(
        "t.csv",
        Cursor::new(text.to_owned()),
        &EdgeFormat::default(),
        &ReadLimits::strict(),
    );
    assert_eq!(strict.unwrap_err().to_string().split("; ").nth(1), Some("line 3: weight \"-1\" is negative"));
}

#[test]
fn files_without_links_are_refused() {
    let refused = |text: &str| read(text, &EdgeFormat::default()).unwrap_err();
    assert_eq!(refused(""), "t.csv: the file is empty; its first line must name the columns");
    assert_eq!(refused("\n\nsource,target\n\n"), "t.csv: the file holds no links");
    assert_eq!(
        refused("\na,b\n1,2\n"),
        "t.csv line 2: there is no column \"source\"; the columns are \"a\", \"b\""
    );
}

#[test]
fn compressed_files_are_read_and_cut_ones_refused() {
    let text = "source,target\n1,2\n2,3\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("links");
    let limits = ReadLimits::default();
    std::fs::write(&path, gzip(text.as_bytes())).unwrap();
    let (links, _) = EdgeList::read(&path, &EdgeFormat::default(), &limits).unwrap();
    assert_eq!(links, read(text, &EdgeFormat::default()).unwrap().0);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let error = EdgeList::read(&path, &EdgeFormat::default(), &limits).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{} line 4: the gzip data ends", path.display())), "{error}");
}

#[test]
fn too_many_relations_are_refused() {
    let links = |n: u32| (0..n).map(|n| format!("1,2,r{n}\n")).collect::<String>();
    let text = |n| format!("source,target,relation\n{}", links(n));
    let (most, _) = read(&text(65_536), &EdgeFormat::default()).unwrap();
    assert_eq!(most.relations.len(), 65_536);
    let error = read(&text(65_537), &EdgeFormat::default()).unwrap_err();
    assert!(error.starts_with("t.csv: line 65538 is of relation 65537"), "{error}");
}

#[test]
fn products_become_links() {
    let product = |asin: &str, also_bought: &[&str], bought_together: &[&str]| Product {
        asin: asin.into(),
        related: Related {
            also_bought: also_bought.iter().map(|&id| id.into()).collect(),
            bought_together: bought_together.iter().map(|&id| id.into()).collect(),
            ..Related::default()
        },
        ..Product::default()
    };
    // The dump holds a product twice and a target that has no line.
    let products = [
        product("B", &["C", "A", "C"], &["B"]),
        product("A", &[], &["B"]),
        product("B", &["A"], &[]),
        product("D", &[], &[]),
    ];
    let links = EdgeList::from_products(&products);
    assert_eq!(links.nodes.iter().map(|id| id.to_string()).collect::<Vec<_>>(), ["A", "B", "C", "D"]);
    let expected =
        ["A B bought_together 1", "B A also_bought 1", "B B bought_together 1", "B C also_bought 1"];
    assert_eq!(spelled(&links), expected);
    assert_eq!(links.undirected(links.relation("also_bought")), [(0, 1), (1, 2)]);
    assert_eq!(links.undirected(None), [(0, 1), (1, 2)]);
    assert!(EdgeList::from_products(&[]).edges.is_empty());
}

proptest! {
    #[test]
    fn no_text_panics(text in "(source,target,weight\n)?[ab,\"1.\n-]{0,60}") {
        let _ = read(&text, &EdgeFormat::default());
    }

    #[test]
    fn what_is_written_is_read(rows in prop::collection::vec(("[a-c9]{1,2}", "[a-c9]{1,2}", 0f32..1e9), 1..30)) {
        let text: String = rows.iter().map(|(a, b, w)| format!("{a},{b},{w}\n")).collect();
        let (links, _) = read(&format!("source,target,weight\n{text}"), &EdgeFormat::default()).unwrap();
        let expected: Vec<String> = rows.iter().map(|(a, b, w)| format!("{a} {b}  {w}")).collect();
        prop_assert_eq!(spelled(&links), expected);
    }
}
