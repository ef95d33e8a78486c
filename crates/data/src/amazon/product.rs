//! Product metadata.

use serde_json::Value;

use super::json::{self, Object, unexpected};

/// What a line of metadata says of a product.
///
/// Text is as the dump writes it, without the spaces around it; the newer dumps leave HTML in some.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Product {
    /// The product's id.
    pub asin: String,
    /// Its name.
    pub title: Option<String>,
    /// In dollars; the lowest of a range. `None` also where the text holds no amount.
    pub price: Option<f32>,
    /// Its maker.
    pub brand: Option<String>,
    /// Paths from general to special. Newer dumps have one at most.
    pub categories: Vec<Vec<String>>,
    /// How well it sells.
    pub sales_ranks: Vec<SalesRank>,
    /// The products beside it.
    pub related: Related,
}

/// The place of a product among the best-selling ones of a category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesRank {
    /// The category; `None` where only the place is known.
    pub category: Option<String>,
    /// From 1, the best.
    pub rank: u32,
}

/// Ids of products beside a product, in the order of the dump. They need not have a line of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Related {
    /// "Customers who bought this item also bought": `also_buy` in newer dumps.
    pub also_bought: Vec<String>,
    /// "Customers who viewed this item also viewed": `also_view` in newer dumps.
    pub also_viewed: Vec<String>,
    /// "Frequently bought together".
    pub bought_together: Vec<String>,
    /// "What other items do customers buy after viewing this item?"
    pub buy_after_viewing: Vec<String>,
}

impl Related {
    /// The names of the relations, ascending.
    pub const NAMES: [&'static str; 4] =
        ["also_bought", "also_viewed", "bought_together", "buy_after_viewing"];

    /// The ids of every relation, in the order of [`NAMES`](Self::NAMES).
    pub fn lists(&self) -> [&[String]; 4] {
        [&self.also_bought, &self.also_viewed, &self.bought_together, &self.buy_after_viewing]
    }
}

impl Product {
    pub(super) fn parse(mut object: Object) -> Result<Self, String> {
        Ok(Product {
            asin: object.required_text("asin")?,
            title: object.text("title")?,
            price: object.take("price").map_or(Ok(None), price)?,
            brand: object.text("brand")?,
            categories: categories(&mut object)?,
            sales_ranks: sales_ranks(&mut object)?,
            related: related(&mut object)?,
        })
    }
}

fn price(value: Value) -> Result<Option<f32>, String> {
    let price = match &value {
        Value::Number(number) => number.as_f64().map(|price| price as f32),
        Value::String(text) => match amount(text) {
            Some(price) => Some(price),
            // The newer dumps hold style sheets here.
            None => return Ok(None),
        },
        other => return Err(unexpected("price", other, "a number or text")),
    };
    match price {
        Some(price) if price.is_finite() && price >= 0.0 => Ok(Some(price)),
        _ => Err(unexpected("price", &value, "dollars from 0")),
    }
}

/// The amount after the first dollar sign, or that the whole text spells.
fn amount(text: &str) -> Option<f32> {
    let finite = |text: String| text.parse().ok().filter(|price: &f32| price.is_finite());
    let Some((_, after)) = text.split_once('$') else { return finite(text.trim().replace(',', "")) };
    let after = after.trim_start();
    let end = after.find(|c: char| !c.is_ascii_digit() && c != ',' && c != '.').unwrap_or(after.len());
    finite(after[..end].trim_end_matches(['.', ',']).replace(',', ""))
}

fn categories(object: &mut Object) -> Result<Vec<Vec<String>>, String> {
    let (key, value) = match (object.take("categories"), object.take("category")) {
        (Some(value), _) => ("categories", value),
        (None, Some(value)) => ("category", value),
        (None, None) => return Ok(Vec::new()),
    };
    let mut paths = match value {
        Value::Array(paths) if paths.iter().all(Value::is_array) => {
            paths.into_iter().map(|path| json::texts(key, path)).collect::<Result<Vec<_>, _>>()?
        }
        flat => vec![json::texts(key, flat)?],
    };
    paths.retain(|path| !path.is_empty());
    Ok(paths)
}

fn sales_ranks(object: &mut Object) -> Result<Vec<SalesRank>, String> {
    let mut ranks = Vec::new();
    for (category, value) in object.object("salesRank")?.into_entries() {
        let rank = value.as_u64().and_then(|rank| u32::try_from(rank).ok());
        let rank = rank.ok_or_else(|| unexpected("salesRank", &value, "a whole number from 0"))?;
        ranks.push(SalesRank { category: Some(category), rank });
    }
    let spelled = match object.take("rank") {
        None => Vec::new(),
        Some(Value::String(text)) => vec![text],
        Some(value) => json::texts("rank", value)?,
    };
    ranks.extend(spelled.iter().filter_map(|text| spelled_rank(text)));
    Ok(ranks)
}

/// The rank in a text such as `>#1,234 in Books > Art (See Top 100 in Books)`.
fn spelled_rank(text: &str) -> Option<SalesRank> {
    let text = &text[text.find(|c: char| c.is_ascii_digit())?..];
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(text.len());
    let rank = text[..end].replace(',', "").parse().ok()?;
    let category = text[end..].trim_start().strip_prefix("in ").map(|category| {
        let category = category.split_once(" (").map_or(category, |(category, _)| category);
        category.trim_end_matches([' ', '(']).trim().to_owned()
    });
    Some(SalesRank { category: category.filter(|category| !category.is_empty()), rank })
}

fn related(object: &mut Object) -> Result<Related, String> {
    let mut older = object.object("related")?;
    let mut list = |key: &str, newer_key: &str| {
        let mut ids = older.texts(key)?;
        ids.extend(object.texts(key)?);
        if newer_key != key {
            ids.extend(object.texts(newer_key)?);
        }
        Ok::<_, String>(ids)
    };
    Ok(Related {
        also_bought: list("also_bought", "also_buy")?,
        also_viewed: list("also_viewed", "also_view")?,
        bought_together: list("bought_together", "bought_together")?,
        buy_after_viewing: list("buy_after_viewing", "buy_after_viewing")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Product, String> {
        Object::parse(line).and_then(Product::parse)
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn older_lines_are_read() {
        let line = "{'asin': '0000031852', 'title': \"Girls Ballet 'Tutu'\", 'price': 3.17, 'imUrl': 'http://x', \
                    'related': {'also_bought': ['B00JHONN1S', 'B002BZX8Z6'], 'also_viewed': ['B002BZX8Z6'], \
                    'bought_together': ['B002BZX8Z6'], 'buy_after_viewing': []}, \
                    'salesRank': {'Toys & Games': 211836}, 'brand': 'Coxlures', \
                    'categories': [['Sports & Outdoors', 'Other Sports', 'Dance'], []]}";
        let expected = Product {
            asin: "0000031852".into(),
            title: Some("Girls Ballet 'Tutu'".into()),
            price: Some(3.17),
            brand: Some("Coxlures".into()),
            categories: vec![texts(&["Sports & Outdoors", "Other Sports", "Dance"])],
            sales_ranks: vec![SalesRank { category: Some("Toys & Games".into()), rank: 211_836 }],
            related: Related {
                also_bought: texts(&["B00JHONN1S", "B002BZX8Z6"]),
                also_viewed: texts(&["B002BZX8Z6"]),
                bought_together: texts(&["B002BZX8Z6"]),
                buy_after_viewing: vec![],
            },
        };
        assert_eq!(parse(line), Ok(expected));
    }

    #[test]
    fn newer_lines_are_read() {
        let line = r#"{"category": ["Clothing", "Dance", ""], "title": " Tutu ", "also_buy": ["B1", "B2"],
            "brand": "", "rank": "965,628 in Clothing &amp; Shoes (See Top 100 in Clothing)", "also_view": ["B3"],
            "price": "$1,012.99 - $2,024.50", "asin": "0000031852", "details": {"x": [1, {"y": null}]}}"#;
        let expected = Product {
            asin: "0000031852".into(),
            title: Some("Tutu".into()),
            price: Some(1012.99),
            brand: None,
            categories: vec![texts(&["Clothing", "Dance"])],
            sales_ranks: vec![SalesRank { category: Some("Clothing &amp; Shoes".into()), rank: 965_628 }],
            related: Related {
                also_bought: texts(&["B1", "B2"]),
                also_viewed: texts(&["B3"]),
                ..Related::default()
            },
        };
        assert_eq!(parse(&line.replace('\n', " ")), Ok(expected));
    }

    #[test]
    fn only_the_id_is_needed() {
        let bare = Product { asin: "B".into(), ..Product::default() };
        for line in [
            "{'asin': 'B'}",
            r#"{"asin": "B", "title": null, "price": null, "categories": [], "salesRank": {}, "related": null}"#,
            r#"{"asin": "B", "price": "", "category": [], "rank": [], "also_buy": [], "title": "  "}"#,
            r#"{"asin": "B", "price": ".a-box-inner{background-color:#fff}", "rank": "unranked"}"#,
        ] {
            assert_eq!(parse(line).as_ref(), Ok(&bare), "{line}");
        }
    }

    #[test]
    fn prices_and_ranks_are_found_in_text() {
        for (text, expected) in [
            ("$12.99", Some(12.99)),
            ("12.5", Some(12.5)),
            ("from $ 5.", Some(5.0)),
            ("$1,234,567", Some(1_234_567.0)),
            ("$", None),
            ("$1.2.3", None),
            ("free", None),
        ] {
            assert_eq!(amount(text), expected, "{text}");
        }
        for (text, category, rank) in [
            (">#1,234 in Home & Kitchen (See Top 100 in Home & Kitchen)", Some("Home & Kitchen"), 1_234),
            ("2,937,698 in Books (", Some("Books"), 2_937_698),
            ("#7", None, 7),
        ] {
            let expected = SalesRank { category: category.map(String::from), rank };
            assert_eq!(spelled_rank(text), Some(expected), "{text}");
        }
        assert_eq!(spelled_rank("99,999,999,999 in Books"), None);
    }

    #[test]
    fn values_of_other_kinds_are_refused_with_their_key() {
        for (entry, reason) in [
            ("'title': 5", "title is the number 5, expected text"),
            ("'price': -1.0", "price is the number -1.0, expected dollars from 0"),
            ("'price': True", "price is true, expected a number or text"),
            ("'categories': 'x'", "categories is the text \"x\", expected a list of text"),
            ("'categories': [['x', 1]]", "categories holds the number 1, expected text"),
            ("'salesRank': {'x': -1}", "salesRank is the number -1, expected a whole number from 0"),
            ("'salesRank': 7", "salesRank is the number 7, expected an object"),
            ("'related': {'also_bought': 'B'}", "also_bought is the text \"B\", expected a list of text"),
            ("'also_buy': [None]", "also_buy holds null, expected text"),
        ] {
            assert_eq!(parse(&format!("{{'asin': 'B', {entry}}}")), Err(reason.into()), "{entry}");
        }
        for line in ["{'title': 'x'}", "{'asin': ''}", "{'asin': None}", "{}"] {
            assert_eq!(parse(line), Err("asin is absent or empty".into()), "{line}");
        }
        assert_eq!(parse("[1]"), Err("the line is a list, not an object".into()));
        assert_eq!(
            parse(r#"{"asin": "B", "#),
            Err("this is not whole JSON: EOF while parsing a value at column 14".into())
        );
        let cut = parse("{'asin': 'B', ").unwrap_err();
        assert!(cut.starts_with("this is not a literal of Python: the line ends"), "{cut}");
    }
}
