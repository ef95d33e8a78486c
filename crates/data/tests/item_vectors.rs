//! Vectors that gensim and safetensors wrote; `reference/word2vec/generate.py` made them.

use std::path::{Path, PathBuf};

use burn_recsys_data::{Error, ItemVectors};

fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/word2vec").join(name)
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// As the script says them.
const IDS: [&str; 8] = ["B07", "10", "9", "Pok\u{e9}mon", "\u{65e5}\u{672c}", "007", "it's", "a"];
const FIRST: [f32; 5] = [0.1, -0.0, 1.0 / 3.0, f32::MAX, f32::MIN_POSITIVE];

#[test]
fn vectors_of_other_programs_are_read() -> Result<(), Error> {
    let text = ItemVectors::read_word2vec_text(reference("gensim.txt"))?;
    let binary = ItemVectors::read_word2vec_binary(reference("gensim.bin"))?;
    let tensors = ItemVectors::read_safetensors(reference("text_ids.safetensors"))?;
    for vectors in [&text, &binary, &tensors] {
        assert_eq!((vectors.len(), vectors.dimension()), (IDS.len(), 5));
        assert_eq!(vectors.vector("B07").map(bits), Some(bits(&FIRST)));
        assert_eq!(vectors.vector("10").map(|vector| vector[0]), Some(1e-40));
        assert!(IDS.iter().all(|id| vectors.index_of(id).is_some()));
        assert_eq!(bits(vectors.values()), bits(binary.values()));
        assert_eq!(vectors.ids(), binary.ids());
    }
    Ok(())
}

#[test]
fn integers_of_other_programs_are_read() -> Result<(), Error> {
    let text = ItemVectors::read_safetensors(reference("text_ids.safetensors"))?;
    let integers = ItemVectors::read_safetensors(reference("integer_ids.safetensors"))?;
    // The first row of the file is of id 7.
    for (row, id) in IDS.iter().enumerate() {
        let vector = integers.vector(&(7 - row).to_string());
        assert_eq!(vector.map(bits), text.vector(id).map(bits));
    }
    Ok(())
}
