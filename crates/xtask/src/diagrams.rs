//! The diagrams of the guide: drawn by code, so that they stay alike and can be changed with the models.

mod canvas;
mod choosing;
mod cohort;
mod deep_hash;
mod estimator;
mod geometry;
mod id_lookup;
mod item_graph;
mod mixture;
mod svg;
mod text;
mod two_tower;

#[cfg(test)]
mod layout;

use std::fs;
use std::path::PathBuf;

use crate::run::root;
use canvas::Canvas;

type Draw = fn() -> Canvas;

/// Every diagram: its file below `images/`, and what draws it.
const DIAGRAMS: [(&str, Draw); 8] = [
    ("estimator.svg", estimator::draw),
    ("id-lookup.svg", id_lookup::draw),
    ("deep-hash.svg", deep_hash::draw),
    ("cohort.svg", cohort::draw),
    ("mixture.svg", mixture::draw),
    ("choosing-a-representation.svg", choosing::draw),
    ("two-tower.svg", two_tower::draw),
    ("item-graph.svg", item_graph::draw),
];

/// Writes every diagram.
pub(crate) fn write() -> Result<(), String> {
    for (name, draw) in DIAGRAMS {
        fs::write(path(name), svg::render(&draw())).map_err(|error| format!("images/{name}: {error}"))?;
        println!("images/{name}");
    }
    Ok(())
}

/// Lists the diagrams whose file is not what the code draws.
pub(crate) fn check() -> Result<(), String> {
    let mut stale = Vec::new();
    for (name, draw) in DIAGRAMS {
        match fs::read_to_string(path(name)) {
            Ok(text) if text == svg::render(&draw()) => {}
            Ok(_) => stale.push(format!("images/{name}: out of date, run `cargo xtask diagrams`")),
            Err(error) => stale.push(format!("images/{name}: {error}, run `cargo xtask diagrams`")),
        }
    }
    if stale.is_empty() { Ok(()) } else { Err(stale.join("\n")) }
}

fn path(name: &str) -> PathBuf {
    root().join("images").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tags of a document, in order, without `<` and `>`.
    fn tags(text: &str) -> Vec<&str> {
        text.split('<').skip(1).map(|part| part.split_once('>').expect("a tag ends").0).collect()
    }

    fn assert_well_formed(name: &str, text: &str) {
        assert!(text.starts_with("<svg "), "{name}");
        let mut open = Vec::new();
        for tag in tags(text) {
            assert!(tag.matches('"').count() % 2 == 0, "{name}: quotes of <{tag}>");
            if let Some(closed) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(closed), "{name}: </{closed}>");
            } else if !tag.ends_with('/') {
                assert!(!open.is_empty() || tag.starts_with("svg "), "{name}: <{tag}> outside the root");
                open.push(tag.split(' ').next().unwrap_or_default());
            }
        }
        assert!(open.is_empty(), "{name}: {open:?} stay open");
        for entity in text.split('&').skip(1) {
            assert!(
                ["amp;", "lt;", "gt;"].iter().any(|known| entity.starts_with(known)),
                "{name}: &{entity:.8}"
            );
        }
    }

    #[test]
    fn diagrams_are_well_formed_and_described() {
        for (name, draw) in DIAGRAMS {
            let text = svg::render(&draw());
            assert_well_formed(name, &text);
            for tag in ["title", "desc"] {
                let found = tags(&text).iter().filter(|found| found.split(' ').next() == Some(tag)).count();
                assert_eq!(found, 1, "{name}: <{tag}>");
            }
        }
    }

    #[test]
    fn drawing_twice_gives_the_same_bytes() {
        for (name, draw) in DIAGRAMS {
            assert_eq!(svg::render(&draw()), svg::render(&draw()), "{name}");
        }
    }

    #[test]
    fn committed_diagrams_are_what_the_code_draws() {
        assert_eq!(check(), Ok(()));
    }

    #[test]
    fn layout_has_no_collisions() {
        let collisions: Vec<String> = DIAGRAMS
            .iter()
            .flat_map(|(name, draw)| {
                layout::collisions(&draw()).into_iter().map(move |what| format!("{name}: {what}"))
            })
            .collect();
        assert!(collisions.is_empty(), "{}", collisions.join("\n"));
    }
}
