//! A paper with every kind of block, all figures invented.

use duban::model::Light;
use duban::report::document::{
    Align, Block, Cell, Chart, ChartShape, Column, Document, Figure, Format, Heading, Inline, Row,
    Series, Table, Value,
};
use jiff::civil::date;

pub const TITLE: &str = "学前教育普及普惠攻坚工作进展情况报告";

pub fn text(text: &str) -> Inline {
    Inline::Text { text: text.to_owned() }
}

pub fn para(words: &str) -> Block {
    Block::Para(vec![text(words)])
}

pub fn heading(level: u8, number: &str, words: &str) -> Block {
    Block::Heading(Heading { level, number: number.to_owned(), content: vec![text(words)] })
}

pub fn figure(words: &str) -> Inline {
    Inline::Figure(Figure {
        num: Some(25113.0),
        den: None,
        unit: "人".to_owned(),
        light: None,
        text: words.to_owned(),
    })
}

fn cell(words: &str, light: Option<Light>) -> Cell {
    Cell { value: Value::Text(words.to_owned()), text: words.to_owned(), light }
}

pub fn column(heading: &[&str], format: Format, align: Align) -> Column {
    Column {
        name: heading.concat(),
        heading: heading.iter().map(|part| (*part).to_owned()).collect(),
        format,
        align,
        weight: 1.0,
    }
}

/// 30 towns and the district's own row, two-level headings.
pub fn towns() -> Table {
    let mut rows: Vec<Row> = (1..=30)
        .map(|n: i64| Row {
            emphasis: false,
            cells: vec![
                cell(&format!("{n}"), None),
                cell(&format!("样例{n:02}镇"), None),
                cell(&format!("{}", 400 + 37 * n), None),
                cell(&format!("{}", 200 + 11 * n), None),
                cell(
                    &format!("{}.{:02}%", 45 + n % 9, n),
                    Some(Light::ALL[usize::try_from(n % 3).unwrap()]),
                ),
                cell("85.50%", None),
                cell(if n == 7 { "缺报" } else { "93.10%" }, None),
            ],
        })
        .collect();
    rows.push(Row {
        emphasis: true,
        cells: ["", "全区", "25,113", "10,301", "41.02%", "71.40%", "91.27%"]
            .iter()
            .map(|words| cell(words, None))
            .collect(),
    });
    Table {
        name: "towns".to_owned(),
        caption: "表1　各镇街三率（虚构数据）".to_owned(),
        columns: vec![
            column(&["序号"], Format::Int, Align::Right),
            column(&["镇街"], Format::Text, Align::Left),
            column(&["在园幼儿"], Format::Int, Align::Right),
            column(&["公办园", "人数"], Format::Int, Align::Right),
            column(&["公办园", "占比"], Format::Percent, Align::Right),
            column(&["普惠性幼儿园覆盖率"], Format::Percent, Align::Right),
            column(&["毛入园率"], Format::Percent, Align::Right),
        ],
        rows,
        notes: vec![
            "本表数据均为虚构，仅供样例使用。".to_owned(),
            "样例07镇缺报，全区数按已报镇街的分子、分母合计。".to_owned(),
        ],
        print_rows: None,
    }
}

/// A ledger of items: too wide for a portrait page.
pub fn items() -> Table {
    let headings = [
        "编号",
        "事项",
        "来源",
        "责任单位",
        "责任人",
        "交办日期",
        "时限",
        "目标值",
        "当前值",
        "进展情况",
        "存在问题",
        "整改措施",
        "灯号",
        "备注",
    ];
    Table {
        name: "items".to_owned(),
        caption: "表2　督办台账（虚构数据）".to_owned(),
        columns: headings
            .iter()
            .map(|name| {
                let format = match *name {
                    "交办日期" | "时限" => Format::Date,
                    "目标值" | "当前值" => Format::Percent,
                    _ => Format::Text,
                };
                column(&[name], format, Align::Left)
            })
            .collect(),
        rows: (1..=4)
            .map(|n| Row {
                emphasis: false,
                cells: [
                    format!("2024-{n:03}"),
                    "公办园在园幼儿占比未达标".to_owned(),
                    "指标预警".to_owned(),
                    format!("样例{n:02}镇"),
                    "分管副镇长".to_owned(),
                    "2024-10-08".to_owned(),
                    "2024-11-05".to_owned(),
                    "50.00%".to_owned(),
                    "48.12%".to_owned(),
                    "小区配套园移交手续办理中".to_owned(),
                    "产权尚未交接".to_owned(),
                    "由镇牵头，十月底前完成移交".to_owned(),
                    "黄".to_owned(),
                    String::new(),
                ]
                .iter()
                .enumerate()
                .map(|(at, words)| cell(words, (at == 12).then_some(Light::Yellow)))
                .collect(),
            })
            .collect(),
        notes: vec!["时限按工作日计算。".to_owned()],
        print_rows: None,
    }
}

pub fn chart(name: &str, caption: &str) -> Chart {
    Chart {
        name: name.to_owned(),
        caption: caption.to_owned(),
        shape: ChartShape::Line,
        categories: vec!["9月".to_owned(), "10月".to_owned()],
        series: vec![Series {
            name: "占比".to_owned(),
            values: vec![Some(0.4), Some(0.41)],
            ..Series::default()
        }],
        targets: vec![("50%".to_owned(), 0.5)],
        format: Format::Percent,
        alt: "公办园占比逐月走势".to_owned(),
        ..Chart::default()
    }
}

/// A small picture as a chart's renderer would draw it; of bars that lie it is higher than wide.
pub fn svg(chart: &Chart) -> String {
    let height = if chart.shape == ChartShape::HorizontalBar { 800 } else { 300 };
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="640" height="{height}" viewBox="0 0 640 {height}">
<rect width="640" height="{height}" fill="#f4f6f8"/>
<polyline points="60,220 320,180 580,120" fill="none" stroke="#1f4e79" stroke-width="3"/>
<text x="60" y="40" font-family="Noto Sans CJK SC" font-size="20">图中文字{}</text>
</svg>"##,
        chart.name
    )
}

pub fn document() -> Document {
    Document {
        title: TITLE.to_owned(),
        addressees: "区专项工作委员会：".to_owned(),
        signature: "区学前教育联席会议秘书处".to_owned(),
        dated_on: Some(date(2024, 9, 5)),
        doc_number: "武学前督〔2024〕4号".to_owned(),
        imprint: vec![
            "抄送：各镇人民政府，各街道办事处。".to_owned(),
            "区学前教育联席会议秘书处　　2024年9月5日印发".to_owned(),
        ],
        subtitle: "2024年9月·数据截至9月1日·第1期（虚构数据）".to_owned(),
        blocks: vec![
            Block::Para(vec![
                text("根据攻坚行动安排，现将截至2024年9月1日的进展情况报告如下。全区在园幼儿"),
                figure("25,113"),
                text("人，其中公办园在园幼儿"),
                figure("10,301"),
                text("人，占"),
                figure("41.02%"),
                text("，距目标差8.98个百分点；"),
                Inline::Strong { text: "缺报1个镇".to_owned() },
                text("，"),
                Inline::Emphasis { text: "按已报镇街计算".to_owned() },
                text("。详见"),
                Inline::Link {
                    text: "数据说明".to_owned(),
                    url: "https://example.org/notes".to_owned(),
                },
                text("。"),
            ]),
            heading(1, "一、", "总体进展"),
            heading(2, "（一）", "三率完成情况"),
            para(&"普惠性幼儿园覆盖率稳步提高，公办资源持续扩大。".repeat(4)),
            heading(3, "1.", "公办园占比"),
            para("公办园在园幼儿占比比上月提高0.35个百分点。"),
            heading(4, "（1）", "小区配套园"),
            Block::ListItem {
                depth: 0,
                ordered: Some(1),
                content: vec![text("所属镇街申请，区教育局审核，区专项工作委员会批准。")],
            },
            Block::ListItem {
                depth: 1,
                ordered: None,
                content: vec![text("占比不足百分之五十的镇街，新移交的应办成公办园。")],
            },
            Block::Quote(vec![text("新增小区配套园一律办成公办园或者普惠性民办园。")]),
            Block::Chart(chart("trend", "图1　公办园占比走势（虚构数据）")),
            heading(1, "二、", "各镇街情况"),
            Block::Table(towns()),
            Block::Chart(chart("gap", "图2　学位缺口（虚构数据）")),
            heading(1, "三、", "下一步工作"),
            para("请各镇街按时限要求落实整改，逾期未完成的予以通报。"),
            Block::AttachmentList(vec![
                "督办台账".to_owned(),
                "关于名称较长需要回行的附件应当与上一行附件名称的首字对齐的说明".to_owned(),
            ]),
            Block::PageBreak,
            Block::Landscape(vec![heading(1, "", "附件1　督办台账"), Block::Table(items())]),
        ],
    }
}
