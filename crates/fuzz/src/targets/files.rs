//! Readers of one file.

use std::io::Write;
use std::path::Path;

use burn_recsys_data::columnar::{ColumnFile, Request};
use burn_recsys_data::graph::{EdgeFormat, EdgeList};
use burn_recsys_data::{InteractionFormat, ItemVectors, ReadLimits, amazon, movielens, parse_interactions};
use burn_recsys_embeddings::inference::{InferenceTable, InferenceTableWriter, Precision};
use burn_recsys_models::torch::StateDict;
use burn_recsys_training::study::StudyConfig;
use burn_recsys_training::{RunConfig, TemporalTraining};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::Result;
use crate::targets::Target;

const EDGES: &str = "source,target,relation,weight\na,b,bought,1\na,c,viewed,0.5\n\"b,x\",c,bought,2\n";
const RATINGS: &str = "1::10::5::978300760\n1::20::3::978302109\n2::10::4::978301968\n3::30::1::978300275\n";
const LOG: &str = "who,what,stars,when\nann,tea,5,1\nbob,tea,3,2\n\"ann, b\",coffee,4.5,3\nann,cake,1,4\n";
const PRODUCTS: &str = concat!(
    r#"{'asin': 'B01', 'title': u'Guitar', 'price': 12.5, 'categories': [['A', 'B']], 'related': {'also_bought': ['B02']}}"#,
    "\n",
    r#"{"asin": "B02", "price": "$1,299.99", "brand": "\u00e9", "also_buy": ["B01"], "category": ["A"], "rank": [">#1,234 in Toys"]}"#,
    "\n"
);
const REVIEWS: &str = concat!(
    r#"{"reviewerID": "A1", "asin": "B01", "overall": 5.0, "unixReviewTime": 1400000000}"#,
    "\n",
    r#"{"reviewerID": "A2", "asin": "B02", "overall": 1.0, "unixReviewTime": 1400000001}"#,
    "\n"
);
const RUN: &str = r#"
seed = 7
data = { path = "log.csv", format = { user = "who", item = "what", timestamp = "when" } }
filters = [{ kind = "min-count-by-user", count = 5 }]
split = { strategy = { kind = "global-time", test_fraction = 0.2 } }
validation = { strategy = { kind = "global-time", test_fraction = 0.2 }, metric = "NDCG@5" }
[model]
d_embedding = 16
[training]
n_negatives = 4
optimizer = "adagrad"
[evaluation]
k = [5, 10]
"#;

pub(super) fn all(folder: &Path) -> Result<Vec<Target>> {
    let limits = || ReadLimits::default().with_max_broken_share(0.5);
    let text = |text: &str| vec![text.as_bytes().to_vec()];
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(PRODUCTS.as_bytes())?;
    let gzip = gzip.finish()?;
    let vectors = |path: &Path| path.to_path_buf();
    let log = Box::new(|bytes: &[u8]| {
        let format = InteractionFormat::csv("who", "what").with_rating("stars").with_timestamp("when");
        parse_interactions("log.csv", bytes, &format).map(drop).map_err(|error| error.to_string())
    });
    Ok(vec![
        Target { name: "log-csv", seeds: text(LOG), read: log, per_byte: 64 },
        Target::file("ratings", folder, text(RATINGS), |path| movielens::read_ratings("x", path).map(drop)),
        Target::file("movielens-zip", folder, vec![archive()?], |path| {
            movielens::read_archive("x", path).map(drop)
        })
        .compressed(),
        Target::file("edges-csv", folder, text(EDGES), move |path| {
            EdgeList::read(path, &EdgeFormat::default(), &limits()).map(drop)
        }),
        Target::file("products", folder, [text(PRODUCTS), vec![gzip]].concat(), move |path| {
            amazon::read_products(path, &limits()).map(drop)
        })
        .compressed(),
        Target::file("reviews", folder, text(REVIEWS), move |path| {
            amazon::read_reviews(path, &limits()).map(drop)
        }),
        Target::file(
            "word2vec-text",
            folder,
            vec![include_bytes!("../../../data/tests/reference/word2vec/gensim.txt").to_vec()],
            move |path| ItemVectors::read_word2vec_text(vectors(path)).map(drop),
        ),
        Target::file(
            "word2vec-binary",
            folder,
            vec![include_bytes!("../../../data/tests/reference/word2vec/gensim.bin").to_vec()],
            |path| ItemVectors::read_word2vec_binary(path).map(drop),
        ),
        Target::file(
            "vectors-safetensors",
            folder,
            vec![
                include_bytes!("../../../data/tests/reference/word2vec/text_ids.safetensors").to_vec(),
                include_bytes!("../../../data/tests/reference/word2vec/integer_ids.safetensors").to_vec(),
            ],
            |path| ItemVectors::read_safetensors(path).map(drop),
        ),
        Target::file("lists-csv", folder, text("user,item,score\n1,2,0.5\nx,3,-1\n1,4,1e3\n"), columns),
        Target::file(
            "lists-parquet",
            folder,
            vec![include_bytes!("../../../evaluation/tests/reference/lists.parquet").to_vec()],
            columns,
        )
        .compressed(),
        Target::file("quantized-table", folder, tables(folder)?, |path| {
            let table = InferenceTable::open(path)?;
            table.verify()?;
            table.lookup_into(&[0, table.n_rows() as u32 - 1], &mut vec![0.0; 2 * table.d_embedding()]);
            Ok::<(), burn_recsys_embeddings::inference::TableError>(())
        }),
        Target::file(
            "torch-state-dict",
            folder,
            vec![include_bytes!("../../../data/tests/reference/word2vec/integer_ids.safetensors").to_vec()],
            |path| StateDict::read(path).map(drop),
        ),
        Target::file("run-toml", folder, text(RUN), |path| RunConfig::read(path).map(drop)),
        Target::file(
            "study-toml",
            folder,
            vec![include_bytes!("../../../../examples/studies/ml-latest-small.toml").to_vec()],
            |path| StudyConfig::read(path).map(drop),
        ),
        Target::file("temporal-toml", folder, text("learning_rate = 0.01\n"), |path| {
            TemporalTraining::read(path).map(drop)
        }),
    ])
}

fn columns(path: &Path) -> burn_recsys_data::Result<()> {
    let file = ColumnFile::open(path)?;
    let (ids, numbers): (Vec<_>, Vec<_>) =
        file.names().iter().cloned().partition(|name| !name.contains("score"));
    let requests = ids.into_iter().map(Request::ids).chain(numbers.into_iter().map(Request::numbers));
    file.read(&requests.collect::<Vec<_>>()).map(drop)
}

/// One table of every precision.
fn tables(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let path = folder.join("table");
    let rows: Vec<f32> = (0..96).map(|at| (at as f32 * 0.7).sin()).collect();
    let mut tables = Vec::new();
    for precision in [Precision::F32, Precision::F16, Precision::Int8, Precision::Int4] {
        InferenceTableWriter::create(&path, precision, 8)?.write_rows(&rows)?.finish()?;
        tables.push(std::fs::read(&path)?);
    }
    Ok(tables)
}

fn archive() -> Result<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let files = [
        (
            "ml-latest-small/ratings.csv",
            "userId,movieId,rating,timestamp\n1,1,4.0,964982703\n1,3,4.0,964981247\n2,1,3.5,1\n",
        ),
        (
            "ml-latest-small/movies.csv",
            "movieId,title,genres\n1,\"Toy Story (1995)\",Adventure|Comedy\n3,Heat (1995),Action\n",
        ),
        ("ml-latest-small/links.csv", "movieId,imdbId,tmdbId\n1,0114709,862\n3,0113228,15602\n"),
        ("ml-latest-small/tags.csv", "userId,movieId,tag,timestamp\n1,1,fun,1\n"),
    ];
    for (name, text) in files {
        zip.start_file(name, zip::write::SimpleFileOptions::default())?;
        zip.write_all(text.as_bytes())?;
    }
    Ok(zip.finish()?.into_inner())
}
