//! The data set that is part of the program.

use crate::source::Archive;

/// MovieLens latest-small of September 2018, under the terms in
/// `assets/ml-latest-small-README.txt`; packed by `assets/pack_ml_latest_small.py`.
pub(super) fn ml_latest_small() -> Archive {
    Archive::Embedded {
        name: "ml-latest-small.zip",
        bytes: include_bytes!("../../assets/ml-latest-small.zip"),
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::source::Files;

    #[test]
    fn the_files_are_the_published_ones() {
        let files = Files::Archive(ml_latest_small());
        let read = |name| {
            let mut bytes = Vec::new();
            let source = files.get(name).unwrap().unwrap();
            source.read(|reader| reader.read_to_end(&mut bytes).map_err(|e| source.failed(e))).unwrap();
            bytes
        };
        for (name, expected) in [
            ("README.txt", "63d22ac138e80fae37021797ed8e1b9424b5239dc576a137422adf783ae3f404"),
            ("ratings.csv", "aa289ca83157595d0df6aea1be6a4ded676ddc4385472e8313a8ed9805352646"),
            ("movies.csv", "5a5f32dd9bb3797b8e728a1b98958789d2b13f294a69fdfbc5727f8a9611aa07"),
            ("tags.csv", "92a9f8bb7916dceef6151209845788c3643f794dfa79d1feaec7121b5960399d"),
            ("links.csv", "97ad18e4e56a09363c65676b6cb3482ce3e2cea2372a24620c1599c843325f31"),
        ] {
            let hash = Sha256::digest(read(name));
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hash, expected, "{name}");
        }
        assert_eq!(read("README.txt"), include_bytes!("../../assets/ml-latest-small-README.txt"));
    }
}
