//! Named to be the first of all tests: the whole campaign is what they wait for longest, and it is replayed while the
//! others run.

use crate::story::WHOLE;

#[test]
fn of_24_months_is_replayed_to_its_end() {
    let reported = WHOLE.query("SELECT DISTINCT period FROM editions ORDER BY period");
    let periods: Vec<&str> = reported.iter().filter_map(|row| row["period"].as_str()).collect();
    let months = (2023..=2024).flat_map(|year| (1..=12).map(move |month| (year, month)));
    let wanted: Vec<String> = months.map(|(year, month)| format!("{year}-{month:02}")).collect();
    assert_eq!(periods, wanted, "a report of each month");
}
