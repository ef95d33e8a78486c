//! Who gets what.

use burn_recsys_serve::{
    Basis, Filters, RecommendRequest, RecommendResponse, RequestError, ServingModel, UserTables,
};

use crate::world::world;

fn model() -> ServingModel {
    let folder = tempfile::tempdir().unwrap();
    world().write(folder.path()).unwrap();
    // What is mapped stays after its folder is gone.
    ServingModel::open(folder.path()).unwrap()
}

fn ask(request: RecommendRequest) -> RecommendResponse {
    model().recommend(&request).unwrap()
}

fn ids(response: &RecommendResponse) -> Vec<&str> {
    response.items.iter().map(|place| place.item.id.as_str()).collect()
}

fn request() -> RecommendRequest {
    RecommendRequest { k: 8, ..RecommendRequest::default() }
}

#[test]
fn a_known_user_gets_what_was_not_seen_with_where_it_came_from() {
    let response = ask(RecommendRequest { user: Some("u0".into()), ..request() });
    assert!(response.user_known && response.basis == Basis::User && response.gate_weight == Some(0.25));
    let mut found = ids(&response);
    found.sort_unstable();
    assert_eq!(found, ["i2", "i3", "i4", "i5", "i6"], "neither seen nor unavailable");
    // i2 is nearest to the user, the neighbour of both items of the history, and fourth of the popular ones.
    let first = &response.items[0];
    assert_eq!((first.item.id.as_str(), first.item.title.as_str()), ("i2", "The <b>2</b>th"));
    assert_eq!(first.item.categories, ["even"]);
    let sources: Vec<(&str, u32)> =
        first.sources.iter().map(|found| (found.source.as_str(), found.rank)).collect();
    assert_eq!(sources[..3], [("vectors", 1), ("popular", 4), ("neighbours", 1)]);
    let expected: f32 = first.sources.iter().map(|found| 1.0 / (60.0 + found.rank as f32)).sum();
    assert_eq!(first.score, expected);
    assert!(response.items.is_sorted_by(|a, b| a.score >= b.score));
}

#[test]
fn users_without_a_name_are_answered_from_what_they_bring() {
    let history = ask(RecommendRequest {
        user: Some("nobody".into()),
        history: Some(vec!["i0".into(), "x9".into()]),
        features: [("gender".to_string(), "F".into())].into(),
        ..request()
    });
    assert!(!history.user_known && history.basis == Basis::History);
    assert_eq!(history.ignored, ["item x9", "features gender=F"]);
    assert!(!ids(&history).contains(&"i0"), "what stands in the history was seen");
    assert_eq!(history.items.iter().find(|place| place.item.id == "i1").unwrap().sources[0].rank, 1);

    let features = [("gender".to_string(), "F".into()), ("age".to_string(), "25".into())].into();
    let cohort = ask(RecommendRequest { features, ..request() });
    assert!(!cohort.user_known && cohort.basis == Basis::Cohort && cohort.ignored.is_empty());
    let of_i6 = cohort.items.iter().find(|place| place.item.id == "i6").unwrap();
    assert_eq!((of_i6.sources[0].source.as_str(), of_i6.sources[0].rank), ("vectors", 1));

    let nothing = ask(RecommendRequest { user: Some("nobody".into()), ..request() });
    assert!(!nothing.user_known && nothing.basis == Basis::Popular && nothing.gate_weight.is_none());
    assert_eq!(ids(&nothing), ["i5", "i4", "i3", "i2", "i1", "i0", "i6"]);
}

#[test]
fn filters_hold_within_every_source() {
    let with = |filters: Filters| ask(RecommendRequest { user: Some("u0".into()), filters, ..request() });
    let mut all = with(Filters { seen: true, ..Filters::default() });
    assert_eq!(all.items.len(), 7);
    all.items.retain(|place| ["i0", "i1"].contains(&place.item.id.as_str()));
    assert_eq!(all.items.len(), 2);
    let odd = with(Filters { categories: vec!["odd".into()], ..Filters::default() });
    let mut found = ids(&odd);
    found.sort_unstable();
    assert_eq!(found, ["i3", "i4", "i5", "i6"]);
    let both = with(Filters { categories: vec!["odd".into(), "even".into()], ..Filters::default() });
    assert_eq!(both.items.len(), 5);
    let only = with(Filters {
        only: Some(vec!["i6".into(), "i7".into(), "i0".into(), "i2".into(), "i9".into()]),
        blocked: vec!["i2".into(), "b".into()],
        ..Filters::default()
    });
    assert_eq!((ids(&only), &only.ignored[..]), (vec!["i6"], &["item b".to_string(), "item i9".into()][..]));
    assert!(with(Filters { only: Some(vec![]), ..Filters::default() }).items.is_empty());
}

#[test]
fn fields_out_of_range_are_named() {
    let model = model();
    let refused = |request: RecommendRequest| match model.recommend(&request) {
        Err(RequestError::Invalid { field, message }) => (field, message),
        other => panic!("{other:?}"),
    };
    let base = RecommendRequest::default;
    let many = vec!["i1".into(); 501];
    let long = "x".repeat(257);
    let cases = [
        (RecommendRequest { k: 0, ..base() }, "k", "1 to 100"),
        (RecommendRequest { k: 101, ..base() }, "k", "1 to 100"),
        (RecommendRequest { diversity: 1.5, ..base() }, "diversity", "0 to 1"),
        (RecommendRequest { exploration: f32::NAN, ..base() }, "exploration", "0 to 1"),
        (RecommendRequest { history: Some(many), ..base() }, "history", "at most 500"),
        (RecommendRequest { user: Some(long.as_str().into()), ..base() }, "user", "at most 256"),
        (
            RecommendRequest { history: Some(vec!["i1".into(), long.as_str().into()]), ..base() },
            "history[1]",
            "at most 256",
        ),
        (
            RecommendRequest {
                filters: Filters { categories: vec!["odd".into(), "x".into()], ..Filters::default() },
                ..base()
            },
            "filters.categories[1]",
            "GET /v1/model",
        ),
    ];
    for (request, field, part) in cases {
        let (found, message) = refused(request);
        assert!(found == field && message.contains(part), "{field}: {found}: {message}");
    }
}

#[test]
fn similar_items_are_the_nearest_directions() {
    let model = model();
    let similar = model.similar("i2", 3).unwrap();
    let found: Vec<&str> = similar.items.iter().map(|place| place.item.id.as_str()).collect();
    assert_eq!(found[2], "i0");
    assert!(found.contains(&"i1") && found.contains(&"i3"));
    let step = (std::f32::consts::FRAC_PI_2 / 7.0).cos();
    assert!((similar.items[0].cosine - step).abs() < 1e-6);
    assert!(model.similar("i6", 8).unwrap().items.iter().all(|place| place.item.id != "i7"));
    let unknown = model.similar("i99", 3).unwrap_err();
    assert!(matches!(&unknown, RequestError::NotFound { message } if message.contains("next training")));
    assert!(model.similar("i2", 0).is_err());
}

#[test]
fn users_are_found_by_the_start_of_their_id() {
    let model = model();
    let users = model.users("u", 5).unwrap().users;
    assert_eq!((users.len(), users[0].id.as_str(), users[0].history_length), (2, "u0", 3));
    assert!(model.users("v", 5).unwrap().users.is_empty());
    assert!(model.users("", 0).is_err() && model.users("", 101).is_err());
    let user = model.user("u0").unwrap();
    let history: Vec<&str> = user.history.iter().map(|item| item.id.as_str()).collect();
    assert_eq!((history, user.gate_weight), (vec!["i1", "i0", "i1"], Some(0.25)));
    assert!(matches!(model.user("nobody"), Err(RequestError::NotFound { .. })));
    let described = model.describe();
    assert_eq!((described.users, described.items, described.dimension), (2, 8, 2));
    assert_eq!(described.sources, ["vectors", "popular", "neighbours", "walks"]);
    assert_eq!(described.cohorts, ["age=25,gender=F"]);
}

#[test]
fn the_smallest_folders_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mut tables = world();
    tables.users = UserTables::none();
    tables.neighbours = None;
    tables.write(folder.path()).unwrap();
    let model = ServingModel::open(folder.path()).unwrap();
    let response = model
        .recommend(&RecommendRequest {
            history: Some(vec!["i0".into()]),
            k: 1,
            ..RecommendRequest::default()
        })
        .unwrap();
    assert_eq!((response.basis, response.items.len()), (Basis::History, 1));
}

#[test]
fn diversity_spreads_and_the_same_visit_is_the_same_answer() {
    let model = model();
    let ask = |diversity: f32, visit: u64| {
        let request = RecommendRequest {
            user: Some("u0".into()),
            k: 3,
            diversity,
            visit,
            ..RecommendRequest::default()
        };
        model.recommend(&request).unwrap()
    };
    assert_eq!(ask(0.5, 3), ask(0.5, 3));
    let items = |response: RecommendResponse| {
        let mut items: Vec<String> = response.items.into_iter().map(|place| place.item.id).collect();
        items.sort_unstable();
        items
    };
    // With nothing but being unlike: the best comes first, then the one that is furthest from it.
    let spread = items(ask(1.0, 0));
    assert!(spread.contains(&"i2".into()) && spread.contains(&"i6".into()), "{spread:?}");
}

#[test]
fn exploration_gives_places_to_categories_that_were_not_seen() {
    let model = model();
    // All of the history is even; only i1 and i3 are odd and nothing else.
    let ask = |exploration: f32, visit: u64| {
        let history = Some(vec!["i0".into(), "i2".into(), "i0".into(), "i2".into()]);
        let request = RecommendRequest { history, k: 5, exploration, visit, ..RecommendRequest::default() };
        model.recommend(&request).unwrap()
    };
    assert!(ask(0.0, 1).items.iter().all(|place| !place.explored));
    assert!(ask(1.0, 1).items.iter().all(|place| place.explored));
    assert_eq!(ask(0.5, 9), ask(0.5, 9), "a visit can be replayed");
    let pages: Vec<Vec<bool>> =
        (0..20).map(|visit| ask(0.5, visit).items.iter().map(|place| place.explored).collect()).collect();
    assert!(pages.iter().any(|page| page != &pages[0]), "another visit is another page");
    let explored = pages.iter().flatten().filter(|&&explored| explored).count();
    assert!((30..70).contains(&explored), "about half of 100 places: {explored}");
}

#[test]
fn what_was_shown_sinks_and_caps_hold() {
    let model = model();
    let with = |shown: Vec<&str>, max_per_category: Option<usize>| {
        let shown = shown.into_iter().map(Into::into).collect();
        let request = RecommendRequest { k: 7, shown, max_per_category, ..RecommendRequest::default() };
        ids(&model.recommend(&request).unwrap()).into_iter().map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(with(vec![], None), ["i5", "i4", "i3", "i2", "i1", "i0", "i6"]);
    // Scores of 1 / (60 + rank), brought to 0 to 1: shown twice, the first falls to a quarter.
    assert_eq!(with(vec!["i5", "i5"], None), ["i4", "i3", "i2", "i1", "i5", "i0", "i6"]);
    // i5 is of both categories, so each has one place left after it.
    assert_eq!(with(vec![], Some(2)), ["i5", "i4"]);
    assert_eq!(with(vec!["i4", "i4", "i4", "i4", "i4"], Some(2)), ["i5", "i3", "i2"]);
    let none = RecommendRequest { max_per_category: Some(0), ..RecommendRequest::default() };
    assert!(model.recommend(&none).is_err());
}
