//! Charts: pictures that are not blank, keep gaps, and refuse text that no font has.

use std::path::PathBuf;
use std::sync::Arc;

use duban::model::Light;
use duban::report::chart::{self, ChartError, Pictures, Style};
use duban::report::document::{Chart, ChartShape, Format, Series};
use resvg::tiny_skia::Pixmap;
use resvg::usvg::fontdb;

pub fn fonts() -> Arc<fontdb::Database> {
    let mut fonts = fontdb::Database::new();
    fonts.load_system_fonts();
    Arc::new(fonts)
}

/// Whether this machine has a face with Chinese characters; where CI has none, that is a failure.
pub fn has_chinese_font(test: &str) -> bool {
    let probe = "<svg xmlns='http://www.w3.org/2000/svg' width='20' height='20'><text x='0' y='15' >镇</text></svg>";
    let found = chart::png(probe, &fonts(), 1.0).is_ok();
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{test}: CI must have a Chinese font");
        #[expect(clippy::print_stderr, reason = "a test that is left out says so")]
        {
            eprintln!("LEFT OUT: {test}: no Chinese font on this machine (fonts-noto-cjk)");
        }
    }
    found
}

pub fn trend() -> Chart {
    let series = |name: &str, values: [Option<f64>; 4]| Series {
        name: name.to_owned(),
        values: values.to_vec(),
        ..Series::default()
    };
    Chart {
        name: "trend".to_owned(),
        caption: "全区三率变化".to_owned(),
        shape: ChartShape::Line,
        categories: ["2024年9月", "2024年10月", "2024年11月", "2024年12月"]
            .map(str::to_owned)
            .to_vec(),
        series: vec![
            series("学前三年毛入园率", [Some(0.9312), Some(0.9288), Some(0.9321), Some(0.9345)]),
            series("普惠性幼儿园覆盖率", [Some(0.8344), Some(0.8391), None, Some(0.8502)]),
            series("公办园在园幼儿占比", [Some(0.4788), Some(0.4856), Some(0.4912), Some(0.49996)]),
        ],
        targets: vec![
            ("目标93%".to_owned(), 0.93),
            ("目标85%".to_owned(), 0.85),
            ("目标50%".to_owned(), 0.5),
        ],
        format: Format::Percent,
        alt: "全区三率".to_owned(),
        ..Chart::default()
    }
}

pub fn towns() -> Chart {
    let names = "杨村街道 下朱庄街道 东蒲洼街道 黄庄街道 徐官屯街道 运河西街道 梅厂镇 大碱厂镇 崔黄口镇 大良镇 下伍旗镇 南蔡村镇 大孟庄镇 泗村店镇 河西务镇 城关镇 东马圈镇 黄花店镇 石各庄镇 王庆坨镇 汊沽港镇 河北屯镇 上马台镇 大王古庄镇 陈咀镇 豆张庄镇 曹子里镇 大黄堡镇 高村镇 白古屯镇";
    let categories: Vec<String> = names.split(' ').map(str::to_owned).collect();
    let values: Vec<Option<f64>> = (0..categories.len())
        .map(|i| (i != 29).then(|| 0.78 - 0.014 * f64::from(u32::try_from(i).unwrap_or(0))))
        .collect();
    let missed = values.iter().map(|v| v.is_some_and(|v| v < 0.5)).collect();
    Chart {
        name: "towns".to_owned(),
        caption: "各镇街公办园在园幼儿占比".to_owned(),
        shape: ChartShape::HorizontalBar,
        categories,
        series: vec![Series { name: "公办占比".to_owned(), values, ..Series::default() }],
        targets: vec![("目标50%".to_owned(), 0.5)],
        format: Format::Percent,
        missed,
        alt: "各镇街公办园在园幼儿占比".to_owned(),
        category_title: "镇街".to_owned(),
        references: vec![("全区55.12%".to_owned(), 0.5512)],
    }
}

pub fn bars() -> Chart {
    let mut chart = trend();
    "bars".clone_into(&mut chart.name);
    chart.shape = ChartShape::Bar;
    chart
}

/// Where pictures are kept to be looked at, if asked for by DUBAN_KEEP_PICTURES.
pub fn keep(name: &str, bytes: &[u8]) {
    if let Some(dir) = std::env::var_os("DUBAN_KEEP_PICTURES") {
        fs_err::create_dir_all(&dir).expect("folder");
        fs_err::write(PathBuf::from(dir).join(name), bytes).expect("written");
    }
}

#[test]
fn every_shape_gives_a_picture_with_ink_on_it_and_the_same_bytes_twice() {
    if !has_chinese_font("every_shape_gives_a_picture") {
        return;
    }
    let fonts = fonts();
    for chart in [trend(), bars(), towns()] {
        let svg = chart::svg(&chart, &Style::default()).expect("drawn");
        assert_eq!(svg, chart::svg(&chart, &Style::default()).expect("drawn"));
        let png = chart::png(&svg, &fonts, 2.0).expect("rendered");
        assert_eq!(png, chart::png(&svg, &fonts, 2.0).expect("rendered"));
        keep(&format!("{}.png", chart.name), &png);
        let picture = Pixmap::decode_png(&png).expect("png");
        assert_eq!(picture.width(), 1360);
        let ink = picture.pixels().iter().filter(|p| p.red() < 128).count();
        assert!(ink > 10_000, "{}: {ink} dark pixels", chart.name);
    }
}

#[test]
fn a_missing_value_is_a_gap_and_a_failing_value_is_not_labelled_with_its_target() {
    let svg = chart::svg(&trend(), &Style::default()).expect("drawn");
    assert!(svg.contains(">49.99%<"));
    assert!(!svg.contains(">50.00%<"));
    // Three series of four points have nine segments; the gap breaks two of them.
    assert_eq!(
        svg.matches("stroke-width=\"2.2\"").count(),
        7 + 3,
        "7 segments and 3 of the legend"
    );
    let svg = chart::svg(&towns(), &Style::default()).expect("drawn");
    assert!(svg.contains(">缺报<"));
    assert_eq!(
        svg.matches("url(#miss)").count(),
        8 + 1,
        "eight towns that miss, one in the legend"
    );
}

#[test]
fn a_blank_chart_is_an_error() {
    let mut chart = trend();
    for series in &mut chart.series {
        series.values = vec![None; 4];
    }
    assert!(matches!(chart::svg(&chart, &Style::default()), Err(ChartError::Blank { .. })));
    let mut chart = trend();
    chart.series[0].values.pop();
    assert!(matches!(chart::svg(&chart, &Style::default()), Err(ChartError::Shape { .. })));
    let mut chart = towns();
    chart.series[0].values[0] = Some(f64::NAN);
    assert!(matches!(chart::svg(&chart, &Style::default()), Err(ChartError::Shape { .. })));
}

#[test]
fn text_that_no_font_has_fails_instead_of_printing_boxes() {
    let svg = chart::svg(&trend(), &Style::default()).expect("drawn");
    let none = Arc::new(fontdb::Database::new());
    assert!(matches!(chart::png(&svg, &none, 1.0), Err(ChartError::NoFont)));
    if !has_chinese_font("text_that_no_font_has_fails") {
        return;
    }
    // A character of a private-use plane, which no face has.
    let mut chart = trend();
    chart.categories[0] = "镇\u{10fff0}".to_owned();
    let svg = chart::svg(&chart, &Style::default()).expect("drawn");
    let error = chart::png(&svg, &fonts(), 1.0).expect_err("refused");
    assert!(
        matches!(&error, ChartError::MissingGlyphs { missing, .. } if missing == "\u{10fff0}"),
        "{error}"
    );
}

#[test]
fn names_in_a_chart_cannot_break_the_svg() {
    let mut chart = towns();
    chart.categories[0] = "\"><script>&x</script>".to_owned();
    let svg = chart::svg(&chart, &Style::default()).expect("drawn");
    assert!(!svg.contains("<script>"));
    assert!(svg.contains("&lt;script&gt;&amp;x"));
}

/// The room of an SVG's element that is a box: left, top, right, bottom.
fn room(element: &str) -> [f64; 4] {
    let side = |name: &str| -> f64 {
        let rest = element.split(&format!(" {name}=\"")).nth(1).expect(name);
        rest.split('"').next().and_then(|side| side.parse().ok()).expect(name)
    };
    let (x, y) = (side("x"), side("y"));
    [x, y, x + side("width"), y + side("height")]
}

/// A number and what was drawn right before it.
fn number_in<'a>(svg: &'a str, number: &str) -> (&'a str, &'a str) {
    let lines: Vec<&str> = svg.lines().collect();
    let at = lines.iter().position(|line| line.contains(&format!(">{number}<"))).expect(number);
    (lines[at], lines[at - 1])
}

/// The grid's lines leave gaps for the numbers on them; a number on a line of data has a rim; one beside everything neither.
#[test]
fn a_number_on_a_line_is_readable() {
    let is_gap = |line: &str| {
        line.starts_with("<rect") && line.contains("fill=\"#ffffff\"") && !line.contains("stroke")
    };
    // Numbers stand above their points: of 88 %, on the line of 90 %; of 94 %, between two lines.
    let mut chart = trend();
    chart.series.truncate(1);
    chart.series[0].values = [0.8801, 0.8799, 0.8802, 0.94].map(Some).to_vec();
    let svg = chart::svg(&chart, &Style::default()).expect("drawn");
    let line = svg.lines().position(|line| line.starts_with("<text") && line.contains(">90%<"));
    let line = svg.lines().nth(line.expect("the axis says 90 %") - 1).expect("its line");
    let height: f64 = line
        .split("y1=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next()?.parse().ok())
        .expect("y");
    for text in ["88.01%", "87.99%", "88.02%"] {
        let (number, before) = number_in(&svg, text);
        assert!(is_gap(before) && !number.contains("paint-order"), "{before}\n{number}");
        let [left, top, right, bottom] = room(before);
        assert!(top < height && height < bottom && bottom - top < 4.0, "{height}: {before}");
        assert!(right - left > 30.0 && right - left < 60.0, "as wide as the number: {before}");
    }
    for text in ["94.00%", "2024年10月", "目标93%"] {
        let (text, before) = number_in(&svg, text);
        assert!(!is_gap(before) && !text.contains("paint-order"), "{before}\n{text}");
    }
    // Other lines run where the numbers of the first would stand, above and below: they are not cut.
    for (at, above) in [(1, 0.035), (2, -0.04)] {
        let values = chart.series[0].values.iter().map(|value| value.map(|value| value + above));
        let values = values.collect();
        chart.series.push(Series { name: format!("样例{at}"), values, ..Series::default() });
    }
    let svg = chart::svg(&chart, &Style::default()).expect("drawn");
    let rims: Vec<&str> = svg.lines().filter(|line| line.contains("paint-order")).collect();
    assert!(!rims.is_empty() && rims.iter().all(|rim| rim.contains("stroke=\"#ffffff\"")), "{svg}");
    // Letters on hatched bars stand on plain ground, on bars of one light colour on that.
    chart.shape = ChartShape::Stacked;
    chart.format = Format::Int;
    chart.targets.clear();
    for (series, (light, value)) in chart.series.iter_mut().zip([
        (Light::Red, 50.0),
        (Light::Yellow, 40.0),
        (Light::Green, 30.0),
    ]) {
        series.light = Some(light);
        series.values = vec![Some(value); 4];
    }
    let svg = chart::svg(&chart, &Style::default()).expect("drawn");
    let (number, before) = number_in(&svg, "40");
    assert!(is_gap(before) && !number.contains("paint-order"), "{before}\n{number}");
    let (number, before) = number_in(&svg, "30");
    assert!(!is_gap(before) && !number.contains("paint-order"), "{before}\n{number}");
}

#[test]
fn a_chart_is_drawn_once_whoever_asks_for_its_picture() {
    if !has_chinese_font("a_chart_is_drawn_once_whoever_asks_for_its_picture") {
        return;
    }
    let pictures = Pictures::new(fonts(), Style::default());
    let (mail, word) = rayon::join(
        || pictures.of(&trend()).expect("drawn"),
        || pictures.of(&trend()).expect("drawn"),
    );
    assert!(Arc::ptr_eq(&mail, &word), "one picture for both");
    let other = pictures.of(&bars()).expect("drawn");
    assert_ne!(mail, other, "another chart has its own");
}

/// Up to 256 colours stand in a table, more are written in full: either way each pixel has its own.
#[test]
fn a_picture_keeps_its_colours_whether_few_or_many() {
    let few = "<svg xmlns='http://www.w3.org/2000/svg' width='30' height='10'><rect width='10' height='10' fill='#1f4e79'/>\
               <rect x='10' width='10' height='10' fill='#d07a2d'/></svg>";
    // Left to right from pure red to pure blue, top to bottom darker: some thousand shades.
    let many = "<svg xmlns='http://www.w3.org/2000/svg' width='300' height='100'><defs>\
                <linearGradient id='a'><stop offset='0' stop-color='#ff0000'/><stop offset='1' stop-color='#0000ff'/></linearGradient>\
                <linearGradient id='b' x2='0' y2='1'><stop offset='0' stop-opacity='0'/><stop offset='1' stop-opacity='1'/></linearGradient></defs>\
                <rect width='300' height='100' fill='url(#a)'/><rect width='300' height='100' fill='url(#b)'/></svg>";
    let picture = |svg: &str| {
        let png = chart::png(svg, &Arc::default(), 1.0).expect("rendered");
        // The kind of colour stands in the header: 3 is a table, 6 is in full (PNG, 11.2.1).
        (png[25], Pixmap::decode_png(&png).expect("png"))
    };
    let colour = |picture: &Pixmap, x: u32, y: u32| {
        let pixel = picture.pixel(x, y).expect("within");
        [pixel.red(), pixel.green(), pixel.blue()]
    };
    let (kind, few) = picture(few);
    assert_eq!(kind, 3);
    assert_eq!(colour(&few, 5, 5), [0x1f, 0x4e, 0x79]);
    assert_eq!(colour(&few, 15, 5), [0xd0, 0x7a, 0x2d]);
    assert_eq!(colour(&few, 25, 5), [0xff, 0xff, 0xff]);
    let (kind, many) = picture(many);
    assert_eq!(kind, 6);
    let [red, _, blue] = colour(&many, 0, 0);
    assert!(red > 250 && blue < 5, "{red} {blue}");
    let [red, _, blue] = colour(&many, 299, 0);
    assert!(red < 5 && blue > 250, "{red} {blue}");
    let [red, green, blue] = colour(&many, 150, 99);
    assert!(red < 8 && green < 8 && blue < 8, "{red} {green} {blue}");
}
