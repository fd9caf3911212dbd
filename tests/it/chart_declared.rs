//! Charts declared in the front matter, and the words of `chart(…)`.

use std::collections::BTreeMap;

use duban::config::report::ReportDefinition;
use duban::diagnostic::Diagnostic;
use duban::report::document::{Block, Chart, ChartShape, Value};
use duban::report::{ColumnKind, QueryRows, check, render};

use crate::report_template::{context, rows};

const FILE: &str = "report_templates/t/report.md.j2";

/// The charts' tables begin on line 8.
fn load(charts: &str, body: &str) -> Result<ReportDefinition, Vec<Diagnostic>> {
    let text = format!(
        "+++\ntitle = \"报告\"\nto = [\"secretariat\"]\nformats = [\"html\"]\n[queries]\ntowns = \"SELECT 1\"\nlines = \"SELECT 2\"\n{charts}+++\n{body}"
    );
    ReportDefinition::load("t", FILE, &text)
}

const COLUMNS: [(&str, ColumnKind); 5] = [
    ("unit_name", ColumnKind::Text),
    ("month", ColumnKind::Text),
    ("share", ColumnKind::Float),
    ("before", ColumnKind::Float),
    ("met", ColumnKind::Bool),
];

fn results() -> BTreeMap<String, QueryRows> {
    let text = |text: &str| Value::Text(text.to_owned());
    let row = |unit: &str, month: &str, share: Value, met: Value| {
        vec![text(unit), text(month), share, Value::Float(0.4), met]
    };
    let (yes, no) = (Value::Bool(true), Value::Bool(false));
    let towns = vec![
        row("高村镇", "2024年1月", Value::Float(0.45), no.clone()),
        row("梅厂镇", "2024年1月", Value::Null, Value::Null),
        row("城关镇", "2024年1月", Value::Float(0.55), yes),
        row("高村镇", "2024年2月", Value::Float(0.49), no),
    ];
    let lines = [("label", ColumnKind::Text), ("value", ColumnKind::Float)];
    let line = vec![vec![text("目标50%"), Value::Float(0.5)]];
    BTreeMap::from([("towns".into(), rows(&COLUMNS, towns)), ("lines".into(), rows(&lines, line))])
}

fn join(problems: &[Diagnostic]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn drawn(charts: &str, body: &str) -> Chart {
    let definition = load(charts, body).unwrap_or_else(|problems| panic!("{}", join(&problems)));
    let rendered = render(&definition, &results(), &context())
        .unwrap_or_else(|problems| panic!("{}", join(&problems)));
    match rendered.document.blocks.into_iter().next() {
        Some(Block::Chart(chart)) => chart,
        other => panic!("no chart: {other:?}"),
    }
}

/// What `check config` says.
fn refused(charts: &str, body: &str) -> String {
    let definition = match load(charts, body) {
        Ok(definition) => definition,
        Err(problems) => return join(&problems),
    };
    let schemas = results().into_iter().map(|(name, rows)| (name, rows.columns)).collect();
    join(&check(&definition, &schemas))
}

const HEAT: &str = "[charts.heat]\nquery = \"towns\"\ntype = \"heat\"\nx = \"month\"\nby = \"unit_name\"\n\
    series = [{ name = \"share\", met = \"met\" }]\ntargets = \"lines\"\nformat = \"percent\"\ncaption = \"占比\"\n";

#[test]
fn a_declared_chart_is_printed_by_its_name_and_spread_over_months_and_towns() {
    let chart = drawn(HEAT, "{{ chart(\"heat\") }}");
    assert_eq!((chart.name.as_str(), chart.caption.as_str()), ("heat", "占比"));
    assert_eq!(chart.shape, ChartShape::Heat);
    assert_eq!(chart.categories, ["2024年1月", "2024年2月"]);
    let names: Vec<&str> = chart.series.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["高村镇", "梅厂镇", "城关镇"]);
    assert_eq!(chart.series[0].values, [Some(0.45), Some(0.49)]);
    assert_eq!(chart.series[0].missed, [true, true]);
    assert_eq!(chart.series[1].values, [None, None], "who has not reported has no value");
    assert_eq!(chart.series[2].missed, [false, false], "a month without a row is not missed");
    assert_eq!(chart.targets, [("目标50%".to_owned(), 0.5)]);
    assert_eq!(refused(HEAT, "{{ chart(\"heat\") }}"), "");
}

#[test]
fn what_the_call_says_goes_before_what_the_table_says() {
    let chart = drawn(HEAT, "{{ chart(\"heat\", caption=\"另一题\" ~ period.label) }}");
    assert_eq!(chart.caption, "另一题2024年12月");
}

#[test]
fn type_and_series_are_other_names_of_shape_and_y() {
    let body = "{{ chart(\"towns\", type=\"dumbbell\", x=\"unit_name\", series=[col(\"before\", \"上年\"), col(\"share\", \"本期\", met=\"met\")], sort=\"down\") }}";
    let chart = drawn("", body);
    assert_eq!(chart.shape, ChartShape::Dumbbell);
    assert_eq!(
        chart.categories,
        ["城关镇", "高村镇", "高村镇", "梅厂镇"],
        "highest first, missing last"
    );
    assert_eq!(chart.series[1].values, [Some(0.55), Some(0.49), Some(0.45), None]);
}

#[test]
fn what_is_wrong_with_a_declared_chart_is_said_with_its_line() {
    let wrong = |from: &str, to: &str| refused(&HEAT.replace(from, to), "文");
    for (from, to, line, said) in [
        ("query = \"towns\"", "query = \"town\"", 9, "no query"),
        ("caption", "captoin", 16, "did you mean `caption`"),
        ("x = \"month\"", "x = \"moth\"", 11, "did you mean `month`"),
        ("\"heat\"\nx", "\"heta\"\nx", 10, "shape"),
        ("name = \"share\"", "name = \"unit_name\"", 0, "holds no numbers"),
        ("met = \"met\"", "met = \"share\"", 0, "not true or false"),
        ("targets = \"lines\"", "targets = \"line\"", 14, "did you mean `lines`"),
    ] {
        let told = wrong(from, to);
        assert!(told.contains(said), "{to}: {told}");
        assert!(line == 0 || told.contains(&format!("{FILE}:{line}")), "{to} on {line}: {told}");
    }
    let unnamed = HEAT.replace("query = \"towns\"\n", "");
    assert!(refused(&unnamed, "文").contains("the chart `heat` names no query"));
    assert!(
        refused("", "{{ chart(\"towns\", shap=\"bar\", x=\"month\", y=\"share\") }}")
            .contains("did you mean `shape`")
    );
}

#[test]
fn two_values_for_one_cell_and_a_value_that_is_no_number_are_refused() {
    let definition = load(HEAT, "{{ chart(\"heat\") }}").expect("loads");
    let mut twice = results();
    let towns = twice.get_mut("towns").expect("towns");
    towns.rows.push(towns.rows[0].clone());
    let told = join(&render(&definition, &twice, &context()).expect_err("refused"));
    assert!(told.contains("two rows give a value for 高村镇 and 2024年1月"), "{told}");
    let mut nan = results();
    nan.get_mut("towns").expect("towns").rows[0][2] = Value::Float(f64::NAN);
    let told = join(&render(&definition, &nan, &context()).expect_err("refused"));
    assert!(told.contains("holds NaN"), "{told}");
}
