//! Answers from a finished run.

use burn::tensor::Device;
use burn_recsys_data::{Csr, IdMap};
use burn_recsys_models::ItemScorer;
use burn_recsys_retrieval::top_k;

use crate::run::model_of_size;
use burn_recsys_baselines::VectorScorer;

use crate::{Error, Result, RunFolder};

/// A trained model with its ids and titles.
#[derive(Debug)]
pub struct Recommender {
    users: IdMap,
    items: IdMap,
    titles: Vec<String>,
    seen: Csr,
    scorer: VectorScorer,
}

/// One recommended item.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Recommendation {
    /// The item's external id.
    pub item: String,
    /// Its title, if the data has one.
    pub title: Option<String>,
    /// The model's score; comparable within one user's list only.
    pub score: f32,
}

impl Recommender {
    /// Loads a finished run.
    ///
    /// # Errors
    /// If training is not finished or a file is missing or corrupt.
    pub fn load(folder: &RunFolder, device: &Device) -> Result<Self> {
        let config = folder.config()?;
        let ((users, items), titles, seen) = (folder.ids()?, folder.titles()?, folder.seen()?);
        if titles.len() != items.len() || seen.n_rows() != users.len() {
            return Err(Error::Folder {
                path: folder.path().to_path_buf(),
                message: format!(
                    "does not fit together: {} items but {} titles, {} users but {} histories; train again",
                    items.len(),
                    titles.len(),
                    users.len(),
                    seen.n_rows()
                ),
            });
        }
        let mut model = model_of_size(users.len(), items.len(), &config, device);
        folder.load_model(&mut model)?;
        Ok(Recommender { users, items, titles, seen, scorer: model.scorer()? })
    }

    /// The model's scores, for an evaluation.
    pub fn scorer(&self) -> &VectorScorer {
        &self.scorer
    }

    /// External ids of the users that can be asked for.
    pub fn users(&self) -> &IdMap {
        &self.users
    }

    /// The `k` best items for a user that they have not met in training, best first; fewer if there
    /// are not that many.
    ///
    /// # Errors
    /// If the user is not known.
    pub fn recommend(&self, user: &str, k: usize) -> Result<Vec<Recommendation>> {
        let Some(index) = self.users.index(user) else {
            let examples: Vec<String> = self.users.iter().take(3).map(|id| id.to_string()).collect();
            return Err(Error::UnknownUser {
                id: user.to_string(),
                n_users: self.users.len(),
                hint: format!(" (such as {})", examples.join(", ")),
            });
        };
        let mut scores = vec![0.0; self.scorer.n_items()];
        self.scorer.score(&[index], &mut scores);
        let hits = top_k(&scores, k, self.seen.row(index))
            .map_err(|item| burn_recsys_retrieval::Error::NanScore { query: index as usize, item })?;
        Ok(hits.into_iter().map(|hit| self.describe(hit.item, hit.score)).collect())
    }

    fn describe(&self, item: u32, score: f32) -> Recommendation {
        let id = self.items.external(item).map(|id| id.to_string()).unwrap_or_default();
        let title = Some(self.titles[item as usize].clone()).filter(|title| !title.is_empty());
        Recommendation { item: id, title, score }
    }
}
