//! Against a server on this machine that misbehaves on request.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use super::*;

/// What the server does with a request for the archive.
#[derive(Clone, Copy)]
enum Answer {
    /// Sends it, from where the request asks.
    Whole,
    /// Sends the whole file, whatever range the request asks for.
    IgnoreRange,
    /// Promises it but closes the connection after so many bytes.
    CloseAfter(usize),
    /// Refuses the range.
    RefuseRange,
    /// Has no such file.
    NotFound,
}

/// A server that gives these answers, one for each connection, and returns the ranges asked for.
fn serve(archive: Vec<u8>, answers: Vec<Answer>) -> (String, JoinHandle<Vec<Option<usize>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/ml-100k.zip", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        answers.iter().map(|&answer| respond(listener.accept().unwrap().0, &archive, answer)).collect()
    });
    (url, thread)
}

fn respond(mut stream: TcpStream, archive: &[u8], answer: Answer) -> Option<usize> {
    let mut start = None;
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            start = range.trim().trim_end_matches('-').parse().ok();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let from = match answer {
        Answer::IgnoreRange => 0,
        _ => start.unwrap_or(0),
    };
    let rest = archive.get(from..).unwrap_or_default();
    let status = match answer {
        Answer::NotFound => "404 Not Found".to_owned(),
        Answer::RefuseRange => "416 Range Not Satisfiable".to_owned(),
        _ if from > 0 => {
            format!(
                "206 Partial Content\r\nContent-Range: bytes {from}-{}/{}",
                archive.len() - 1,
                archive.len()
            )
        }
        _ => "200 OK".to_owned(),
    };
    let (length, sent) = match answer {
        Answer::NotFound | Answer::RefuseRange => (0, &[][..]),
        Answer::CloseAfter(n) => (rest.len(), &rest[..n]),
        _ => (rest.len(), rest),
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n").unwrap();
    stream.write_all(sent).unwrap();
    start
}

struct Fixture {
    root: tempfile::TempDir,
    archive: Vec<u8>,
    published: Published,
}

impl Fixture {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("source.zip");
        let ratings: String = (0..5000).map(|row| format!("{row}\t{}\t3\t{row}\n", row * 7 % 501)).collect();
        unpack::tests::archive(&path, &[("ml-100k/README", "terms"), ("ml-100k/u.data", &ratings)]);
        let archive = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let md5: String = Md5::digest(&archive).iter().map(|byte| format!("{byte:02x}")).collect();
        let published = Published { bytes: archive.len() as u64, md5: md5.leak() };
        Fixture { root, archive, published }
    }

    fn fetch(&self, url: &str) -> Result<PathBuf> {
        self.fetch_published(url, self.published)
    }

    fn fetch_published(&self, url: &str, published: Published) -> Result<PathBuf> {
        let agent: Agent = configure(Agent::config_builder()).proxy(None).build().into();
        let folders = DataFolders::of(Some(self.root.path()), []);
        let calls = RefCell::new(Vec::new());
        let result = fetch(NamedDataset::Ml100k, url, &agent, &folders, published, &|done, total| {
            calls.borrow_mut().push((done, total));
        });
        let calls = calls.into_inner();
        assert!(calls.is_sorted(), "progress goes forward: {calls:?}");
        if result.is_ok() {
            assert_eq!(calls.last(), Some(&(published.bytes, published.bytes)));
        }
        result
    }

    /// What lies in the data folder, with sizes of files.
    fn left(&self) -> Vec<(String, u64)> {
        let mut left: Vec<_> = fs::read_dir(self.root.path())
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let metadata = entry.metadata().unwrap();
                let size = if metadata.is_dir() { 0 } else { metadata.len() };
                (entry.file_name().into_string().unwrap(), size)
            })
            .collect();
        left.sort();
        left
    }

    fn assert_fetched(&self, result: Result<PathBuf>) {
        let folder = result.unwrap();
        assert_eq!(folder, self.root.path().join("ml-100k"));
        assert_eq!(self.left(), [("ml-100k".to_owned(), 0)]);
        let dataset = crate::movielens::read_folder("ml-100k", &folder).unwrap();
        assert_eq!((dataset.interactions.len(), dataset.interactions.n_items()), (5000, 501));
    }
}

#[test]
fn a_whole_download_is_unpacked_under_its_name() {
    let fixture = Fixture::new();
    let (url, server) = serve(fixture.archive.clone(), vec![Answer::Whole]);
    fixture.assert_fetched(fixture.fetch(&url));
    assert_eq!(server.join().unwrap(), [None]);
}

#[test]
fn a_download_that_is_cut_off_goes_on_where_it_stopped() {
    let fixture = Fixture::new();
    let (url, server) = serve(fixture.archive.clone(), vec![Answer::CloseAfter(1000), Answer::Whole]);
    let error = fixture.fetch(&url).unwrap_err();
    assert!(matches!(error, Error::Absent { .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.contains(&format!("after 1000 of {} bytes", fixture.archive.len())), "{message}");
    assert!(message.contains("https://files.grouplens.org/datasets/movielens/ml-100k.zip"), "{message}");
    assert!(message.contains(&fixture.root.path().display().to_string()), "{message}");
    assert_eq!(fixture.left(), [("ml-100k.zip.part".to_owned(), 1000)]);

    fixture.assert_fetched(fixture.fetch(&url));
    assert_eq!(server.join().unwrap(), [None, Some(1000)]);
}

#[test]
fn a_server_without_ranges_makes_it_start_again() {
    for refusal in [vec![Answer::IgnoreRange], vec![Answer::RefuseRange, Answer::Whole]] {
        let fixture = Fixture::new();
        fs::write(fixture.root.path().join("ml-100k.zip.part"), [7; 500]).unwrap();
        let n_answers = refusal.len();
        let (url, server) = serve(fixture.archive.clone(), refusal);
        fixture.assert_fetched(fixture.fetch(&url));
        assert_eq!(server.join().unwrap(), [Some(500), None][..n_answers]);
    }
}

#[test]
fn a_complete_part_is_not_fetched_again() {
    let fixture = Fixture::new();
    fs::write(fixture.root.path().join("ml-100k.zip.part"), &fixture.archive).unwrap();
    fixture.assert_fetched(fixture.fetch("http://127.0.0.1:1/"));
}

#[test]
fn a_wrong_checksum_is_corrupt_and_discarded() {
    let fixture = Fixture::new();
    let mut archive = fixture.archive.clone();
    archive[100] ^= 1;
    let (url, server) = serve(archive, vec![Answer::Whole]);
    let error = fixture.fetch(&url).unwrap_err();
    assert!(matches!(error, Error::Corrupt { what: "MD5", .. }), "{error:?}");
    assert!(error.to_string().contains(fixture.published.md5), "{error}");
    assert!(fixture.left().is_empty(), "{:?}", fixture.left());
    server.join().unwrap();
}

#[test]
fn a_wrong_size_is_corrupt_and_discarded() {
    for difference in [-3, 3] {
        let fixture = Fixture::new();
        let (url, server) = serve(fixture.archive.clone(), vec![Answer::Whole]);
        let bytes = fixture.published.bytes.saturating_add_signed(difference);
        let error = fixture.fetch_published(&url, Published { bytes, ..fixture.published }).unwrap_err();
        assert!(matches!(error, Error::Corrupt { what: "size", .. }), "{error:?}");
        assert!(fixture.left().is_empty(), "{:?}", fixture.left());
        server.join().unwrap();
    }
}

#[test]
fn without_a_server_or_a_file_the_data_set_is_absent() {
    let fixture = Fixture::new();
    let (url, server) = serve(fixture.archive.clone(), vec![Answer::NotFound]);
    let error = fixture.fetch(&url).unwrap_err();
    assert!(matches!(error, Error::Absent { .. }), "{error:?}");
    assert!(error.to_string().contains("answered with status 404"), "{error}");
    server.join().unwrap();

    // The listener is closed now.
    let error = fixture.fetch(&url).unwrap_err();
    assert!(matches!(error, Error::Absent { .. }), "{error:?}");
    assert!(error.to_string().contains("cannot be reached"), "{error}");
    assert!(fixture.left().is_empty(), "{:?}", fixture.left());
}

#[test]
fn two_processes_do_not_write_one_file() {
    let fixture = Fixture::new();
    let path = fixture.root.path().join("ml-100k.zip.part");
    let Ok(_other) = Part::open(&path) else { panic!("the file is free") };
    let error = fixture.fetch("http://127.0.0.1:1/").unwrap_err();
    assert!(error.to_string().contains("another process is fetching it"), "{error}");
}
