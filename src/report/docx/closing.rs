//! What ends a paper: 署名 and 成文日期, and 版记 at the foot of its last page.

use super::measure::{ems, length, roomy_ems};
use super::page::{BINDING, BODY_WIDTH, PITCH, SQUARE};
use super::props::{Alignment, Indent, Line, Para, Run};
use super::styles;
use super::xml::{Element, el, val};
use crate::report::document::Document;
use crate::report::numbers;

/// The closing lines. 署名右空二字，日期首字比署名首字右移二字；日期长于署名时，日期右空二字，署名相应右移
/// (GB/T 9704-2012, 7.3.5.2: a paper without a seal).
pub(super) fn signature(document: &Document) -> Vec<(Para, String)> {
    let width = |text: &str| length(ems(text), SQUARE);
    let date = document.dated_on.map(numbers::cn_date).unwrap_or_default();
    let (signature_width, date_width) = (width(&document.signature), width(&date));
    let (signature_gap, date_gap) = if date_width <= signature_width {
        (2 * SQUARE, signature_width - date_width)
    } else {
        (date_width - signature_width + 4 * SQUARE, 2 * SQUARE)
    };
    let mut lines = Vec::new();
    if !document.signature.is_empty() {
        // Two characters are what the style says.
        let right = (signature_gap != 2 * SQUARE).then_some(signature_gap);
        let indent = Indent { right, right_chars: right.map(|_| 0), ..Indent::NONE };
        let keep_next = !date.is_empty();
        let para = Para { keep_next, indent, ..Para::styled(styles::SIGNATURE) };
        lines.push((para, document.signature.clone()));
    }
    if !date.is_empty() {
        let indent = Indent { right: Some(date_gap), ..Indent::NONE };
        lines.push((Para { indent, ..Para::styled(styles::DATE) }, date));
    }
    if let Some((first, _)) = lines.first_mut() {
        first.before = Some(PITCH);
    }
    lines
}

/// The paragraph that 版记 hangs on: as good as no line.
pub(super) fn anchor() -> Element {
    Para { line: Some(Line::Exact(20)), ..Para::styled(styles::TABLE_END) }.of([])
}

/// 版记: rules of 0.35 mm above and below and 0.25 mm between, as wide as 版心, at its foot.
pub(super) fn imprint(lines: &[String]) -> Element {
    /// Eighths of a point: 0.35 mm and 0.25 mm.
    const THICK: i64 = 8;
    const THIN: i64 = 6;
    /// 4号: 左右各空一字.
    const SIZE: i64 = 280;
    let rows: Vec<(&str, &str)> = lines.iter().map(|line| halves(line)).collect();
    let last = rows.len().saturating_sub(1);
    let right_width = rows
        .iter()
        .map(|(_, right)| length(roomy_ems(right), SIZE))
        .max()
        .filter(|width| *width > 0)
        .map_or(0, |width| (width + SIZE + SIZE / 2).min(BODY_WIDTH / 2));
    let widths = if right_width == 0 {
        vec![BODY_WIDTH]
    } else {
        vec![BODY_WIDTH - right_width, right_width]
    };
    let rule = |side, weight| {
        el(side)
            .attr("w:val", "single")
            .num("w:sz", weight)
            .num("w:space", 0)
            .attr("w:color", "auto")
    };
    let row = |(at, (left, right)): (usize, &(&str, &str))| {
        let borders = || {
            el("w:tcBorders")
                .with(rule("w:top", if at == 0 { THICK } else { THIN }))
                .with(rule("w:bottom", if at == last { THICK } else { THIN }))
        };
        let cell = |text: &str, width: i64, n_columns: usize, para: Para| {
            let span = (n_columns > 1).then(|| val("w:gridSpan", n_columns.to_string()));
            let properties = el("w:tcPr")
                .with(el("w:tcW").num("w:w", width).attr("w:type", "dxa"))
                .with_all(span)
                .with(borders());
            let runs = (!text.is_empty()).then(|| Run::PLAIN.of(text));
            el("w:tc").with(properties).with(para.of(runs))
        };
        let para = Para::styled(styles::IMPRINT);
        let inset = |left, right| Indent { left, right, ..Indent::NONE };
        let cells = if right.is_empty() {
            let whole = Para { indent: inset(Some(SIZE), Some(SIZE)), ..para };
            vec![cell(left, BODY_WIDTH, widths.len(), whole)]
        } else {
            let left_para = Para { indent: inset(Some(SIZE), None), ..para };
            let right_para =
                Para { indent: inset(None, Some(SIZE)), align: Some(Alignment::Right), ..para };
            vec![
                cell(left, BODY_WIDTH - right_width, 1, left_para),
                cell(right, right_width, 1, right_para),
            ]
        };
        el("w:tr").with(el("w:trPr").with(el("w:cantSplit"))).with_all(cells)
    };
    let place = el("w:tblpPr")
        .num("w:leftFromText", 0)
        .num("w:rightFromText", 0)
        .attr("w:vertAnchor", "margin")
        .attr("w:horzAnchor", "page")
        .num("w:tblpX", BINDING)
        .attr("w:tblpYSpec", "bottom");
    let margins = ["w:top", "w:left", "w:bottom", "w:right"]
        .map(|side| el(side).num("w:w", 0).attr("w:type", "dxa"));
    let properties = el("w:tblPr")
        .with(place)
        .with(el("w:tblW").num("w:w", BODY_WIDTH).attr("w:type", "dxa"))
        .with(el("w:tblLayout").attr("w:type", "fixed"))
        .with(el("w:tblCellMar").with_all(margins));
    let grid = widths.iter().map(|width| el("w:gridCol").num("w:w", *width));
    el("w:tbl")
        .with(properties)
        .with(el("w:tblGrid").with_all(grid))
        .with_all(rows.iter().enumerate().map(row))
}

/// A line has its office at the left and, after a run of blanks or a tab, its date at the right.
fn halves(line: &str) -> (&str, &str) {
    let is_blank = |c: char| matches!(c, '\u{3000}' | '\t' | ' ');
    let line = line.trim_matches(is_blank);
    let gap = line.char_indices().filter(|(_, c)| is_blank(*c)).map(|(at, _)| at).find(|at| {
        let run = || line[*at..].chars().take_while(|c| is_blank(*c));
        run().any(|c| c == '\t') || run().count() >= 2
    });
    match gap {
        Some(at) => {
            (line[..at].trim_end_matches(is_blank), line[at..].trim_start_matches(is_blank))
        }
        None => (line, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_imprint_line_is_parted_at_two_blanks_or_a_tab_and_not_at_one() {
        assert_eq!(
            halves("秘书处\u{3000}\u{3000}2024年9月5日印发"),
            ("秘书处", "2024年9月5日印发")
        );
        assert_eq!(halves(" 秘书处\t9月 "), ("秘书处", "9月"));
        assert_eq!(halves("抄送：甲 乙"), ("抄送：甲 乙", ""));
    }
}
