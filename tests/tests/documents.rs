//! What the documents show is what the program reads.

use std::path::Path;

use burn_recsys::training::RunConfig;
use burn_recsys::training::study::StudyConfig;

/// The block of `language` in a document of the repository that holds `part`.
fn block(document: &str, language: &str, part: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(document);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut blocks = text.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix(language));
    blocks
        .find(|block| block.contains(part))
        .unwrap_or_else(|| panic!("{document}: no block with {part}"))
        .into()
}

#[test]
fn the_configuration_of_readme_is_one() {
    RunConfig::parse(&block("README.md", "toml", "# run.toml")).unwrap();
}

#[test]
fn the_guide_shows_every_key() {
    let shown = block("docs/guide.md", "toml", "seed = 1");
    let config = RunConfig::parse(&shown).unwrap();
    // Every key of a configuration written out stands in the guide.
    for line in config.to_toml().unwrap().lines() {
        let key = line.split(['=', '[', ']', ' ']).find(|part| !part.is_empty()).unwrap_or_default();
        assert!(shown.contains(key.split('.').next_back().unwrap_or(key)), "{key} is not in the guide");
    }
    assert!(config.validation.is_some() && !config.filters.is_empty());
}

#[test]
fn the_chapter_on_users_shows_every_key_of_a_study() {
    let shown = block("docs/user-representations.md", "toml", "# study.toml");
    let config = StudyConfig::parse(&shown).unwrap();
    for line in config.to_toml().unwrap().lines() {
        let key = line.split(['=', '[', ']', ' ']).find(|part| !part.is_empty()).unwrap_or_default();
        assert!(shown.contains(key.split('.').next_back().unwrap_or(key)), "{key} is not in the chapter");
    }
    assert!(config.cold_start.is_some() && config.representations.len() == 8);
}
