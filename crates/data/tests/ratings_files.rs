//! MovieLens ratings in files of their own names.

use burn_recsys_data::{ColumnValues, Error, movielens};

use crate::readers::{folder, half_of_1m, real_data};

/// The title of the first item and the number of user columns, of ratings of user 7 and movie 1.
fn read(name: &str, ratings: &str) -> Result<(Option<String>, usize), Error> {
    let folder = folder(&[
        (name, ratings.as_bytes()),
        ("u.item", b"1|From 100K (1995)|01-Jan-1995||x|0\n"),
        ("u.user", b"7|24|M|technician|85711\n"),
        ("movies.dat", b"1::From 1M (1995)::Comedy\n"),
        ("users.dat", b"7::F::1::10::48067\n"),
        ("movies.csv", b"movieId,title,genres\n1,From CSV (1995),Comedy\n"),
    ]);
    let data = movielens::read_ratings("part", &folder.path().join(name))?;
    assert_eq!((data.name.as_str(), data.interactions.len()), ("part", 1));
    let row = data.interactions.get(0);
    assert_eq!((row.rating, row.timestamp), (Some(4.0), Some(978_300_760)));
    Ok((data.items.text("title", 0).map(String::from), data.users.columns().len()))
}

#[test]
fn the_layout_is_that_of_the_content_and_describes_ids_with_its_own_files() {
    let title = |title: &str| Some(title.to_owned());
    let header = "userId,movieId,rating,timestamp\n";
    for (name, ratings, expected) in [
        ("half.dat", "7::1::4::978300760\n".to_owned(), (title("From 1M (1995)"), 4)),
        ("half", "\n\r\n7::1::4::978300760\n".to_owned(), (title("From 1M (1995)"), 4)),
        ("u1.base", "7\t1\t4\t978300760\n".to_owned(), (title("From 100K (1995)"), 4)),
        ("part.CSV", format!("{header}7,1,4.0,978300760\n"), (title("From CSV (1995)"), 0)),
        ("part.txt", format!("\u{feff}{header}7,1,4.0,978300760\n"), (title("From CSV (1995)"), 0)),
    ] {
        assert_eq!(read(name, &ratings).unwrap(), expected, "{name}");
    }
}

#[test]
fn other_content_is_refused_with_what_was_found() {
    let message = |name, ratings| read(name, ratings).unwrap_err().to_string();
    let odd = message("half.dat", "7;1;4;978300760\n");
    assert!(
        odd.contains("half.dat: the first line, \"7;1;4;978300760\", is of no MovieLens layout"),
        "{odd}"
    );
    assert!(message("half.dat", "").contains("the first line, \"\", is of no"));
    // The extension says what the header should have been.
    let csv = message("half.csv", "user,movie\n7,1\n");
    assert!(csv.contains("half.csv line 1: ") && csv.contains("userId"), "{csv}");
    assert!(message("half.dat", "7::1::good::1\n").contains("half.dat line 1: rating \"good\""));
    let folder = folder(&[]);
    let missing = movielens::read_ratings("x", &folder.path().join("none.dat")).unwrap_err();
    assert!(matches!(missing, Error::Io { action: "read", .. }), "{missing}");
}

#[test]
fn a_real_part_reads_as_the_folder_with_it_as_its_ratings() {
    let Some(data) = real_data("ml-1m/ratings-users-1-2999.dat") else { return };
    let part = movielens::read_ratings("ml-1m", &data.join("ml-1m/ratings-users-1-2999.dat")).unwrap();
    let folder = movielens::read_folder("ml-1m", half_of_1m(&data).path()).unwrap();
    assert_eq!(part.interactions, folder.interactions);
    assert_eq!(part.users, folder.users);
    assert_eq!(part.items.column("genres"), folder.items.column("genres"));
    assert!(matches!(part.users.column("zip"), Some(ColumnValues::Categorical { .. })));
}
