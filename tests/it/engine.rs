use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use duban::calendar::Calendar;
use duban::engine::{
    Cell, Engine, Limits, Param, SqlError, VersionFile, batch_from_json, calendar_batch,
    reserved_schema, reserved_tables, units_batch,
};
use duban::model::{Level, Unit, UnitCode, UnitDirectory};
use jiff::civil::date;
use parquet::arrow::ArrowWriter;
use serde_json::json;

use crate::metric_world;

fn empty(limits: Limits) -> Engine {
    Engine::new(limits).expect("engine")
}

async fn refusal(engine: &Engine, sql: &str) -> String {
    match engine.query(sql, &[]).await {
        Ok(result) => panic!("{sql} gave {} rows", result.n_rows()),
        Err(error) => error.to_string(),
    }
}

fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
    let field = |(name, data_type): &(&str, DataType)| Field::new(*name, data_type.clone(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn towns() -> SchemaRef {
    schema(&[("town", DataType::Utf8), ("children", DataType::Int64)])
}

fn batch(rows: &[(&str, i64)]) -> RecordBatch {
    let names: StringArray = rows.iter().map(|row| Some(row.0)).collect();
    let counts: Int64Array = rows.iter().map(|row| Some(row.1)).collect();
    let columns: Vec<ArrayRef> = vec![Arc::new(names), Arc::new(counts)];
    RecordBatch::try_new(towns(), columns).expect("batch")
}

fn write(folder: &Path, name: &str, batch: &RecordBatch) -> PathBuf {
    let path = folder.join(name);
    let file = fs_err::File::create(&path).expect("file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("writer");
    writer.write(batch).expect("rows");
    writer.close().expect("closed");
    path
}

#[tokio::test]
async fn only_reading_is_allowed() {
    let folder = tempfile::tempdir().expect("folder");
    let secret = folder.path().join("secret.csv");
    fs_err::write(&secret, "a,b\n1,2\n").expect("file");
    let secret = secret.display();
    let engine = metric_world::engine(&[]);
    for sql in [
        "CREATE TABLE x AS SELECT 1".to_owned(),
        "CREATE VIEW x AS SELECT 1".to_owned(),
        format!("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '{secret}'"),
        format!("COPY (SELECT 1) TO '{secret}'"),
        "INSERT INTO units VALUES ('a')".to_owned(),
        "DELETE FROM units".to_owned(),
        "DROP TABLE units".to_owned(),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        "EXPLAIN COPY (SELECT 1) TO 'x.csv'".to_owned(),
        "SELECT 1; SELECT 2".to_owned(),
        "SELECT * INTO x FROM units".to_owned(),
    ] {
        let said = refusal(&engine, &sql).await;
        let known = ["not allowed", "more than one statement", "not supported"];
        assert!(known.iter().any(|words| said.contains(words)), "{sql}: {said}");
    }
    for sql in [format!("SELECT * FROM '{secret}'"), format!("SELECT * FROM \"{secret}\"")] {
        let said = refusal(&engine, &sql).await;
        assert!(said.contains("there is no table"), "{sql}: {said}");
    }
    assert_eq!(
        fs_err::read_to_string(folder.path().join("secret.csv")).expect("file"),
        "a,b\n1,2\n"
    );
    let described = engine.query("DESCRIBE units", &[]).await.expect("allowed");
    assert_eq!(described.n_rows(), 6);
    assert!(engine.query("EXPLAIN SELECT * FROM units", &[]).await.expect("allowed").n_rows() > 0);
}

#[tokio::test]
async fn a_fault_in_the_text_is_said_with_its_place_and_the_nearest_name() {
    let engine = metric_world::engine(&[]);
    let place = async |sql: &str| {
        let error = engine.query(sql, &[("period", Param::from("2024-09"))]).await.expect_err(sql);
        error.to_diagnostic("q.sql", sql, 0).to_string()
    };
    assert_eq!(
        place("SELECT code,\n       u.nmae\nFROM units u").await,
        "q.sql:2:8: table `u` has no column `nmae`\n     2 |        u.nmae\n       |        ^\n  \
         hint: did you mean `name`?"
    );
    assert_eq!(
        place("SELECT *\nFROM enrolment").await,
        "q.sql:2:6: there is no table `enrolment`\n     2 | FROM enrolment\n       |      ^\n  \
         hint: did you mean `enrollment`?"
    );
    assert_eq!(
        place("SELECT *\nFORM units").await.lines().next(),
        Some("q.sql:2:1: Expected: end of statement, found: FORM")
    );
    assert_eq!(
        place("SELECT lenght(name) FROM units").await,
        "q.sql:1:8: there is no function `lenght`\n     1 | SELECT lenght(name) FROM units\n       \
         |        ^\n  hint: did you mean `length`?"
    );
    let missing = place("SELECT * FROM units WHERE name = $town").await;
    assert!(missing.starts_with("q.sql:1:34: unknown parameter `$town`"), "{missing}");
    assert!(missing.ends_with("hint: known here: $period"), "{missing}");
    // A query in a larger file: the lines above it count.
    let front = "+++\ntitle = 'x'\n+++\nSELECT nmae FROM units";
    let error = engine.query("SELECT nmae FROM units", &[]).await.expect_err("typo");
    let diagnostic = error.to_diagnostic("report.md.j2", front, 3);
    assert_eq!((diagnostic.line, diagnostic.column), (Some(4), Some(8)));
    assert_eq!(diagnostic.excerpt.as_deref(), Some("SELECT nmae FROM units"));
}

#[tokio::test]
async fn parameters_are_values_wherever_they_stand_and_never_sql() {
    let engine = empty(Limits::default());
    engine.register_batches("t", towns(), vec![batch(&[("甲镇", 3), ("乙镇", 4)])]).expect("table");
    let params = [
        ("name", Param::from("甲镇")),
        ("day", Param::from(date(2024, 9, 1))),
        ("evil", Param::from("x' OR '1'='1")),
        ("share", Param::Float(1.0)),
        ("none", Param::Null),
    ];
    let result = engine
        .query(
            "SELECT $name AS name, $day AS day, $share / 2 AS half, children FROM t \
             WHERE town = $name AND $none IS NULL",
            &params,
        )
        .await
        .expect("query");
    let row = result.rows().next().expect("a row");
    assert_eq!(row.text("name"), Some("甲镇"));
    assert_eq!(*row.get("day"), Cell::Date(date(2024, 9, 1)));
    assert_eq!((row.float("half"), row.int("children")), (Some(0.5), Some(3)));
    let none = engine.query("SELECT * FROM t WHERE town = $evil", &params).await.expect("query");
    assert_eq!(none.n_rows(), 0);
}

#[tokio::test]
async fn a_query_may_not_run_for_ever() {
    let engine = empty(Limits { timeout: Duration::from_millis(200), ..Limits::default() });
    let reads = "SELECT count(*) FROM generate_series(1, 10000000) a \
                 CROSS JOIN generate_series(1, 10000000) b WHERE a.value % 7 = b.value % 11";
    // Reads its inputs in no time: all of it is the joins' output, which nobody waits for.
    let gives = "SELECT count(*) FROM generate_series(1, 100000) a \
                 JOIN generate_series(1, 100000) b ON a.value % 7 = b.value % 11 \
                 JOIN generate_series(1, 100000) c ON a.value % 7 = c.value % 5";
    for long in [reads, gives] {
        let error = engine.query(long, &[]).await.expect_err("stopped");
        assert!(matches!(error, SqlError::TooLong { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_query_may_not_give_more_rows_or_take_more_memory_than_allowed() {
    let engine = empty(Limits { max_rows: 100, memory_bytes: 4 << 20, ..Limits::default() });
    let of = async |n: i64| {
        engine.query(&format!("SELECT value FROM generate_series(1, {n})"), &[]).await
    };
    assert_eq!(of(100).await.expect("allowed").n_rows(), 100);
    assert!(matches!(of(101).await, Err(SqlError::TooManyRows { limit: 100 })));
    let large = "SELECT max(n) FROM (SELECT count(*) AS n FROM generate_series(1, 1000000) \
                 GROUP BY value * 7919 % 1000003)";
    let error = engine.query(large, &[]).await.expect_err("too large");
    assert!(matches!(error, SqlError::OutOfMemory { .. }), "{error}");
}

#[tokio::test]
async fn parquet_files_are_one_table_and_none_is_an_empty_one() {
    // A home may lie in a folder with a Chinese name and a blank.
    let folder = tempfile::Builder::new().prefix("武清 100%").tempdir().expect("folder");
    let files = [
        write(folder.path(), "2024-09.parquet", &batch(&[("甲镇", 1), ("乙镇", 2)])),
        write(folder.path(), "2024-10.parquet", &batch(&[("甲镇", 4)])),
    ];
    let wider = schema(&[
        ("town", DataType::Utf8),
        ("children", DataType::Int64),
        ("added_later", DataType::Utf8),
    ]);
    let engine = empty(Limits::default());
    engine.register_parquet("t", wider.clone(), &files).expect("register");
    engine.register_parquet("none", wider, &[]).expect("register");
    let sql = "SELECT town, SUM(children) AS n, COUNT(added_later) AS later FROM t \
               WHERE children > 1 GROUP BY town ORDER BY town";
    let result = engine.query(sql, &[]).await.expect("query");
    assert_eq!(
        result.to_json(),
        [json!({"town": "乙镇", "n": 2, "later": 0}), json!({"town": "甲镇", "n": 4, "later": 0})]
    );
    assert_eq!(result.schema().field(0).data_type(), &DataType::Utf8);
    let result = engine.query("SELECT count(*) AS n FROM none", &[]).await.expect("query");
    assert_eq!(result.to_json(), [json!({"n": 0})]);
    let gone = [folder.path().join("gone.parquet")];
    let error = engine.register_parquet("t", towns(), &gone).expect_err("no file");
    assert!(matches!(error, SqlError::ReadFile { .. }), "{error}");
}

#[tokio::test]
async fn versions_say_what_was_known_when() {
    let folder = tempfile::tempdir().expect("folder");
    let version = |name: &str, rows: &[(&str, i64)], from: &str, to: Option<&str>| VersionFile {
        path: write(folder.path(), name, &batch(rows)),
        recorded_at: from.parse().expect("an instant"),
        superseded_at: to.map(|to| to.parse().expect("an instant")),
    };
    let files = [
        version("1.parquet", &[("甲镇", 1)], "2024-10-01T00:00:00Z", Some("2024-10-05T00:00:00Z")),
        version("2.parquet", &[("甲镇", 2)], "2024-10-05T00:00:00Z", None),
    ];
    let engine = empty(Limits::default());
    engine.register_versions("t", towns(), &files).expect("register");
    let known = async |at: &str| {
        let sql = "SELECT children FROM t_versions WHERE _recorded_at <= CAST($at AS TIMESTAMP) \
                   AND (_superseded_at IS NULL OR _superseded_at > CAST($at AS TIMESTAMP))";
        let result = engine.query(sql, &[("at", Param::from(at))]).await.expect("query");
        result.rows().map(|row| row.int("children").expect("a number")).collect::<Vec<_>>()
    };
    assert_eq!(known("2024-09-30T00:00:00Z").await, Vec::<i64>::new());
    assert_eq!(known("2024-10-03T00:00:00Z").await, [1]);
    assert_eq!(known("2024-10-05T00:00:00Z").await, [2]);
    let result = engine.query("SELECT * FROM t_versions ORDER BY children", &[]).await;
    let result = result.expect("query");
    assert_eq!(result.columns(), ["town", "children", "_recorded_at", "_superseded_at"]);
    let last = result.rows().last().expect("a row");
    assert!(last.get("_superseded_at").is_null());
    let at = "2024-10-05T00:00:00Z".parse().expect("an instant");
    assert_eq!(*last.get("_recorded_at"), Cell::Timestamp(at));
}

#[tokio::test]
async fn hundreds_of_small_versions_are_scanned_in_one_query() {
    let folder = tempfile::tempdir().expect("folder");
    let files: Vec<VersionFile> = (0..300)
        .map(|i| VersionFile {
            path: write(folder.path(), &format!("{i}.parquet"), &batch(&[("甲镇", i)])),
            recorded_at: jiff::Timestamp::from_second(i).expect("an instant"),
            superseded_at: None,
        })
        .collect();
    let engine = empty(Limits::default());
    engine.register_versions("t", towns(), &files).expect("register");
    let result = engine.query("SELECT SUM(children) AS n FROM t_versions", &[]).await;
    assert_eq!(result.expect("query").to_json(), [json!({"n": 299 * 300 / 2})]);
}

#[tokio::test]
async fn results_are_written_as_json_csv_and_a_table() {
    let engine = empty(Limits::default());
    let sql = "SELECT * FROM (VALUES \
        ('甲镇', 3, 0.5, true, CAST('2024-09-01' AS DATE), CAST(NULL AS VARCHAR)), \
        ('a,\"b\"', 12, 1.0, false, NULL, '')) AS t(town, n, rate, met, day, note)";
    let result = engine.query(sql, &[]).await.expect("query");
    assert_eq!(
        result.to_csv(),
        "town,n,rate,met,day,note\n甲镇,3,0.5,true,2024-09-01,\n\"a,\"\"b\"\"\",12,1,false,,\"\"\n"
    );
    assert_eq!(
        result.to_ndjson().lines().next(),
        Some(r#"{"town":"甲镇","n":3,"rate":0.5,"met":true,"day":"2024-09-01","note":null}"#)
    );
    assert_eq!(
        result.to_table(),
        "town   n   rate  met    day         note\n\
         -----  --  ----  -----  ----------  ----\n\
         甲镇    3   0.5  true   2024-09-01\n\
         a,\"b\"  12     1  false\n"
    );
}

#[tokio::test]
async fn a_division_by_zero_says_how_to_avoid_it() {
    let engine = empty(Limits::default());
    engine.register_batches("t", towns(), vec![batch(&[("甲镇", 0)])]).expect("table");
    let sql = "SELECT 1 / children AS x FROM t";
    let error = engine.query(sql, &[]).await.expect_err("fails");
    assert!(matches!(error, SqlError::Execution { .. }), "{error}");
    let hint = error.to_diagnostic("q.sql", sql, 0).hint.expect("a hint");
    assert!(hint.contains("NULLIF"), "{hint}");
}

#[test]
fn reserved_tables_have_the_columns_of_the_reference() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/definitions.md");
    let text = fs_err::read_to_string(path).expect("definitions.md");
    let section = text.split("## In SQL").nth(1).expect("the section");
    let mut n_tables = 0;
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let mut quoted = line.split('`').skip(1).step_by(2);
        let (name, columns) = (quoted.next().expect("name"), quoted.next().expect("columns"));
        let schema = reserved_schema(name).unwrap_or_else(|| panic!("no reserved table {name}"));
        let found: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        assert_eq!(found.join(", "), columns, "{name}");
        n_tables += 1;
    }
    assert_eq!(n_tables, reserved_tables().count());
}

#[test]
fn rows_of_the_ledger_become_a_batch_or_name_the_cell() {
    let schema = reserved_schema("items").expect("items");
    let row = json!({"item_no": 1, "check_id": "c", "subject_kind": "town", "subject_code": "t1",
        "data_passes": 1, "opened_on": "2024-10-14", "observed": 0.5});
    let batch = batch_from_json(&schema, std::slice::from_ref(&row)).expect("batch");
    assert_eq!((batch.num_rows(), batch.num_columns()), (1, 47));
    assert_eq!(batch_from_json(&schema, &[]).expect("batch").num_rows(), 0);
    let mut wrong = row.clone();
    wrong["opened_on"] = json!("14.10.2024");
    let error = batch_from_json(&schema, &[row.clone(), wrong]).expect_err("no day");
    assert_eq!(
        error.to_string(),
        "row 1: column opened_on takes a day as 2024-09-01, not \"14.10.2024\""
    );
    let mut unknown = row;
    unknown["opened"] = json!("x");
    let error = batch_from_json(&schema, &[unknown]).expect_err("unknown");
    assert_eq!(error.to_string(), "row 0: there is no column opened");
}

#[tokio::test]
async fn the_calendar_counts_working_days() {
    let off = (1..=7).map(|day| (date(2024, 10, day), false));
    let calendar = Calendar::new(off.chain([(date(2024, 10, 12), true)]).collect());
    let engine = empty(Limits::default());
    let batch = calendar_batch(&calendar, 2024, 2025).expect("calendar");
    assert_eq!(batch.num_rows(), 366 + 365);
    engine.register_batches("calendar", batch.schema(), vec![batch]).expect("register");
    let sql = "SELECT b.workday_no - a.workday_no AS n, b.provisional FROM calendar a, calendar b \
               WHERE a.date = DATE '2024-09-30' AND b.date = CAST($to AS DATE)";
    for (to, n, provisional) in [("2024-10-12", 5, false), ("2025-01-01", 63, true)] {
        let result = engine.query(sql, &[("to", Param::from(to))]).await.expect("query");
        assert_eq!(result.to_json(), [json!({"n": n, "provisional": provisional})], "{to}");
        let days = calendar.workdays_between(date(2024, 9, 30), to.parse().expect("a day"));
        assert_eq!(days, n);
    }
}

#[tokio::test]
async fn units_keep_their_group_and_parent() {
    let unit = |code: &str, level: Level, parent: Option<&str>, group: Option<&str>| Unit {
        code: UnitCode::new(code),
        name: format!("{code}名"),
        level,
        kind: "镇".to_owned(),
        parent: parent.map(UnitCode::new),
        group: group.map(UnitCode::new),
        aliases: vec![],
    };
    let units = UnitDirectory::new(vec![
        unit("d", Level::District, None, None),
        unit("t", Level::Town, Some("d"), Some("g")),
    ]);
    let engine = empty(Limits::default());
    let batch = units_batch(&units).expect("units");
    engine.register_batches("units", batch.schema(), vec![batch]).expect("register");
    let result =
        engine.query("SELECT * FROM units WHERE level = 'town'", &[]).await.expect("query");
    assert_eq!(
        result.to_json(),
        [json!({"code": "t", "name": "t名", "level": "town", "kind": "镇", "parent": "d",
            "group_code": "g"})]
    );
}

#[test]
fn targets_are_fractions_and_their_faults_name_the_line() {
    let load = |text: &str| duban::config::targets::load("config/targets.csv", text);
    let header = "metric,level,unit_code,target_set,num,den,op,valid_from,valid_to\n";
    let good = load(&format!("{header}public_share,town,,campaign,50,100,>=,2023-01-01,\n"));
    let target = good.expect("targets").remove(0);
    assert_eq!((target.num, target.den, target.unit_code), (50, 100, None));
    assert_eq!(target.valid_from, Some(date(2023, 1, 1)));
    let wrong = format!(
        "{header}a,town,,campaign,50,100,>=,,\nb,twon,,campaign,0.5,0,=,1.1.2023,\n\
         a,town,,campaign,60,100,>=,2024-01-01,\n"
    );
    let problems = load(&wrong).expect_err("faults");
    let said: Vec<String> =
        problems.iter().map(|p| format!("{}: {}", p.line.unwrap_or(0), p.message)).collect();
    assert_eq!(
        said,
        [
            "3: \"twon\" is no level",
            "3: \"=\" is no comparison",
            "3: `num` is \"0.5\"",
            "3: `den` is \"0\"",
            "3: `valid_from` is \"1.1.2023\"",
            "4: a second target of `a` for town in set `campaign` at the same time (the other: 50/100)",
        ]
    );
    let problems = load("metric,level,unit,target_set,num,den,op,valid_from,valid_to\n");
    assert!(problems.expect_err("header")[0].message.contains("unknown column `unit`"));
}
