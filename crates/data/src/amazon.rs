//! Amazon product metadata and reviews in the form of McAuley's dumps: one object a line.
//!
//! Both generations of the dumps are understood, line by line: JSON, and the literals of Python (single
//! quotes, `u'...'`, `True`, `None`) of the older ones. Files are plain or gzip-compressed, which their first
//! bytes tell. They are read line by line and never held whole.
//!
//! Lines that are not whole objects of the expected keys are passed over, counted and reported with their
//! numbers; past the share of [`ReadLimits::max_broken_share`] they stop the reading.
//!
//! Source: He and McAuley 2016, "Ups and Downs: Modeling the Visual Evolution of Fashion Trends with One-Class
//! Collaborative Filtering"; Ni, Li and McAuley 2019, "Justifying Recommendations using Distantly-Labeled
//! Reviews and Fine-Grained Aspects".
//!
//! ```
//! use burn_recsys_data::ReadLimits;
//! use burn_recsys_data::amazon::ProductReader;
//!
//! let text = "{'asin': 'B01', 'title': u'Guitar', 'related': {'also_bought': ['B02']}}\n\
//!             {\"asin\": \"B02\", \"price\": \"$12.99\", \"also_buy\": [\"B01\"]}\n\
//!             {'asin': ";
//! let limits = ReadLimits::default().with_max_broken_share(0.5);
//! let mut reader = ProductReader::from_reader("meta.json", text.as_bytes(), &limits)?;
//! let products = reader.by_ref().collect::<Result<Vec<_>, _>>()?;
//! assert_eq!(products[0].related.also_bought, ["B02"]);
//! assert_eq!(products[1].price, Some(12.99));
//! assert_eq!(reader.report().first_broken[0].line, 3);
//! # Ok::<(), burn_recsys_data::Error>(())
//! ```

mod json;
mod product;
mod python;
mod reader;
mod review;

use std::path::Path;
use std::sync::Arc;

pub use product::{Product, Related, SalesRank};
pub use reader::{ObjectReader, ProductReader, ReviewReader};
pub use review::Review;

use crate::table::{Codes, Merged};
use crate::{Error, Interactions, ReadLimits, ReadReport, Result};

/// Reads a whole file of product metadata into memory.
///
/// # Errors
/// If the file cannot be read, a gzip file is cut or damaged, too many lines are broken, or there is no
/// product.
pub fn read_products(path: impl AsRef<Path>, limits: &ReadLimits) -> Result<(Vec<Product>, ReadReport)> {
    let path = path.as_ref();
    let mut reader = ProductReader::open(path, limits)?;
    let products = reader.by_ref().collect::<Result<Vec<_>>>()?;
    if products.is_empty() {
        return Err(Error::File { path: path.to_path_buf(), message: "the file holds no products".into() });
    }
    Ok((products, reader.into_report()))
}

/// Reads a whole file of reviews: users are reviewers, items are products, with ratings and timestamps.
///
/// Rows keep the order of the file. Who reviewed a product twice has two rows; see
/// [`Filter`](crate::Filter).
///
/// # Errors
/// If the file cannot be read, a gzip file is cut or damaged, too many lines are broken, or there is no
/// review.
pub fn read_reviews(path: impl AsRef<Path>, limits: &ReadLimits) -> Result<(Interactions, ReadReport)> {
    let path = path.as_ref();
    let mut reader = ReviewReader::open(path, limits)?;
    let (mut user_codes, mut item_codes) = (Codes::default(), Codes::default());
    let (mut users, mut items, mut ratings, mut timestamps) = (vec![], vec![], vec![], vec![]);
    for review in reader.by_ref() {
        let review = review?;
        if users.len() == u32::MAX as usize {
            let message = format!("the file holds more than {} reviews; split it", u32::MAX);
            return Err(Error::File { path: path.to_path_buf(), message });
        }
        users.push(user_codes.code(review.reviewer.as_bytes()));
        items.push(item_codes.code(review.asin.as_bytes()));
        ratings.push(review.rating);
        timestamps.push(review.timestamp);
    }
    if users.is_empty() {
        return Err(Error::File { path: path.to_path_buf(), message: "the file holds no reviews".into() });
    }
    let (user_ids, item_ids) = (Merged::new(vec![user_codes]), Merged::new(vec![item_codes]));
    users.iter_mut().for_each(|code| *code = user_ids.index(0, *code));
    items.iter_mut().for_each(|code| *code = item_ids.index(0, *code));
    let (user_ids, item_ids) = (Arc::new(user_ids.ids), Arc::new(item_ids.ids));
    let table = Interactions::new(user_ids, item_ids, users, items, Some(ratings), Some(timestamps))?;
    Ok((table, reader.into_report()))
}
