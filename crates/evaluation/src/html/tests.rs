use std::fs;

use super::definitions::{definition, split};
use crate::{Evaluation, EvaluationConfig, EvaluationFiles};

/// Everything there can be, with names made to break a page.
fn whole() -> Evaluation {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let lists = "user_id,item_id,score\na,x,3\na,y,2\na,z,1\nb,y,3\nb,z,2\nc,x,1\nd,z,1\n";
    let other = "user_id,item_id,score\na,z,3\na,y,2\nb,x,3\nc,y,1\nd,x,1\n";
    let truth =
        "user_id,item_id,rating,timestamp\na,y,5,50\nb,z,3,60\nb,\"<img src=x>&\",4,5\nd,x,2,70\ne,x,1,80\n";
    let train = "user_id,item_id,timestamp\na,x,10\nb,\"<img src=x>&\",20\nc,z,90\nc,y,30\nd,y,40\n";
    let mut files = EvaluationFiles::new(write("li<b>sts&.csv", lists), write("truth.csv", truth))
        .with_train(write("train.csv", train));
    files.compare = Some(write("other.csv", other));
    files.base = Some(write("base.csv", other));
    files.categories = Some(write("categories.csv", "item_id,category\nx,p\ny,q\nz,p\n"));
    let slices = "user_id,\"gro<u>p\"\na,\"<script>&\"\"\"\nb,\"<script>&\"\"\"\nc,other\nd,other\ne,other\n";
    files.slices = vec![write("slices.csv", slices)];
    let config = EvaluationConfig {
        cutoffs: vec![1, 2, 3],
        is_graded: true,
        by_activity: true,
        by_popularity: true,
        ..EvaluationConfig::default()
    };
    files.evaluate(&config).unwrap()
}

/// Recommendations and ground truth alone, one user.
fn least() -> Evaluation {
    let folder = tempfile::tempdir().unwrap();
    let (lists, truth) = (folder.path().join("lists.csv"), folder.path().join("truth.csv"));
    fs::write(&lists, "user_id,item_id,score\na,x,3\n").unwrap();
    fs::write(&truth, "user_id,item_id\na,x\n").unwrap();
    let config = EvaluationConfig { cutoffs: vec![1], ..EvaluationConfig::default() };
    EvaluationFiles::new(lists, truth).evaluate(&config).unwrap()
}

/// Every tag is closed in order, quotes of attributes are too, and `&` begins one of few references.
fn check_form(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page.strip_prefix("<!doctype html>").unwrap();
    while let Some((text, after)) = rest.split_once('<') {
        // The style has no markup; a `>` of it would be a child selector.
        assert!(!text.contains('>'), "a stray > in {text:?}");
        check_references(text);
        let (tag, after) = after.split_once('>').unwrap();
        check_references(tag);
        assert!(tag.matches('"').count().is_multiple_of(2), "{tag}");
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{tag}");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        rest = after;
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?}");
}

fn check_references(text: &str) {
    const KNOWN: [&str; 6] = ["amp;", "lt;", "gt;", "quot;", "apos;", "#39;"];
    for after in text.split('&').skip(1) {
        assert!(KNOWN.iter().any(|known| after.starts_with(known)), "& in {text:?}");
    }
}

#[test]
fn small_probabilities_and_shares_are_no_tags() {
    let mut evaluation = whole();
    for (_, paired) in &mut evaluation.comparison {
        paired.t_test_p_value = Some(1e-9);
        paired.bootstrap_p_value = Some(1e-9);
    }
    let mut exposure = vec![1; 100_000];
    exposure.push(0);
    evaluation.exposure = Some(exposure);
    let page = evaluation.to_html().unwrap();
    check_form(&page);
    assert!(page.contains("<td>&lt; 0.0001</td><td>&lt; 0.0001</td>"));
    assert!(page.contains("(&lt; 0.01 %) are never"));
}

#[test]
fn pages_are_well_formed_and_need_nothing_else() {
    for page in [whole().to_html().unwrap(), least().to_html().unwrap()] {
        check_form(&page);
        for absent in ["<script", "<link", "<img", "url(", "@import", "href=", "NaN"] {
            assert!(!page.contains(absent), "{absent}");
        }
        assert_eq!(page.matches("http").count(), page.matches("http://www.w3.org/2000/svg").count());
    }
}

#[test]
fn names_are_text_and_nothing_else() {
    let page = whole().to_html().unwrap();
    // As a heading of the table, as a label of the plot, and in the title.
    assert!(page.contains(">&lt;script&gt;&amp;&quot;</th>"));
    assert!(page.contains("\n&lt;script&gt;&amp;&quot;\n</text>"));
    assert!(page.contains("<title>Evaluation of li&lt;b&gt;sts&amp;.csv</title>"));
    assert!(page.contains("<h3>Users by gro&lt;u&gt;p</h3>"));
    assert!(page.contains("item &lt;img src=x&gt;&amp;"));
}

#[test]
fn all_parts_are_there() {
    let evaluation = whole();
    let page = evaluation.to_html().unwrap();
    for section in
        ["Users", "Metrics", "Metrics by cutoff", "NDCG@3 over users", "Slices", "Exposure of items"]
    {
        assert!(page.contains(&format!("<h2>{section}</h2>")), "{section}");
    }
    for section in ["Comparison", "Leakage", "Definitions", "Files"] {
        assert!(page.contains(&format!("<h2>{section}</h2>")), "{section}");
    }
    // A pair in both parts, in the alerts and marked in the table.
    assert!(page.contains("<b>Leak:</b> pair-in-both"));
    assert!(page.contains("<tr class=\"leak\"><th scope=\"row\">pair-in-both <span class=\"leak-mark\">"));
    assert!(page.contains("<th scope=\"col\">@1</th><th scope=\"col\">@2</th><th scope=\"col\">@3</th><th scope=\"col\">no cutoff</th>"));
    // The user c has a list and nothing relevant.
    assert!(page.contains("<small>1 undefined</small>"));
    let gini = evaluation.report.summary("Gini@3").unwrap().value.unwrap();
    assert!(page.contains(&format!("Gini@3 is <b>{gini:.4}</b>")));
}

#[test]
fn absent_parts_are_absent() {
    let page = least().to_html().unwrap();
    let sections = ["Slices", "Exposure", "Comparison", "Leakage", "Metrics by cutoff", "class=\"alert\""];
    for section in sections {
        assert!(!page.contains(section), "{section}");
    }
    // One cutoff is shown as rows; a single user has no interval.
    assert!(page.contains("NDCG@1\n</text>"));
    assert!(!page.contains("@undefined"));
}

#[test]
fn every_metric_is_defined() {
    for summary in whole().report.summaries() {
        let (name, _) = split(&summary.label);
        assert!(definition(name).is_some(), "{name}");
    }
}

#[test]
fn the_same_evaluation_is_the_same_page() {
    let evaluation = whole();
    assert_eq!(evaluation.to_html().unwrap(), evaluation.to_html().unwrap());
}
