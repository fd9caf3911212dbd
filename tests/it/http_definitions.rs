//! `sources.toml`: what is refused, with file, line and a hint; and what holds.

use std::collections::BTreeMap;

use duban::config;
use duban::model::UnitCode;

use crate::home::Home;
use crate::http_support::district;

/// What loading a home with these sources says.
fn refused(sources: &str) -> String {
    let home = home(sources);
    match config::load(&config::home::Home::new(&home.root), &BTreeMap::new()) {
        Ok(_) => String::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

fn home(sources: &str) -> Home {
    let home = district(3);
    let counts = home.read("pipelines/counts/pipeline.toml");
    home.write(
        "pipelines/yearly/pipeline.toml",
        counts
            .replace("counts", "yearly")
            .replace("人数月报表", "人数年报表")
            .replace("\"month\"", "\"year\""),
    );
    home.write("config/sources.toml", sources);
    home
}

/// A source with an address of its own, and more keys.
fn with(url: &str, more: &str) -> String {
    format!("[[http]]\nname = \"web\"\nurl = \"{url}\"\n{more}\n")
}

const URL: &str = "https://data.example/{unit}/{period}/{dataset}.csv";

#[test]
fn a_source_that_is_right_is_taken() {
    assert_eq!(refused(""), "");
    assert_eq!(refused(include_str!("../../config/sources.toml")), "");
    assert_eq!(refused(&with(URL, "")), "");
    let monthly = "https://{unit}.example/{year}/{month}/x.csv?of={dataset}";
    assert_eq!(refused(&with(monthly, "datasets = [\"counts\"]")), "");
    let one = "units = [\"示例2镇\"]\ndatasets = [\"yearly\"]";
    assert_eq!(refused(&with("https://data.example/{year}.csv", one)), "");
    let auth = "auth = { kind = \"bearer\", secret_env = \"NOBODY_SET_IT\" }";
    assert_eq!(refused(&with(URL, auth)), "", "a missing secret is said where it is needed");
    let loopback = URL.replace("https://data.example", "http://127.0.0.1:8080");
    assert_eq!(refused(&with(&loopback, auth)), "");
    let clear = URL.replace("https:", "http:");
    assert_eq!(refused(&with(&clear, &format!("{auth}\ninsecure_auth = true"))), "");
}

#[test]
fn a_place_that_there_is_not_is_refused_with_the_one_that_was_meant() {
    let said = refused(&with("https://data.example/{unti}/{period}/{dataset}.csv", ""));
    assert!(said.starts_with("config/sources.toml:3:7: `{unti}` is no place"), "{said}");
    assert!(said.contains("hint: did you mean {unit}?"), "{said}");
    let said = refused(&with("https://data.example/{quarter}/{unit}/{period}", ""));
    assert!(said.contains("there are {unit}, {period}, {dataset}, {year} and {month}"), "{said}");
    for wrong in ["https://data.example/{unit", "https://data.example/unit}"] {
        assert!(refused(&with(wrong, "")).contains("a brace without its other half"));
    }
}

#[test]
fn an_address_under_which_two_files_would_be_asked_for_is_refused() {
    let said = refused(&with("https://data.example/{period}/{dataset}.csv", ""));
    assert!(said.contains(":3:7: every unit would be asked for at the same address"), "{said}");
    let said = refused(&with("https://data.example/{unit}/{period}.csv", ""));
    assert!(said.contains("every data set would be asked for at the same address"), "{said}");
    let said = refused(&with("https://data.example/{unit}/{dataset}/{year}.csv", ""));
    assert!(said.contains("every period of counts would be asked"), "{said}");
    let said = refused(&with("https://data.example/{unit}/{dataset}/{year}{month}.csv", ""));
    assert!(said.contains("yearly is not collected by month: {month} says nothing"), "{said}");
}

#[test]
fn two_sources_of_one_file_are_refused() {
    let other = with(URL, "").replace("\"web\"", "\"other\"");
    let said = refused(&format!("{}{other}", with(URL, "")));
    assert!(said.contains("config/sources.toml:6:8: `web` gives counts of 示例1镇 too"), "{said}");
    let apart =
        format!("{}{}", with(URL, "units = [\"t01\"]"), other.clone() + "units = [\"t02\"]\n");
    assert_eq!(refused(&apart), "");
    let said =
        refused(&format!("{}{}", with(URL, "units = [\"t01\"]"), with(URL, "units = [\"t02\"]")));
    assert!(said.contains("two sources are called `web`"), "{said}");
}

#[test]
fn a_secret_never_goes_in_the_clear_nor_stands_in_the_file() {
    let auth = "auth = { kind = \"bearer\", secret_env = \"T\" }";
    let said = refused(&with(&URL.replace("https:", "http:"), auth));
    assert!(said.contains("the secret would go to data.example in the clear"), "{said}");
    assert!(said.contains("insecure_auth = true"), "{said}");
    let said = refused(&with(&URL.replace("data.", "me:pw@data."), ""));
    assert!(said.contains("a name or password in the address"), "{said}");
    let said = refused(&with(URL, "auth = { kind = \"bearer\", secret = \"s3cret\" }"));
    assert!(said.contains("config/sources.toml:4:"), "{said}");
    assert!(said.contains("did you mean `secret_env`?"), "{said}");
    for wrong in [
        "auth = { kind = \"bearer\" }",
        "auth = { kind = \"bearer\", secret_env = \"T\", secret_file = \"t\" }",
    ] {
        assert!(refused(&with(URL, wrong)).contains("where is the secret? Name one place"));
    }
    let said = refused(&with(URL, "auth = { kind = \"basic\", secret_env = \"T\" }"));
    assert!(said.contains("who logs in?"), "{said}");
    let said =
        refused(&with(URL, "auth = { kind = \"bearer\", username = \"x\", secret_env = \"T\" }"));
    assert!(said.contains("a bearer token has no name"), "{said}");
    // What is kept of it prints as nothing to read.
    let home = home(&with(URL, auth));
    let environment = BTreeMap::from([("T".to_owned(), "s3cret".to_owned())]);
    let config = config::load(&config::home::Home::new(&home.root), &environment).unwrap();
    let printed = format!("{:?}", config.sources);
    assert!(printed.contains("****") && !printed.contains("s3cret"), "{printed}");
}

#[test]
fn names_that_nobody_knows_and_numbers_that_cannot_be_are_refused() {
    for (more, words) in [
        ("units = [\"示列1镇\"]", "`示列1镇` is no unit"),
        ("units = [\"t01\", \"示例1镇\"]", "示例1镇 is named twice"),
        ("datasets = [\"count\"]", "there is no data set `count`"),
        ("timeout_seconds = 0", "`timeout_seconds` is 0"),
        ("max_mb = 0", "`max_mb` is 0"),
        ("retries = 11", "too many repetitions"),
        ("content_types = [\"csv\"]", "not a list of media types"),
        ("ca_file = \"config/nowhere.pem\"", "`ca_file`: "),
        ("ca_file = \"config/units.csv\"", "there is no certificate in it"),
        ("timeout_second = 3", "did you mean `timeout_seconds`?"),
    ] {
        let said = refused(&with(URL, more));
        assert!(said.contains("config/sources.toml:4:") && said.contains(words), "{more}: {said}");
    }
    for (url, words) in [
        ("data.example/{unit}/{period}/{dataset}", "not an address"),
        ("ftp://data.example/{unit}/{period}/{dataset}", "`ftp` is not asked for files"),
    ] {
        let said = refused(&with(url, ""));
        assert!(said.contains("config/sources.toml:3:7: ") && said.contains(words), "{said}");
    }
}

#[test]
fn an_address_is_filled_in_and_escaped() {
    let url = "https://data.example/{dataset}/{year}/{month}/{unit}.csv?p={period}";
    let home = home(&with(url, "datasets = [\"counts\"]"));
    home.replace("config/units.csv", "t03,", "t/3 镇,");
    let config = config::load(&config::home::Home::new(&home.root), &BTreeMap::new()).unwrap();
    let fill = |unit: &str, period: &str| {
        config.sources[0].url.fill(&UnitCode::new(unit), period.parse().unwrap(), "counts")
    };
    assert_eq!(fill("t01", "2024-09"), "https://data.example/counts/2024/09/t01.csv?p=2024-09");
    let escaped = "https://data.example/counts/2023/09/t%2F3%20%E9%95%87.csv?p=2023-2024-1";
    assert_eq!(fill("t/3 镇", "2023-2024-1"), escaped);
}
