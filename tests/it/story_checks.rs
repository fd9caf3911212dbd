//! What the checks of the campaign found and did not find: every mechanism has something to show.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::story::WHOLE;

/// Checks of which the campaign cannot show both sides, and why.
const ONE_SIDED: &[(&str, &str)] = &[
    ("group_structure", "the sample's eight groups are as the plan has them"),
    ("gross_enrolment_district", "the district reaches its targets only after the campaign"),
    ("inclusive_coverage_district", "the same"),
    ("public_share_district", "the same"),
    ("certificates_district", "100 % in all towns is reached only after it"),
    ("staffing_standard_district", "the same"),
    ("class_size_district", "the district as a whole keeps to the class sizes; not all towns do"),
    ("teacher_ratio_district", "the district as a whole has teachers enough"),
];

#[test]
fn every_check_hits_and_misses_somewhere_in_the_campaign() {
    let rows = WHOLE.query(
        "SELECT check_id, sum(n_violations) AS hits, sum(n_held) AS held,
                sum(CASE WHEN n_judged IS NULL THEN CASE WHEN n_violations = 0 THEN 1 ELSE 0 END
                         WHEN n_judged > n_violations THEN 1 ELSE 0 END) AS misses
         FROM judgements GROUP BY check_id ORDER BY check_id",
    );
    assert!(rows.len() > 50, "{} checks were judged", rows.len());
    let number = |row: &Value, name: &str| row[name].as_i64().unwrap_or(0);
    // A check that judges everybody misses whom it had found and finds no more.
    let mended: BTreeSet<String> = WHOLE
        .query("SELECT DISTINCT check_id FROM items WHERE data_passes")
        .iter()
        .map(|row| row["check_id"].as_str().unwrap().to_owned())
        .collect();
    let mut never_hit = Vec::new();
    let mut never_missed = Vec::new();
    for row in &rows {
        let id = row["check_id"].as_str().unwrap();
        let is_one_sided = ONE_SIDED.iter().any(|(check, _)| *check == id);
        let (hits, misses) =
            (number(row, "hits") > 0, number(row, "misses") > 0 || mended.contains(id));
        assert!(
            !(is_one_sided && hits && misses),
            "{id} shows both sides by now: take it from ONE_SIDED"
        );
        if !hits && !is_one_sided {
            never_hit.push(id.to_owned());
        }
        if !misses && !is_one_sided {
            never_missed.push(id.to_owned());
        }
    }
    // What the district shows one side of, its towns show both sides of.
    let shown: BTreeSet<&str> = rows.iter().map(|row| row["check_id"].as_str().unwrap()).collect();
    for (check, _) in ONE_SIDED {
        assert!(shown.contains(check), "{check} is no check");
        let of_towns = check.replace("_district", "_town");
        assert!(*check == "group_structure" || shown.contains(of_towns.as_str()), "{of_towns}");
    }
    assert!(
        never_hit.is_empty() && never_missed.is_empty(),
        "never hit: {never_hit:?}; never missed: {never_missed:?}"
    );
    // Every check that hits opened items, or what it found was held back by a cause.
    let opened: BTreeSet<String> = WHOLE
        .query("SELECT DISTINCT check_id FROM items")
        .iter()
        .map(|row| row["check_id"].as_str().unwrap().to_owned())
        .collect();
    for row in rows.iter().filter(|row| number(row, "hits") > number(row, "held")) {
        let id = row["check_id"].as_str().unwrap();
        assert!(opened.contains(id), "{id} opened nothing");
    }
}

fn items(check: &str) -> BTreeMap<String, Value> {
    WHOLE
        .query(&format!("SELECT * FROM items WHERE check_id = '{check}'"))
        .into_iter()
        .map(|row| (row["subject_name"].as_str().unwrap().to_owned(), row))
        .collect()
}

#[test]
fn a_community_kindergarten_goes_by_what_was_known_on_the_day_of_its_application() {
    let found = items("community_nature_below_half");
    // 36 % and 42 %, below on the day: one is mended half a year later, the other never.
    let is_mended = |item: &Value| item["state"] == "closed" || item["state"] == "archived";
    assert!(is_mended(&found["徐官屯青禾幼儿园"]), "{found:?}");
    assert!(found.contains_key("黄庄和园幼儿园"));
    assert!(!is_mended(&found["黄庄和园幼儿园"]), "{found:?}");
    assert!(!found.contains_key("高村书院幼儿园"), "exactly one half is not below");
    assert!(!found.contains_key("高村新悦幼儿园"), "below only by figures that came later");
    let of = |name: &str| {
        let sql = format!(
            "SELECT known_num, known_den, current_num, current_den, below_half
             FROM community_applications
             WHERE inst_name = '{name}' AND period = '2023-2024-1'"
        );
        WHOLE.query(&sql).remove(0)
    };
    let exact = of("高村书院幼儿园");
    assert_eq!((&exact["known_num"], &exact["known_den"]), (&Value::from(213), &Value::from(426)));
    assert_eq!(exact["below_half"], false);
    let corrected = of("高村新悦幼儿园");
    let n = |name: &str| corrected[name].as_i64().unwrap();
    assert!(2 * n("known_num") >= n("known_den"), "{corrected}");
    assert!(2 * n("current_num") < n("current_den"), "{corrected}");
}

#[test]
fn the_steps_of_a_community_kindergarten_are_watched() {
    let stuck = items("community_stuck");
    assert_eq!(stuck["运河西锦里幼儿园"]["data_passes"], true, "{stuck:?}");
    let skipped = items("community_step_skipped");
    assert_eq!(skipped.keys().collect::<Vec<_>>(), ["东蒲洼学府幼儿园"]);
    let unapproved = items("community_opened_unapproved");
    assert_eq!(unapproved.keys().collect::<Vec<_>>(), ["下朱庄第四幼儿园"]);
}

#[test]
fn a_new_childcare_point_and_an_old_hazard_are_found() {
    let filed = items("childcare_new_filing");
    let towns: BTreeSet<&str> =
        filed.values().map(|row| row["unit_code"].as_str().unwrap()).collect();
    assert_eq!(towns, BTreeSet::from(["120114004", "120114115"]), "{:?}", filed.keys());
    assert!(items("childcare_hazard_overdue").len() > 3);
}

#[test]
fn groups_without_an_activity_and_a_town_that_nobody_helped_are_found() {
    let fields = items("group_field_missing");
    let groups: Vec<&str> = fields.keys().map(String::as_str).collect();
    assert_eq!(groups, ["第三组团", "第五组团", "第八组团"], "{fields:?}");
    let helped = items("town_not_helped");
    assert_eq!(helped.keys().collect::<Vec<_>>(), ["白古屯镇"]);
}

#[test]
fn incidents_are_followed_until_they_are_settled() {
    let serious = items("incident_serious");
    assert_eq!(serious.len(), 2, "{serious:?}");
    let complaints = items("complaint_unresolved");
    assert!(complaints.len() >= 3, "{complaints:?}");
    let settled = complaints.values().filter(|row| row["data_passes"] == true).count();
    assert!(settled >= 3, "{complaints:?}");
}
