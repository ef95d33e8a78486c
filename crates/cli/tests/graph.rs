//! Graphs of items, from files to similar items.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::{Bench, exists};

const BUILD: [&str; 6] = ["graph", "build", "--out", "graph", "--products", "products.jsonl"];
const EDGES: [&str; 6] = ["graph", "build", "--out", "graph", "--edges", "links.csv"];
const TRAIN: [&str; 14] = [
    "graph", "train", "--graph", "graph", "--out", "vectors", "-d", "8", "--epochs", "20", "--walks", "20",
    "--seed", "3",
];
const SIMILAR: [&str; 5] = ["graph", "similar", "--vectors", "vectors", "--item"];

/// Coffee `c0` to `c5` and tea `t0` to `t5`, each bought with all others of its kind, and `new`, a coffee that
/// nobody has bought yet.
fn products() -> String {
    let mut lines = String::new();
    for (kind, name, brand) in [("c", "Coffee", "North Quay"), ("t", "Tea", "Grey Heron")] {
        for n in 0..6 {
            let others: Vec<String> =
                (0..6).filter(|&other| other != n).map(|other| format!("{kind}{other}")).collect();
            let product = json!({
                "asin": format!("{kind}{n}"), "title": format!("{name} {n}"), "brand": brand, "price": 2 + n,
                "categories": [["Grocery", name]], "related": {"also_bought": others},
            });
            lines += &format!("{product}\n");
        }
    }
    lines
        + "{'asin': 'new', 'title': 'Coffee 6', 'brand': 'North Quay', 'categories': [['Grocery', 'Coffee']]}\n"
}

/// A folder with products.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("products.jsonl", &products());
    bench
}

/// A folder with a graph of them.
fn built() -> Bench {
    let bench = bench();
    bench.done(&BUILD);
    bench
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn json(bench: &Bench, arguments: &[&str]) -> Value {
    serde_json::from_str(&bench.done(&[arguments, &["--json"]].concat()).stdout).unwrap()
}

fn read(bench: &Bench, name: &str) -> String {
    fs::read_to_string(bench.path(name)).unwrap()
}

#[test]
fn products_plain_and_compressed_make_the_same_graph() {
    let bench = built();
    let (edges, items) = (read(&bench, "graph/edges.csv"), read(&bench, "graph/items.csv"));
    assert!(edges.starts_with("source,target,weight\nc0,c1,"), "{edges}");
    assert!(items.contains("new,North Quay,Coffee,,Coffee 6"), "{items}");

    fs::write(bench.path("products.json.gz"), gzip(&products())).unwrap();
    let mut arguments = BUILD;
    arguments[5] = "products.json.gz";
    let found = json(&bench, &arguments);
    let expected = json!({
        "graph": "graph", "items": 13, "edges": 60, "items_without_edges": 1, "broken_lines": 0, "self_loops": 0,
        "duplicates": 0,
    });
    assert_eq!(found, expected);
    assert_eq!((read(&bench, "graph/edges.csv"), read(&bench, "graph/items.csv")), (edges, items));
}

#[test]
fn a_cut_gzip_file_is_refused_and_leaves_no_graph() {
    let bench = bench();
    let bytes = gzip(&products());
    fs::write(bench.path("products.jsonl"), &bytes[..bytes.len() / 2]).unwrap();
    bench.refused(&BUILD, 1, &["products.jsonl line ", "the file is not whole, fetch it again"]);
    assert!(!exists(&bench.path("graph")));
}

#[test]
fn broken_products_are_named_and_bounded() {
    let bench = bench();
    bench.write("products.jsonl", &(products() + "{\"asin\": \"half\n"));
    bench.refused(&BUILD, 1, &["1 of 14 lines are broken", "line 14: "]);
    let answer = bench.done(&[&BUILD[..], &["--max-broken-share", "0.1"]].concat());
    assert!(answer.stdout.starts_with("13 items, 60 edges, 1 items without any"), "{}", answer.stdout);
    assert!(answer.stderr.contains("1 of 14 lines are broken and were passed over"), "{}", answer.stderr);
    assert!(answer.stderr.contains("line 14: "), "{}", answer.stderr);
}

#[test]
fn self_loops_duplicates_and_weights_of_nothing_are_counted() {
    let bench = Bench::new();
    bench.write("links.csv", "source,target,weight\na,b,2\na,a,1\na,b,0.5\nb,c,0\n");
    let answer = bench.done(&EDGES);
    for part in [
        "1 links from an item to itself were left out",
        "1 links were there already; their weights were added",
        "1 links of weight 0 were left out",
    ] {
        assert!(answer.stderr.contains(part), "{part:?} is not in {}", answer.stderr);
    }
    // c stays, without an edge.
    assert!(answer.stdout.starts_with("3 items, 2 edges, 1 items without any"), "{}", answer.stdout);
    assert_eq!(read(&bench, "graph/edges.csv"), "source,target,weight\na,b,2.5\nb,a,2.5\n");
}

#[test]
fn a_negative_weight_is_a_broken_line() {
    let bench = Bench::new();
    bench.write("links.csv", "source,target,weight\na,b,2\nb,c,-1\nc,a,NaN\n");
    let parts = ["links.csv", "2 of 3 lines", "line 3: weight \"-1\" is negative", "line 4: weight \"NaN\""];
    bench.refused(&EDGES, 1, &parts);
    assert!(!exists(&bench.path("graph")));
    let answer = bench.done(&[&EDGES[..], &["--max-broken-share", "0.7"]].concat());
    assert!(answer.stderr.contains("line 3: weight \"-1\" is negative"), "{}", answer.stderr);
    // What a broken line names is no item.
    assert!(answer.stdout.starts_with("2 items, 2 edges, 0 items"), "{}", answer.stdout);
}

#[test]
fn relations_count_what_is_said() {
    let bench = Bench::new();
    bench.write("links.csv", "source,target,relation,weight\na,b,bought,2\na,b,viewed,1\nb,c,viewed,1\n");
    bench.done(&[&EDGES[..], &["--relation", "bought=3"]].concat());
    assert_eq!(read(&bench, "graph/edges.csv"), "source,target,weight\na,b,6\nb,a,6\n");
    let unknown = [&EDGES[..], &["--relation", "sold=1"]].concat();
    bench.refused(&unknown, 1, &["there is no relation \"sold\"", "bought", "viewed"]);
}

#[test]
fn interactions_by_name() {
    let bench = Bench::new();
    let build = ["graph", "build", "--out", "graph", "--interactions", "ml-latest-small"];
    let found = json(&bench, &[&build[..], &["--window", "1", "--min-count", "20"]].concat());
    assert_eq!(found["items"], 9724);
    let n_edges = found["edges"].as_u64().unwrap();
    assert_eq!(read(&bench, "graph/edges.csv").lines().count() as u64, n_edges + 1);
    assert!(n_edges > 100, "{n_edges}");
    bench.refused(&[&build[..], &["--window=-1"]].concat(), 2, &["--window", "must be from 0"]);
}

#[test]
fn a_graph_without_edges_walks_but_teaches_nothing() {
    let bench = Bench::new();
    bench.write("links.csv", "source,target\na,a\nb,b\n");
    let answer = bench.done(&EDGES);
    assert!(answer.stdout.starts_with("2 items, 0 edges, 2 items without any"), "{}", answer.stdout);
    bench.done(&["graph", "walk", "--graph", "graph", "--out", "walks.txt", "--walks", "1"]);
    assert_eq!(read(&bench, "walks.txt"), "a\nb\n");
    bench.refused(&TRAIN, 1, &["graph", "has no edge, so there is nothing to learn from"]);
    assert!(!exists(&bench.path("vectors")));
}

#[test]
fn walks_follow_edges_and_are_the_same_again() {
    let bench = built();
    let walk = ["graph", "walk", "--graph", "graph", "--length", "7", "--walks", "3", "-q", "0.5"];
    let found = json(&bench, &[&walk[..], &["--out", "a.txt"]].concat());
    // The item without an edge is a walk of itself.
    assert_eq!((&found["walks"], &found["nodes"]), (&json!(39), &json!(36 * 7 + 3)));
    let text = read(&bench, "a.txt");
    for line in text.lines().filter(|line| *line != "new") {
        let items: Vec<&str> = line.split(' ').collect();
        assert_eq!(items.len(), 7, "{line}");
        assert!(items.windows(2).all(|pair| pair[0] != pair[1] && pair[0][..1] == pair[1][..1]), "{line}");
    }
    bench.done(&[&walk[..], &["--out", "b.txt", "--threads", "1"]].concat());
    assert_eq!(read(&bench, "b.txt"), text);
    bench.done(&[&walk[..], &["--out", "b.txt", "--seed", "2"]].concat());
    assert_ne!(read(&bench, "b.txt"), text);
}

#[test]
fn similar_items_are_of_the_same_kind() {
    let bench = built();
    let trained = json(&bench, &TRAIN);
    assert_eq!((&trained["items"], &trained["vectors"]), (&json!(13), &json!(12)));
    assert_eq!((trained["losses"].as_array().unwrap().len(), &trained["links"]), (20, &Value::Null));
    let similar = |item: &str| json(&bench, &[&SIMILAR[..], &[item, "-k", "5"]].concat());
    let found = similar("c2");
    assert_eq!(found["title"], "Coffee 2");
    let ids: BTreeSet<&str> =
        found["similar"].as_array().unwrap().iter().map(|item| item["item"].as_str().unwrap()).collect();
    assert_eq!(ids, BTreeSet::from(["c0", "c1", "c3", "c4", "c5"]));
    let text = bench.done(&[&SIMILAR[..], &["t0", "-k", "3"]].concat()).stdout;
    assert!(text.starts_with("like t0 Tea 0\n") && text.contains("Tea "), "{text}");

    // The same again, by one thread and in another format.
    bench.done(&[&TRAIN[..], &["--format", "word2vec", "--threads", "1"]].concat());
    assert!(!exists(&bench.path("vectors/vectors.safetensors")));
    assert_eq!(similar("c2"), found);
}

#[test]
fn items_without_a_vector_say_why() {
    let bench = built();
    let answer = bench.done(&TRAIN);
    assert!(answer.stderr.contains("1 items have no vector"), "{}", answer.stderr);
    let ask = |item| [&SIMILAR[..], &[item]].concat();
    bench.refused(&ask("milk"), 2, &["\"milk\" is not an item of the graph that was trained on"]);
    bench.refused(&ask("new"), 2, &["\"new\" has no vector: it has no link", "--model features"]);

    // What is known of it finds the coffees.
    for more in [&["--model", "features"][..], &["--model", "features", "--attention"]] {
        let trained = json(&bench, &[&TRAIN[..], more].concat());
        assert_eq!(trained["vectors"], 13);
        let found = json(&bench, &[&SIMILAR[..], &["new", "-k", "6"]].concat());
        for item in found["similar"].as_array().unwrap() {
            assert!(item["item"].as_str().unwrap().starts_with('c'), "{more:?}: {found}");
        }
    }
}

#[test]
fn held_out_links_are_measured_and_drawn() {
    let bench = built();
    let trained = json(&bench, &[&TRAIN[..], &["--test-share", "0.3"]].concat());
    // 30 pairs are linked; as many without a link as are held out.
    assert_eq!(trained["test_pairs"], 18);
    for metric in ["auc", "auc_seen", "average_precision"] {
        let value = trained["links"][metric].as_f64().unwrap();
        assert!(value > 0.7 && value <= 1.0, "{metric} {value}");
    }
    for name in ["learning-curve.svg", "precision-recall.svg"] {
        let svg = read(&bench, &format!("vectors/{name}"));
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{name}");
    }
    assert_eq!(serde_json::from_str::<Value>(&read(&bench, "vectors/metrics.json")).unwrap(), trained);
}

#[test]
fn factorisations_learn_the_same_kinds() {
    let bench = built();
    for model in ["mf", "mf-bias", "mf-walks"] {
        let mut arguments = TRAIN.to_vec();
        arguments.extend(["--model", model]);
        let trained = json(&bench, &arguments);
        assert_eq!(trained["vectors"], 12, "{model}");
        let losses: Vec<f64> =
            trained["losses"].as_array().unwrap().iter().map(|loss| loss.as_f64().unwrap()).collect();
        assert!(losses.len() == 20 && losses[19] < losses[0], "{model}: {losses:?}");
    }
}

#[test]
fn wrong_arguments_of_graphs_exit_with_2() {
    let bench = built();
    for (arguments, part) in [
        (&["graph", "build", "--out", "graph"][..], "--products"),
        (&[&BUILD[..], &["--edges", "links.csv"]].concat(), "cannot be used with"),
        (&[&BUILD[..], &["--relation", "also_bought"]].concat(), "write it as also_bought=1"),
        (&[&BUILD[..], &["--relation", "also_bought=-1"]].concat(), "not a finite number from 0"),
        (&[&BUILD[..], &["--window", "3"]].concat(), "cannot be used with '--window <HOURS>'"),
        (&[&TRAIN[..], &["--model", "magic"]].concat(), "skip-gram"),
        (&[&TRAIN[..], &["--test-share", "1"]].concat(), "must be at least 0 and below 1"),
        (&["graph", "train", "--graph", "graph", "--out", "./graph"], "is the folder of the graph"),
        (&["graph", "similar", "--vectors", "vectors"], "--item"),
        (&[&SIMILAR[..], &["c0", "-k", "0"]].concat(), "0 is not in 1.."),
        (&[&SIMILAR[..], &["c0"]].concat(), "vectors holds none of vectors.safetensors"),
    ] {
        bench.refused(arguments, 2, &[part]);
    }
    assert!(!exists(&bench.path("vectors")));
    let walk = ["graph", "walk", "--graph", "none", "--out", "walks.txt"];
    bench.refused(&walk, 1, &["cannot read", "none/edges.csv"]);
}
