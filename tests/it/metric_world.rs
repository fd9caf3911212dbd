//! A small district for the tests of metrics and checks: the columns of Wuqing's data sets, and
//! three towns, a bureau, a group and a park.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use duban::config::metric::Metric;
use duban::engine::{
    Engine, Limits, PeriodRow, periods_batch, reserved_schema, reserved_tables, targets_batch,
};
use duban::model::{Frequency, Period, Waves};
use serde_json::{Value, json};

/// The repository's own definitions.
pub fn pipelines() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines")
}

pub fn metrics() -> Vec<Metric> {
    duban::config::metric::load_all(&pipelines()).expect("metrics load")
}

/// As docs/definitions.md lists them.
pub fn datasets() -> Vec<(String, SchemaRef)> {
    let table = |columns: &str| -> SchemaRef {
        let common = "unit_code reporter_code period _submission _sheet _row:i";
        let field = |word: &str| {
            let (name, kind) = word.split_once(':').unwrap_or((word, "t"));
            let data_type = match kind {
                "i" => DataType::Int64,
                "b" => DataType::Boolean,
                "d" => DataType::Date32,
                "f" => DataType::Float64,
                _ => DataType::Utf8,
            };
            Field::new(name, data_type, true)
        };
        let words = common.split(' ').chain(columns.split(' '));
        Arc::new(Schema::new(words.map(field).collect::<Vec<_>>()))
    };
    let sets = [
        (
            "institutions",
            "inst_code inst_name unit managed_by inst_kind is_direct:b is_central:b \
             is_community:b parent_code opened_on:d closed_on:d",
        ),
        ("population", "unit resident_3:i resident_4:i resident_5:i resident_3_5:i basis"),
        (
            "enrollment",
            "inst_code inst_name unit inst_kind class_name class_type children:i male:i female:i",
        ),
        (
            "staffing",
            "inst_code inst_name unit staff:i heads:i teachers:i teachers_certified:i \
             heads_certified:i nurses:i health:i admin:i support:i logistics:i guards:i posts:i \
             posts_filled:i",
        ),
        ("satisfaction", "paper question option answers:i"),
        (
            "childcare_points",
            "point_code point_name unit children:i workers:i filing review has_hazard:b \
             hazard_deadline:d disposal disposed_on:d",
        ),
        ("party_organisations", "inst_code inst_name unit members:i organisation"),
        ("extended_care", "inst_code inst_name unit is_daily:b is_holiday:b children:i teachers:i"),
        (
            "community_kindergartens",
            "inst_code inst_name unit handed_over_on:d applied_on:d reviewed_on:d approved_on:d \
             opened_on:d nature",
        ),
        ("group_activities", "unit field held_on:d content participants:i"),
        (
            "facilities",
            "inst_code inst_name unit children:i land_area:f floor_area:f activity_area:f \
             outdoor_area:f books:i toys_adequate:b planned_after_2017:b meets_standard",
        ),
        (
            "finance",
            "inst_kind institutions:i children:i funding:i subsidy:i tenured_teachers:i \
             tenured_pay:i non_tenured_teachers:i non_tenured_pay:i",
        ),
        (
            "inspections",
            "inst_code inst_name unit has_licence:b annual_inspection is_published:b \
             evaluated_on:d has_inspector:b is_profit_seeking:b is_school_like:b fees",
        ),
        ("incidents", "incident_no kind occurred_on:d unit inst_code grade validity resolved_on:d"),
        ("training", "inst_code inst_name unit teachers:i trained:i hours:i"),
        ("declarations", "indicator_no:i declared evidence declared_on:d"),
        ("task_progress", "task_no:i progress:i status is_blocked:b"),
    ];
    sets.map(|(name, columns)| (name.to_owned(), table(columns))).to_vec()
}

/// The periods around 2023 and 2024 that the data sets use.
pub fn periods() -> RecordBatch {
    let mut rows = Vec::new();
    for year in 2022..=2026 {
        for month in 1..=12 {
            let period = Period::Month { year, month };
            rows.push(PeriodRow { period, stat_on: period.ends_on() });
        }
        let first = jiff::civil::date(year, 9, 1);
        for frequency in [Frequency::Year, Frequency::SchoolYear] {
            rows.push(PeriodRow { period: Period::containing(frequency, first), stat_on: first });
        }
        for month in [2, 9] {
            let first = jiff::civil::date(year, month, 1);
            let period = Period::containing(Frequency::Term, first);
            rows.push(PeriodRow { period, stat_on: first });
        }
    }
    periods_batch(rows, &Waves::default()).expect("periods")
}

pub fn targets() -> RecordBatch {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/targets.csv");
    let text = fs_err::read_to_string(path).expect("targets.csv");
    let targets = duban::config::targets::load("config/targets.csv", &text).expect("targets");
    targets_batch(&targets).expect("targets")
}

pub fn units() -> RecordBatch {
    let unit = |code: &str, name: &str, level: &str, parent: Option<&str>, group: Option<&str>| {
        json!({"code": code, "name": name, "level": level, "kind": "", "parent": parent,
               "group_code": group})
    };
    let rows = [
        unit("d", "某区", "district", None, None),
        unit("b", "某区教育局", "bureau", Some("d"), None),
        unit("g", "第一组团", "group", Some("d"), None),
        unit("t1", "甲镇", "town", Some("d"), Some("g")),
        unit("t2", "乙镇", "town", Some("d"), Some("g")),
        unit("t3", "丙街道", "town", Some("d"), None),
        unit("p1", "某园区", "park", Some("t3"), None),
    ];
    duban::engine::batch_from_json(&reserved_schema("units").expect("units"), &rows).expect("units")
}

/// What a test's cases and engines have unless they say otherwise.
pub fn tables() -> Vec<(String, RecordBatch)> {
    vec![
        ("units".to_owned(), units()),
        ("periods".to_owned(), periods()),
        ("targets".to_owned(), targets()),
    ]
    .into_iter()
    .chain(references())
    .collect()
}

/// The repository's own reference tables.
pub fn references() -> Vec<(String, RecordBatch)> {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let files = duban::config::files::under(&config, &["reference"], "csv").expect("files");
    let load = |(file, text): (String, String)| {
        let table = duban::config::reference::load(&file, &text);
        let table = table.unwrap_or_else(|problems| panic!("{}", problems[0]));
        (table.name, table.batch)
    };
    files.into_iter().map(load).collect()
}

/// The columns of `<data set>_versions`.
fn versions_schema(schema: &SchemaRef) -> SchemaRef {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let more = ["_recorded_at", "_superseded_at"]
        .map(|name| Arc::new(Field::new(name, instant.clone(), true)));
    Arc::new(Schema::new(schema.fields().iter().cloned().chain(more).collect::<Vec<_>>()))
}

/// An engine with every data set, its versions and every reserved table, filled from JSON rows by table.
pub fn engine(rows: &[(&str, Vec<Value>)]) -> Engine {
    let engine = Engine::new(Limits::default()).expect("engine");
    let reserved =
        reserved_tables().map(|name| (name.to_owned(), reserved_schema(name).expect("schema")));
    for (name, schema) in datasets() {
        let (name, schema) = (format!("{name}_versions"), versions_schema(&schema));
        engine.register_batches(&name, Arc::clone(&schema), vec![]).expect("register");
        let Some((_, rows)) = rows.iter().find(|(table, _)| name == format!("{table}_versions"))
        else {
            continue;
        };
        // All that is given is known since one instant, and still is.
        let known = |row: &Value| {
            let mut row = row.clone();
            row["_recorded_at"] = json!("2024-10-12T09:30:00Z");
            row
        };
        let rows: Vec<Value> = rows.iter().map(known).collect();
        let batch = duban::engine::batch_from_json(&schema, &rows).expect("versions");
        engine.register_batches(&name, schema, vec![batch]).expect("register");
    }
    for (name, schema) in datasets().into_iter().chain(reserved) {
        let given = rows.iter().find(|(table, _)| *table == name);
        let batch = given.map(|(_, rows)| {
            duban::engine::batch_from_json(&schema, rows).unwrap_or_else(|e| panic!("{name}: {e}"))
        });
        engine.register_batches(&name, schema, batch.into_iter().collect()).expect("register");
    }
    for (name, batch) in tables() {
        if !rows.iter().any(|(table, _)| *table == name) {
            engine.register_batches(&name, batch.schema(), vec![batch]).expect("register");
        }
    }
    engine
}
