//! Every kind of chart: drawn full and thin, its numbers as a table, its message as a sentence.

use duban::model::Light;
use duban::report::chart::{self, ChartError, Style, describe};
use duban::report::document::{Block, Chart, ChartShape, Document, Format, Series, Value};
use duban::report::pdf::{self, PdfMeta};
use resvg::tiny_skia::Pixmap;

use crate::report_chart::{fonts, has_chinese_font, keep, towns, trend};

fn months(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("{}年{}月", 2023 + i / 12, i % 12 + 1)).collect()
}

fn share(i: usize, k: usize) -> f64 {
    let wobble = f64::from(u32::try_from((i * 7 + k * 13) % 40).unwrap_or(0));
    0.32 + wobble / 100.0 + f64::from(u32::try_from(k).unwrap_or(0)) * 0.004 + 0.000_13
}

/// 31 towns over 24 months, a town missing now and then; judged against 50 %.
fn heat() -> Chart {
    let mut names = towns().categories;
    names.push("直属园（教育局）".to_owned());
    let series = names
        .into_iter()
        .enumerate()
        .map(|(i, name)| {
            let values: Vec<Option<f64>> =
                (0..24).map(|k| (!(i + k * 3).is_multiple_of(29)).then(|| share(i, k))).collect();
            let missed = values.iter().map(|v| v.is_some_and(|v| v < 0.5)).collect();
            Series { name, values, missed, light: None }
        })
        .collect();
    let mut chart = Chart {
        name: "heat".to_owned(),
        caption: "各镇街公办园在园幼儿占比逐月情况".to_owned(),
        shape: ChartShape::Heat,
        categories: months(24),
        series,
        targets: vec![("目标50%".to_owned(), 0.5)],
        format: Format::Percent,
        category_title: "镇街".to_owned(),
        ..Chart::default()
    };
    chart.alt = describe(&chart);
    chart
}

/// The same over four months: wide cells, whole headings.
fn small_heat() -> Chart {
    let mut chart = heat();
    "small_heat".clone_into(&mut chart.name);
    chart.categories.truncate(4);
    for series in &mut chart.series {
        series.values.truncate(4);
        series.missed.truncate(4);
    }
    chart
}

fn lights(n: usize) -> Chart {
    let series = |name: &str, light, of: fn(usize) -> usize| Series {
        name: name.to_owned(),
        values: (0..n).map(|i| u32::try_from(of(i)).ok().map(f64::from)).collect(),
        missed: Vec::new(),
        light: Some(light),
    };
    Chart {
        name: format!("lights_{n}"),
        caption: "在办督办事项灯号".to_owned(),
        shape: ChartShape::Stacked,
        categories: months(n),
        series: vec![
            series("红灯", Light::Red, |i| 4 + i * 3 % 17),
            series("黄灯", Light::Yellow, |i| 30 + i * 11 % 40),
            series("绿灯", Light::Green, |i| 210 + i * 37 % 90),
        ],
        category_title: "月份".to_owned(),
        ..Chart::default()
    }
}

fn groups() -> Chart {
    let names = [
        "第一组团",
        "第二组团",
        "第三组团",
        "第四组团",
        "第五组团",
        "第六组团",
        "第七组团",
        "第八组团",
    ];
    let one = |name: &str, values: [Option<f64>; 8]| Series {
        name: name.to_owned(),
        values: values.to_vec(),
        ..Series::default()
    };
    let before = [0.45, 0.48, 0.52, 0.41, 0.49, 0.55, 0.47, 0.50].map(Some);
    let mut now = [0.512, 0.495, 0.518, 0.478, 0.531, 0.55, 0.49996, 0.0].map(Some);
    now[7] = None;
    Chart {
        name: "groups".to_owned(),
        caption: "各组团公办园在园幼儿占比".to_owned(),
        shape: ChartShape::Dumbbell,
        categories: names.map(str::to_owned).to_vec(),
        series: vec![one("2023年9月", before), one("2024年12月", now)],
        targets: vec![("目标50%".to_owned(), 0.5)],
        format: Format::Percent,
        missed: vec![false, true, false, true, false, false, true, false],
        category_title: "组团".to_owned(),
        references: vec![("全区51.20%".to_owned(), 0.512)],
        ..Chart::default()
    }
}

/// Three rates over two years, with a gap, and points that miss.
fn long_trend() -> Chart {
    let mut chart = trend();
    "long_trend".clone_into(&mut chart.name);
    chart.categories = months(24);
    for (s, series) in chart.series.iter_mut().enumerate() {
        let from = [0.88, 0.79, 0.44][s];
        let rise = |i: usize| from + 0.0031 * f64::from(u32::try_from(i).unwrap_or(0));
        series.values = (0..24).map(|i| (s != 1 || i != 9).then(|| rise(i))).collect();
        let target = [0.93, 0.85, 0.5][s];
        series.missed = series.values.iter().map(|v| v.is_some_and(|v| v < target)).collect();
    }
    chart
}

fn forty() -> Chart {
    let mut chart = towns();
    "forty".clone_into(&mut chart.name);
    chart.categories = (1..=40).map(|i| format!("示例第{i}镇")).collect();
    chart.series[0].values = (0..40).map(|i| Some(1.04 - 0.02 * f64::from(i))).collect();
    chart.missed = chart.series[0].values.iter().map(|v| v.is_some_and(|v| v < 0.5)).collect();
    chart
}

fn all() -> Vec<Chart> {
    vec![
        trend(),
        long_trend(),
        towns(),
        forty(),
        heat(),
        small_heat(),
        lights(4),
        lights(24),
        groups(),
    ]
}

#[test]
fn every_kind_is_drawn_full_and_thin_with_the_same_bytes_twice() {
    if !has_chinese_font("every_kind_is_drawn") {
        return;
    }
    let fonts = fonts();
    for chart in all() {
        let name = &chart.name;
        let svg = chart::svg(&chart, &Style::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(svg, chart::svg(&chart, &Style::default()).expect("drawn"), "{name}");
        keep(&format!("{name}.svg"), svg.as_bytes());
        let scale = if std::env::var_os("DUBAN_KEEP_PICTURES").is_some() { 2.0 } else { 1.0 };
        let png = chart::png(&svg, &fonts, scale).unwrap_or_else(|e| panic!("{name}: {e}"));
        keep(&format!("{name}.png"), &png);
        let picture = Pixmap::decode_png(&png).expect("png");
        assert!(picture.height() >= 200, "{name}");
    }
}

#[test]
fn a_full_heat_table_has_a_number_in_every_cell_and_a_mark_on_those_that_miss() {
    let chart = heat();
    let svg = chart::svg(&chart, &Style::default()).expect("drawn");
    let cells = chart.series.iter().flat_map(|s| s.values.iter().zip(&s.missed));
    let n_missed = cells.clone().filter(|(_, missed)| **missed).count();
    let n_empty = cells.clone().filter(|(value, _)| value.is_none()).count();
    assert!(n_missed > 100 && n_empty > 10);
    // Three marks are the legend's own.
    assert_eq!(svg.matches("width=\"3.5\" height=\"3.5\"").count(), n_missed + 3);
    assert_eq!(svg.matches(">缺<").count(), n_empty);
    assert!(svg.contains(">2023年<") && svg.contains(">2024年<"));
}

#[test]
fn a_narrow_cell_never_rounds_a_failing_value_up_to_its_target() {
    let mut chart = heat();
    chart.series[0].values[1] = Some(0.499_96);
    chart.series[0].missed[1] = true;
    for series in &mut chart.series[1..] {
        series.values = vec![Some(0.6); 24];
        series.missed = vec![false; 24];
    }
    for (k, value) in chart.series[0].values.iter_mut().enumerate() {
        if k != 1 {
            *value = Some(0.7);
        }
    }
    let svg = chart::svg(&chart, &Style::default()).expect("drawn");
    assert!(svg.contains(">49.9<"), "49.996 stays below 50");
    assert!(!svg.contains(">50.0<"));
}

#[test]
fn a_bar_that_misses_says_by_how_much() {
    let svg = chart::svg(&towns(), &Style::default()).expect("drawn");
    // 高村镇: 0.78 − 0.014 × 28 = 0.388, eleven points and a fifth from the half.
    assert!(svg.contains(">38.80%（差11.20）<"), "{svg}");
    assert!(svg.contains(">50.00%<"), "who meets it has no gap");
    assert!(svg.contains(">全区55.12%<"));
}

#[test]
fn the_numbers_of_a_chart_are_a_table() {
    let table = heat().table();
    assert_eq!((table.columns.len(), table.rows.len()), (25, 31));
    assert_eq!(table.columns[0].heading, ["镇街"]);
    assert_eq!(table.rows[0].cells[0].text, "杨村街道");
    // The first town in its first month is missing, and stays so.
    assert_eq!(
        (&table.rows[0].cells[1].value, table.rows[0].cells[1].text.as_str()),
        (&Value::Null, "缺报")
    );

    let table = groups().table();
    let row: Vec<&str> = table.rows[6].cells.iter().map(|cell| cell.text.as_str()).collect();
    assert_eq!(row, ["第七组团", "47.00%", "49.99%", "+3.00"]);
    assert_eq!(table.rows[6].cells[2].light, Some(Light::Red));
    assert_eq!(table.rows[6].cells[1].light, None, "what was is not judged");
    assert_eq!(table.rows[7].cells[2].text, "缺报");

    let table = lights(4).table();
    let row: Vec<&str> = table.rows[0].cells.iter().map(|cell| cell.text.as_str()).collect();
    assert_eq!(row, ["2023年1月", "4", "30", "210", "244"]);
    assert_eq!(table.rows[0].cells[4].value, Value::Int(244));
}

#[test]
fn a_chart_says_its_message_in_a_sentence() {
    let said = describe(&trend());
    assert!(
        said.contains("2024年12月学前三年毛入园率为93.45%，较2024年9月上升0.33个百分点"),
        "{said}"
    );
    assert!(said.contains("1期缺数"), "{said}");
    let said = describe(&towns());
    assert_eq!(
        said,
        "各镇街公办园在园幼儿占比：共30个；最高杨村街道78.00%，最低高村镇38.80%；8个未达目标50%；全区55.12%；1个缺报。"
    );
    let said = describe(&groups());
    assert!(said.contains("5个上升、1个下降、1个持平"), "{said}");
    let said = describe(&lights(2));
    assert!(
        said.contains("2023年2月合计295（红灯7，黄灯41，绿灯247），较2023年1月增加51"),
        "{said}"
    );
    for chart in all() {
        let said = describe(&chart);
        assert_eq!(said.matches('。').count(), 1, "{said}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let refused = |chart: &Chart| {
        let error = chart::svg(chart, &Style::default()).expect_err(&chart.name);
        assert!(error.to_string().contains(&chart.name), "{error}");
        error
    };
    // A name wider than the page leaves no room for the bars.
    let mut chart = towns();
    chart.categories[3] = "很长的名称".repeat(12);
    assert!(matches!(refused(&chart), ChartError::Crowded { .. }));
    let mut chart = forty();
    chart.categories.push("多一镇".to_owned());
    chart.series[0].values.push(Some(0.1));
    chart.missed.push(true);
    assert!(matches!(refused(&chart), ChartError::Shape { .. }));
    let mut chart = groups();
    chart.series.pop();
    assert!(matches!(refused(&chart), ChartError::Shape { .. }));
    let mut chart = lights(3);
    chart.series[1].values[1] = Some(f64::INFINITY);
    assert!(matches!(refused(&chart), ChartError::Shape { .. }));
    chart.series[1].values[1] = Some(-1.0);
    assert!(matches!(refused(&chart), ChartError::Shape { .. }));
    let mut chart = lights(3);
    for series in &mut chart.series {
        series.values = vec![Some(0.0); 3];
    }
    assert!(matches!(refused(&chart), ChartError::Blank { .. }));
}

#[test]
fn an_empty_picture_and_texts_upon_each_other_are_refused_as_they_were_set() {
    if !has_chinese_font("an_empty_picture") {
        return;
    }
    let fonts = fonts();
    let blank = "<svg xmlns='http://www.w3.org/2000/svg' width='600' height='300'><text x='9' y='20' font-size='12'>镇</text></svg>";
    assert!(matches!(chart::png(blank, &fonts, 1.0), Err(ChartError::Faint { .. })));
    let text = |x: u32| format!("<text x='{x}' y='20' font-size='16'>公办占比</text>");
    let two = |x: u32| {
        format!(
            "<svg xmlns='http://www.w3.org/2000/svg' width='200' height='30'>{}{}</svg>",
            text(5),
            text(x)
        )
    };
    assert!(chart::png(&two(80), &fonts, 1.0).is_ok());
    assert!(matches!(chart::png(&two(40), &fonts, 1.0), Err(ChartError::Overlap { .. })));
    assert!(matches!(chart::png(&two(170), &fonts, 1.0), Err(ChartError::Overlap { .. })));
}

/// The paper of one chart, as poppler reads it; none where this machine has no faces or no poppler.
fn paper_text(chart: &Chart) -> Option<String> {
    let fonts = crate::pdf::machine_fonts()?;
    let style =
        Style { font_family: fonts.css_families("hei").expect("a face"), ..Style::default() };
    let draw = |chart: &Chart| chart::svg(chart, &style).map_err(Into::into);
    let document = Document {
        title: "图".to_owned(),
        addressees: String::new(),
        signature: String::new(),
        dated_on: None,
        doc_number: String::new(),
        imprint: Vec::new(),
        subtitle: String::new(),
        blocks: vec![Block::Chart(chart.clone())],
    };
    let created_at = "2024-09-05T09:30:00+08:00[Asia/Shanghai]".parse().expect("a moment");
    let meta = PdfMeta { author: "", created_at: &created_at };
    let page = include_str!("../../report_templates/_base/page.typ");
    // A character without a glyph fails here.
    let pdf = pdf::render(&document, &draw, fonts, page, meta).expect("set");
    let dir = tempfile::tempdir().expect("folder");
    let path = dir.path().join("paper.pdf");
    fs_err::write(&path, &pdf.bytes).expect("written");
    let output = std::process::Command::new("pdftotext").arg(&path).arg("-").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.split_whitespace().collect())
}

#[test]
fn the_text_of_a_chart_on_paper_can_be_searched() {
    for (chart, words) in [
        (towns(), vec!["杨村街道", "78.00%", "38.80%（差11.20）", "缺报", "全区55.12%"]),
        (groups(), vec!["第七组团", "47.00%", "49.99%", "未达目标"]),
        (lights(4), vec!["2023年4月", "307", "■红灯"]),
        (small_heat(), vec!["直属园（教育局）", "45.41", "2023年1月"]),
    ] {
        let Some(text) = paper_text(&chart) else { return };
        for word in words {
            assert!(text.contains(word), "{}: {word} in {text}", chart.name);
        }
    }
}
