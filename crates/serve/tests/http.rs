//! Requests over sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use burn_recsys_serve::{
    Error, HttpConfig, HttpState, LiveModel, LogConfig, ModelConfig, Reload, ServeConfig, exact_index,
    router, run,
};
use serde_json::{Value, json};

use crate::world::{world, world_named};

/// A server within the test; it ends with the process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<HttpState>,
    _runtime: tokio::runtime::Runtime,
}

pub(crate) fn serve(folder: &Path, change: impl FnOnce(&mut HttpConfig)) -> Server {
    let live = LiveModel::open(folder, ModelConfig::default(), Box::new(exact_index)).unwrap();
    let mut config = HttpConfig { log: LogConfig::Silent, ..HttpConfig::default() };
    change(&mut config);
    let state = Arc::new(HttpState::new(live, config));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    // Mounted as another program would: with its own routes beside.
    let app = axum::Router::new()
        .route("/own", axum::routing::get(|| async { "mine" }))
        .merge(router(state.clone()));
    runtime.spawn(async move { axum::serve(listener, app).await });
    Server { address, state, _runtime: runtime }
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends bytes on one connection and reads one reply.
pub(crate) fn exchange(stream: &mut TcpStream, request: &[u8]) -> Reply {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request).unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "closed after {head:?}");
    }
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length =
        head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    Reply { status, head, body: String::from_utf8(body).unwrap() }
}

pub(crate) fn send(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Reply {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    exchange(&mut stream, request.as_bytes())
}

impl Server {
    pub(crate) fn get(&self, path: &str) -> Reply {
        send(self.address, "GET", path, "", "")
    }

    pub(crate) fn recommend(&self, body: &Value) -> Reply {
        send(self.address, "POST", "/v1/recommend", "", &body.to_string())
    }
}

fn world_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    world().write(folder.path()).unwrap();
    folder
}

#[test]
fn every_route_answers() {
    let folder = world_folder();
    let server = serve(folder.path(), |_| ());
    let version = server.state.live().current().version().to_string();
    let answer = server.recommend(&json!({"user": "u0", "k": 2})).json();
    assert_eq!(
        (&answer["model"], &answer["user_known"], &answer["basis"]),
        (&json!(version), &json!(true), &json!("user"))
    );
    assert_eq!(answer["items"].as_array().unwrap().len(), 2);
    assert_eq!(answer["items"][0]["sources"][0]["source"], "vectors");
    let similar = server.get("/v1/similar/i2?k=3").json();
    assert_eq!((similar["item"]["id"].as_str(), similar["items"].as_array().unwrap().len()), (Some("i2"), 3));
    assert_eq!(
        server.get("/v1/users?prefix=u&limit=1").json()["users"],
        json!([{"id": "u0", "history_length": 3}])
    );
    assert_eq!(server.get("/v1/users/u1").json()["gate_weight"], 1.0);
    assert_eq!(server.get("/v1/model").json()["items"], 8);
    assert_eq!(server.get("/health").json(), json!({"status": "ok"}));
    assert_eq!(server.get("/ready").json(), json!({"status": "ready", "model": version}));
    assert_eq!(server.get("/openapi.json").json()["openapi"], "3.1.0");
    assert_eq!(server.get("/own").body, "mine");
    let page = server.get("/");
    assert!(page.status == 200 && page.head.contains("content-security-policy: default-src 'none'"));
    assert!(page.head.contains("x-content-type-options: nosniff") && page.head.contains("x-request-id: "));
    let metrics = server.get("/metrics").body;
    for sample in [
        "burn_recsys_requests_total{route=\"/v1/recommend\",status=\"200\"} 1\n".to_string(),
        "burn_recsys_request_seconds_count{route=\"/v1/similar/{item}\"} 1\n".into(),
        "burn_recsys_request_seconds_bucket{route=\"/health\",le=\"+Inf\"} 1\n".into(),
        "burn_recsys_requests_in_flight 1\n".into(),
        format!("burn_recsys_model_info{{version=\"{version}\"}} 1\n"),
        "burn_recsys_model_swaps_total{outcome=\"refused\"} 0\n".into(),
    ] {
        assert!(metrics.contains(&sample), "{sample} in {metrics}");
    }
}

#[test]
fn bad_requests_are_told_what_is_wrong() {
    let folder = world_folder();
    let server = serve(folder.path(), |config| config.max_body_bytes = 1_000);
    let check = |reply: Reply, status: u16, field: Option<&str>, part: &str| {
        let error = reply.json()["error"].clone();
        assert_eq!((reply.status, error["status"].as_u64()), (status, Some(u64::from(status))), "{error}");
        assert_eq!(error["field"].as_str(), field, "{error}");
        assert!(error["message"].as_str().unwrap().contains(part), "{error}");
    };
    check(server.recommend(&json!({"k": 1000})), 400, Some("k"), "1 to 100");
    check(server.recommend(&json!({"filters": {"color": 1}})), 400, Some("filters.color"), "expected one of");
    check(server.recommend(&json!([])), 400, Some("body"), "expected an object");
    check(server.recommend(&json!({"user": "x".repeat(2_000)})), 413, Some("body"), "1000 bytes");
    check(server.get("/v1/similar/nothing"), 404, None, "not known");
    check(server.get("/v1/similar/i2?k=0"), 400, Some("k"), "1 to 100");
    check(server.get("/v1/similar/i2?k=x"), 400, Some("k"), "whole number");
    check(server.get("/v1/similar/i2?n=3"), 400, Some("n"), "there is k");
    check(server.get("/v1/similar/i2?k=1&k=2"), 400, Some("k"), "twice");
    check(server.get("/v1/similar/%ff"), 400, Some("item"), "");
    check(server.get("/v1/users/nobody"), 404, None, "history or features");
    check(server.get("/v1/users/u0?x=1"), 400, Some("x"), "there is none");
    check(server.get("/v2"), 404, None, "POST /v1/recommend");
    check(server.get("/v1/recommend"), 405, None, "openapi");
    check(send(server.address, "POST", "/v1/similar/i2", "", ""), 405, None, "openapi");
}

#[test]
fn a_token_opens_all_but_the_probes_and_the_page() {
    let folder = world_folder();
    let server = serve(folder.path(), |config| config.token = Some("secret-1".into()));
    for path in ["/v1/model", "/metrics", "/openapi.json", "/v1/similar/i2", "/nowhere"] {
        let with = |header: &str| send(server.address, "GET", path, header, "").status;
        let refused = send(server.address, "GET", path, "", "");
        assert_eq!(refused.status, 401, "{path}");
        assert!(refused.head.contains("www-authenticate: Bearer"));
        for wrong in ["secret-2", "secret-", "secret-11", "", "Bearer secret-1"] {
            assert_eq!(with(&format!("Authorization: Bearer {wrong}\r\n")), 401, "{wrong}");
        }
        assert_eq!(with("Authorization: Basic secret-1\r\n"), 401);
        assert_ne!(with("authorization: bearer secret-1\r\n"), 401);
    }
    for path in ["/", "/health", "/ready"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
}

#[test]
fn too_many_at_once_are_turned_away_and_slow_ones_given_up() {
    let folder = world_folder();
    let server = serve(folder.path(), |config| {
        config.max_in_flight = 1;
        config.timeout = Duration::from_millis(1_500);
    });
    // Its body never comes: it is in flight until its time is over.
    let mut slow = TcpStream::connect(server.address).unwrap();
    slow.write_all(b"POST /v1/recommend HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n").unwrap();
    let refused = (0..100).find_map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        Some(server.get("/v1/model")).filter(|reply| reply.status != 200)
    });
    let refused = refused.expect("the slow one is in flight");
    assert_eq!(refused.status, 503);
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
    assert_eq!(server.get("/health").status, 200, "probes are always answered");
    let given_up = exchange(&mut slow, b"");
    assert_eq!(given_up.status, 504);
    assert_eq!(server.get("/v1/model").status, 200);
}

#[test]
fn the_page_runs_its_own_script_and_no_other() {
    use sha2::Digest;
    let folder = world_folder();
    let page = serve(folder.path(), |_| ()).get("/");
    for tag in ["script", "style"] {
        let (start, end) = (format!("<{tag}>"), format!("</{tag}>"));
        assert_eq!(page.body.matches(&start).count(), 1);
        let text = page.body.split(&start).nth(1).unwrap().split(&end).next().unwrap();
        let hash = base64(&sha2::Sha256::digest(text));
        assert!(
            page.head.contains(&format!("{tag}-src 'sha256-{hash}'")),
            "the policy needs {tag} sha256-{hash}"
        );
    }
    // No address of elsewhere, and nothing that reads text as HTML.
    for word in ["http://", "https://", "innerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(!page.body.contains(word), "{word}");
    }
}

/// RFC 4648.
fn base64(bytes: &[u8]) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, &byte| (bits << 8) | u32::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = digits[(bits >> (18 - 6 * place)) as usize % 64];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[test]
fn a_new_version_takes_over_and_a_bad_one_does_not() {
    let folder = world_folder();
    let server = serve(folder.path(), |_| ());
    let live = server.state.live();
    assert!(matches!(live.reload(false), Reload::Unchanged));
    let held = live.current();
    let second = world_named(" of May").write(folder.path()).unwrap();
    assert!(matches!(live.reload(false), Reload::Swapped { to, .. } if to == second));
    let answer = server.recommend(&json!({"user": "u0", "k": 1})).json();
    assert_eq!(answer["model"], second.as_str());
    assert!(answer["items"][0]["title"].as_str().unwrap().ends_with("of May"));
    assert!(!held.user("u0").unwrap().history[0].title.ends_with("of May"), "who holds one keeps it");

    let third = world_named(" of June").write(folder.path()).unwrap();
    let path = folder.path().join("versions").join(&third).join("items.safetensors");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let Reload::Refused(error) = live.reload(false) else { panic!("a damaged version was taken") };
    assert!(matches!(error, Error::Damaged { .. }));
    assert!(matches!(live.reload(false), Reload::Unchanged), "it is not tried again and again");
    assert_eq!(server.get("/ready").json()["model"], second.as_str());
    std::fs::write(&path, &whole).unwrap();
    assert!(matches!(live.reload(true), Reload::Swapped { to, .. } if to == third));
    assert_eq!((live.accepted_swaps(), live.refused_swaps()), (2, 1));
}

#[test]
fn no_answer_mixes_two_versions() {
    let folder = tempfile::tempdir().unwrap();
    let names = [" of May", " of June"];
    let versions = names.map(|name| world_named(name).write(folder.path()).unwrap());
    let server = serve(folder.path(), |_| ());
    std::thread::scope(|scope| {
        let asking = [0, 1].map(|_| {
            scope.spawn(|| {
                let mut seen = [0; 2];
                for _ in 0..300 {
                    let answer = server.recommend(&json!({"user": "u0"})).json();
                    let version =
                        versions.iter().position(|version| answer["model"] == version.as_str()).unwrap();
                    seen[version] += 1;
                    for place in answer["items"].as_array().unwrap() {
                        assert!(place["title"].as_str().unwrap().ends_with(names[version]), "{answer}");
                    }
                }
                seen
            })
        });
        let mut turn = 0;
        while asking.iter().any(|thread| !thread.is_finished()) {
            burn_recsys_serve::activate(folder.path(), &versions[turn % 2]).unwrap();
            assert!(!matches!(server.state.live().reload(false), Reload::Refused(_)));
            turn += 1;
        }
        let seen = asking.map(|thread| thread.join().unwrap());
        assert!((0..2).all(|version| seen.iter().any(|seen| seen[version] > 0)), "{seen:?} in {turn} turns");
    });
}

#[test]
fn addresses_that_others_reach_need_a_token() {
    let folder = world_folder();
    let mut config = ServeConfig::new(folder.path());
    config.address = "0.0.0.0:0".parse().unwrap();
    let error = run(config, |_| panic!("it must not listen")).unwrap_err();
    assert!(error.to_string().contains("there is no token"), "{error}");
    let mut config = ServeConfig::new(folder.path());
    config.http.token = Some("with space".into());
    assert!(run(config, |_| panic!("it must not listen")).is_err());
}

#[test]
fn the_document_has_every_route_and_every_field() {
    let folder = world_folder();
    let server = serve(folder.path(), |_| ());
    let document = server.get("/openapi.json").json();
    // Routes: what is documented exists, and the answer to an unknown route lists all that exist.
    let listed = server.get("/nowhere").json()["error"]["message"].as_str().unwrap().to_string();
    let paths = document["paths"].as_object().unwrap();
    let documented: usize = paths.values().map(|methods| methods.as_object().unwrap().len()).sum();
    assert_eq!(listed.matches(" /").count(), documented);
    for (path, methods) in paths {
        for method in methods.as_object().unwrap().keys() {
            assert!(listed.contains(&format!("{} {path}", method.to_uppercase())), "{method} {path}");
            let real = path.replace("{item}", "i2").replace("{id}", "u0");
            let reply = send(
                server.address,
                &method.to_uppercase(),
                &real,
                "",
                if method == "post" { "{}" } else { "" },
            );
            assert_eq!(reply.status, 200, "{method} {path}");
            let content = reply.head.to_lowercase();
            let kind =
                methods[method]["responses"]["200"]["content"].as_object().unwrap().keys().next().unwrap();
            assert!(content.contains(&format!("content-type: {kind}")), "{path}: {content}");
            let schema = &methods[method]["responses"]["200"]["content"][kind]["schema"];
            if kind == "application/json" && path != "/openapi.json" {
                agrees(&document, schema, &reply.json(), path);
            }
        }
    }
    let error = server.recommend(&json!({"k": 0})).json();
    agrees(&document, &json!({"$ref": "#/components/schemas/ErrorResponse"}), &error, "error");
    // Requests: what the program says it expects.
    for (schema, body) in [("RecommendRequest", json!({"?": 1})), ("Filters", json!({"filters": {"?": 1}}))] {
        let message = server.recommend(&body).json()["error"]["message"].as_str().unwrap().to_string();
        let mut expected: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        expected.sort_unstable();
        let properties = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
        let mut documented: Vec<&str> = properties.keys().map(String::as_str).collect();
        documented.sort_unstable();
        assert_eq!(documented, expected, "{schema}");
    }
}

/// Whether a value has exactly the fields of a schema, optional ones aside.
fn agrees(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let schema = &document["components"]["schemas"][name.rsplit('/').next().unwrap()];
        assert!(schema.is_object(), "{at}: {name} is not there");
        return agrees(document, schema, value, at);
    }
    match value {
        Value::Object(fields) => {
            let properties = schema["properties"].as_object().unwrap_or_else(|| panic!("{at}: {schema}"));
            for (name, value) in fields {
                let property =
                    properties.get(name).unwrap_or_else(|| panic!("{at}.{name} is not documented"));
                agrees(document, property, value, &format!("{at}.{name}"));
            }
            for name in schema["required"].as_array().unwrap() {
                assert!(fields.contains_key(name.as_str().unwrap()), "{at}: {name} is required");
            }
        }
        Value::Array(values) => values.iter().for_each(|value| agrees(document, &schema["items"], value, at)),
        value => {
            let kind = match value {
                Value::String(_) => "string",
                Value::Bool(_) => "boolean",
                Value::Number(number) if number.is_u64() && schema["type"] == "integer" => "integer",
                Value::Number(_) => "number",
                _ => "null",
            };
            assert_eq!(schema["type"], kind, "{at}: {value}");
        }
    }
}
