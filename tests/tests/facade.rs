//! From data to answers through the facade alone.

use burn_recsys::baselines::{ItemScorer, Popular, RecentPopular};
use burn_recsys::data::named::{DataFolders, Fetch, NamedDataset};
use burn_recsys::data::synthetic::SyntheticConfig;
use burn_recsys::metrics::ranking::{JudgedList, Ndcg, RankingMetric};
use burn_recsys::retrieval::ExactIndex;
use burn_recsys::training::{
    Prepared, Recommender, RunConfig, RunFolder, Seen, device_from_name, device_names, evaluate, train,
};

const CONFIG: &str = r#"
data.name = "synthetic"
split.strategy = { kind = "user-time", test_fraction = 0.2 }
model.d_embedding = 8
training = { n_epochs = 6, batch_size = 64, learning_rate = 0.05, n_negatives = 4 }
evaluation.k = [10]
"#;

#[test]
fn data_to_recommendations() {
    let config = SyntheticConfig::default().with_n_users(80).with_n_items(60).with_n_interactions(1_200);
    let dataset = config.with_n_cohorts(3).generate().unwrap().dataset;
    let config = RunConfig::parse(CONFIG).unwrap();
    let prepared = Prepared::new(&dataset, &config).unwrap();
    let device = device_names().into_iter().find_map(|name| device_from_name(name).ok()).unwrap();

    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(&root.path().join("run"), &config, &prepared).unwrap();
    let trained = train(&folder, &prepared, &config, &device, &mut ()).unwrap();
    assert_eq!(trained.fit.len(), 6);

    let recommender = Recommender::load(&folder, &device).unwrap();
    let (train, test) = (&prepared.train, prepared.test_set().unwrap());
    let ndcg = |scorer: &dyn ItemScorer| -> f64 {
        let evaluation = evaluate(scorer, &test, &[10], Seen::Removed).unwrap();
        evaluation.report.summary("NDCG@10").unwrap().value.unwrap()
    };
    let popular = Popular::new(train.n_items(), train.items());
    let recent =
        RecentPopular::new(train.n_items(), train.items(), train.timestamps().unwrap(), i64::MAX, i64::MAX);
    assert_eq!(ndcg(&popular), ndcg(&recent), "a window over everything is no window");
    assert!(ndcg(recommender.scorer()) > 0.1);

    // The same list by hand: an index of item vectors, searched with the user's.
    let index = ExactIndex::new(8, trained.model.item_vectors()).unwrap();
    let seen = train.items_by_user();
    let hits = index.search(&trained.model.user_vectors()[..8], 5, |_| seen.row(0)).unwrap();
    let user = train.user_ids().external(0).unwrap().to_string();
    let by_hand: Vec<String> =
        hits[0].iter().map(|hit| train.item_ids().external(hit.item).unwrap().to_string()).collect();
    let list = recommender.recommend(&user, 5).unwrap();
    assert_eq!(list.iter().map(|item| item.item.clone()).collect::<Vec<_>>(), by_hand);
    assert!(list.iter().all(|item| item.title.is_some()));
}

#[test]
fn every_module_is_there() {
    let folders = DataFolders::of(None, []);
    let dataset = NamedDataset::MlLatestSmall.load(&folders, Fetch::Never, &|_, _| ()).unwrap();
    assert_eq!(dataset.interactions.len(), 100_836);
    let list = JudgedList::new(&[3, 1], &[1]).unwrap();
    assert_eq!(Ndcg::new(2).unwrap().measure(&list), Some(1.0 / 3f64.log2()));
}
