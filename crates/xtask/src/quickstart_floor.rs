//! The floor under quickstart's quality and speed.

/// NDCG@10 of the trained model on the 589 test users of ml-latest-small.
const NDCG: f64 = 0.080;
/// Training and evaluation together, in seconds.
const SECONDS: f64 = 60.0;

/// Checks the JSON that `quickstart --json` printed, or its `results.json`.
pub(crate) fn check(file: &str) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|error| format!("{file}: {error}"))?;
    let models = json["models"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(model) = models.iter().find(|model| model["name"] == "two-tower") else {
        return Err(format!("{file}: no model is called two-tower"));
    };
    let number = |value: &serde_json::Value| value.as_f64().unwrap_or(f64::NAN);
    let (ndcg, users) = (number(&model["metrics"]["NDCG@10"]), number(&json["split"]["test_users"]));
    let seconds = number(&model["seconds"]["train"]) + number(&model["seconds"]["evaluate"]);
    let line = format!("quickstart: NDCG@10 {ndcg:.4} over {users} users in {seconds:.1} s");
    if ndcg >= NDCG && users == 589.0 && seconds <= SECONDS {
        println!("{line}");
        Ok(())
    } else {
        Err(format!("{line}; expected at least {NDCG} over 589 users within {SECONDS} s"))
    }
}
