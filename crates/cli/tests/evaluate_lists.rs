//! `evaluate --recommendations`: lists of any system, from files.

use crate::Bench;
use crate::round_trip::json;

const LISTS: &str = "user_id,item_id,score\nann,tea,0.9\nann,milk,0.2\nbob,tea,0.7\nbob,rice,0.1\n";
const TRUTH: &str = "user_id,item_id\nann,milk\nbob,tea\ncid,tea\n";
const ARGUMENTS: [&str; 5] = ["evaluate", "--recommendations", "lists.csv", "--ground-truth", "truth.csv"];

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("lists.csv", LISTS);
    bench.write("truth.csv", TRUTH);
    bench
}

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    ARGUMENTS.iter().copied().chain(more.iter().copied()).collect()
}

#[test]
fn a_table_for_people_and_json_for_programs() {
    let bench = bench();
    let answer = bench.done(&with(&["--k", "2,1"]));
    let row: Vec<&str> =
        answer.stdout.lines().find(|line| line.starts_with("MRR")).unwrap().split_whitespace().collect();
    assert_eq!(row[..3], ["MRR", "0.3333", "0.5000"]);
    assert!(
        answer.stdout.contains("3 users: 2 with lists and relevant items, 1 with relevant items but no list")
    );
    let json = json(&bench.done(&with(&["--k", "1,2", "--json"])).stdout);
    assert_eq!(json["metrics"]["MRR@2"], 0.5);
    assert_eq!((&json["users"], &json["undefined"]["MRR@2"]), (&3.into(), &0.into()));
}

#[test]
fn everything_at_once() {
    let bench = bench();
    bench.write("train.csv", "user_id,item_id,timestamp\nann,milk,5\nbob,rice,6\ndan,tea,8\n");
    bench.write("other.csv", "user_id,item_id,rank\nann,milk,1\nbob,rice,1\ncid,tea,4\n");
    bench.write("ages.csv", "user,age\nann,young\nbob,old\n");
    let more = [
        "--train",
        "train.csv",
        "--slices",
        "activity",
        "--slices",
        "popularity",
        "--slices",
        "ages.csv",
        "--compare",
        "other.csv",
        "--bootstrap",
        "150",
        "--k",
        "2",
    ];
    let text = bench.done(&with(&more)).stdout;
    for part in
        ["95% interval, bootstrap", "Coverage", "cold", "young", "p (bootstrap)", "pair-in-both", "line 2"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    // The tables are printed all the same: they say which rows.
    let leaking = bench.call(&with(&[&more[..], &["--fail-on-leak"]].concat()));
    assert_eq!((leaking.code, leaking.stdout), (Some(1), text));
    assert!(
        leaking.stderr.contains("error: the training part holds what it must not know: 1 pair-in-both rows")
    );
    let html = bench.done(&with(&[&more[..], &["--html", "report.html"]].concat())).stderr;
    assert!(html.contains("the report is in report.html"), "{html}");
    let page = std::fs::read_to_string(bench.path("report.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("NDCG") && !page.contains("<script"));
    bench.refused(&with(&[&more[..], &["--html", "none/report.html"]].concat()), 1, &["none/report.html"]);
    let once = bench.done(&with(&[&more[..], &["--json", "--threads", "1"]].concat())).stdout;
    assert_eq!(bench.done(&with(&[&more[..], &["--json", "--threads", "3"]].concat())).stdout, once);
}

#[test]
fn wrong_arguments_and_files() {
    let bench = bench();
    bench.refused(&["evaluate", "--recommendations", "lists.csv"], 2, &["--ground-truth"]);
    bench.refused(&with(&["--run", "runs/run"]), 2, &["--run", "cannot be used with"]);
    bench.refused(&["evaluate", "--slices", "activity"], 2, &["--recommendations"]);
    bench.refused(&with(&["--k", "0"]), 2, &["--k", "at least 1"]);
    bench.refused(&with(&["--confidence", "95"]), 2, &["confidence: 95 is not between 0 and 0.999999"]);
    bench.refused(&with(&["--slices", "activity"]), 2, &["activity", "training part"]);
    bench.refused(&with(&["--slices", "activty"]), 2, &["no file activty", "activity and popularity"]);
    bench.refused(&with(&["--bootstrap", "5"]), 2, &["must be 100 to 1000000"]);
    bench.refused(&with(&["--user", "usr"]), 2, &["user: no file has a column \"usr\""]);
    bench.refused(&with(&["--html", "truth.csv"]), 2, &["truth.csv: is one of the files that are measured"]);
    bench.refused(&with(&["--html", "."]), 2, &["is not a regular file"]);
    assert_eq!(std::fs::read_to_string(bench.path("truth.csv")).unwrap(), TRUTH);
    bench.write("lists.csv", &format!("{LISTS}ann,tea,0.1\n"));
    bench.refused(&ARGUMENTS, 1, &["lists.csv line 2 and line 6: item tea is recommended to user ann twice"]);
}
