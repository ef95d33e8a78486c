//! A table that is read by bags of ids.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::{EmbeddingTable, EmbeddingTableConfig, JaggedIds, Pooling, Tape};

/// Configuration of an [`EmbeddingBag`].
#[derive(Config, Debug)]
pub struct EmbeddingBagConfig {
    /// The table.
    pub table: EmbeddingTableConfig,
    /// How the vectors of a bag become one.
    #[config(default = "Pooling::Mean")]
    pub pooling: Pooling,
}

/// Turns bags of ids, such as the items a user has liked, into one vector each.
///
/// No tensor of the size of all ids is made where the table lies in host memory: the bag is summed as
/// its rows are read, and the gradient goes from the bag to the rows directly.
///
/// ```
/// use burn::tensor::Device;
/// use burn_recsys_embeddings::{EmbeddingBagConfig, EmbeddingTableConfig, JaggedIds, Tape};
///
/// let bag = EmbeddingBagConfig::new(EmbeddingTableConfig::new(1000, 8)).init(&Device::default());
/// let histories = JaggedIds::from_bags(&[vec![17, 4, 250], vec![], vec![4]])?;
/// assert_eq!(bag.forward(&histories, &mut Tape::off()).dims(), [3, 8]);
/// # Ok::<(), burn_recsys_embeddings::JaggedError>(())
/// ```
#[derive(Module, Debug)]
pub struct EmbeddingBag {
    /// The vectors.
    pub table: EmbeddingTable,
    #[module(skip)]
    pooling: Pooling,
}

impl EmbeddingBagConfig {
    /// A fresh bag on `device`.
    ///
    /// # Panics
    /// As [`EmbeddingTableConfig::init`].
    pub fn init(&self, device: &Device) -> EmbeddingBag {
        EmbeddingBag::new(self.table.init(device), self.pooling)
    }
}

impl EmbeddingBag {
    /// A bag over a table that exists: such as one in host memory or one from given values.
    pub fn new(table: EmbeddingTable, pooling: Pooling) -> Self {
        EmbeddingBag { table, pooling }
    }

    /// One vector for each bag.
    ///
    /// # Shapes
    /// - output: `[ids.n_bags(), d_embedding]`; zeros for an empty bag
    ///
    /// # Panics
    /// If an id is not below the number of rows (the message has both), or weights come with
    /// [`Pooling::Max`].
    pub fn forward(&self, ids: &JaggedIds, tape: &mut Tape) -> Tensor<2> {
        self.table.forward_bags(ids, self.pooling, tape)
    }

    /// How the vectors of a bag become one.
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }
}
