//! The numbers of a chart, for readers and programs that do not show pictures.

use unicode_width::UnicodeWidthStr;

use super::words::{change_text, say};
use crate::model::Light;
use crate::report::document::{
    Align, Cell, Chart, ChartShape, Column, Format, Row, Series, Table, Value,
};

impl Chart {
    /// The numbers behind the picture, as a table under the chart's name and caption: a row a
    /// category and a column a series; of a heat table a row a series and a column a category. A
    /// missing value is 缺报, one that misses its target has a red light. Before and now are followed
    /// by the change (points of a rate), parts of a stack by their total.
    pub fn table(&self) -> Table {
        if self.shape == ChartShape::Heat { self.across() } else { self.down() }
    }

    fn down(&self) -> Table {
        let mut columns = vec![names(self.category_title.clone(), &self.categories)];
        columns.extend(self.series.iter().enumerate().map(|(i, series)| {
            figures(format!("value_{}", i + 1), series.name.clone(), self.format)
        }));
        match self.shape {
            ChartShape::Dumbbell => {
                let (format, heading) = change_format(self.format);
                columns.push(figures("change".to_owned(), heading.to_owned(), format));
            }
            ChartShape::Stacked => {
                columns.push(figures("total".to_owned(), "合计".to_owned(), self.format));
            }
            _ => {}
        }
        let rows = (0..self.categories.len())
            .map(|i| {
                let mut cells = vec![name(&self.categories[i])];
                cells.extend(self.series.iter().enumerate().map(|(s, series)| {
                    // Of before and now it is the latter that is judged.
                    let is_judged = self.series.len() == 1
                        || (self.shape == ChartShape::Dumbbell && s + 1 == self.series.len());
                    let common = self.missed.get(i).copied().filter(|_| is_judged);
                    self.cell(series, i, common)
                }));
                cells.extend(self.last_cell(i));
                Row { cells, emphasis: false }
            })
            .collect();
        self.finish(columns, rows)
    }

    fn last_cell(&self, i: usize) -> Option<Cell> {
        match self.shape {
            ChartShape::Dumbbell => {
                let values: Vec<Option<f64>> = self.series.iter().map(|s| s.values[i]).collect();
                let [Some(before), Some(now)] = values[..] else { return Some(missing()) };
                let change = now - before;
                let change = if self.format == Format::Percent { change * 100.0 } else { change };
                let text = change_text(self.format, before, now);
                Some(Cell { value: Value::Float(change), text, light: None })
            }
            ChartShape::Stacked => {
                let known: Vec<f64> = self.series.iter().filter_map(|s| s.values[i]).collect();
                if known.is_empty() {
                    return Some(missing());
                }
                let total = known.iter().sum();
                let text = say(self, total);
                Some(Cell { value: number(self.format, total), text, light: None })
            }
            _ => None,
        }
    }

    fn across(&self) -> Table {
        let series: Vec<String> = self.series.iter().map(|series| series.name.clone()).collect();
        let mut columns = vec![names(self.category_title.clone(), &series)];
        columns.extend(self.categories.iter().enumerate().map(|(i, category)| {
            figures(format!("value_{}", i + 1), category.clone(), self.format)
        }));
        let rows = self
            .series
            .iter()
            .map(|series| {
                let mut cells = vec![name(&series.name)];
                cells.extend((0..self.categories.len()).map(|i| self.cell(series, i, None)));
                Row { cells, emphasis: false }
            })
            .collect();
        self.finish(columns, rows)
    }

    fn cell(&self, series: &Series, i: usize, common: Option<bool>) -> Cell {
        let Some(value) = series.values.get(i).copied().flatten() else { return missing() };
        let judged = series.missed.get(i).copied().or(common);
        let light = judged.map(|missed| if missed { Light::Red } else { Light::Green });
        Cell { value: number(self.format, value), text: say(self, value), light }
    }

    fn finish(&self, columns: Vec<Column>, rows: Vec<Row>) -> Table {
        let marks = self.targets.iter().chain(&self.references);
        let notes = marks
            .map(|(label, value)| {
                let value = say(self, *value);
                if label.contains(&value) { label.clone() } else { format!("{label}：{value}") }
            })
            .collect::<Vec<_>>();
        let notes = if notes.is_empty() { Vec::new() } else { vec![notes.join("；") + "。"] };
        let (name, caption) = (self.name.clone(), self.caption.clone());
        Table { name, caption, columns, rows, notes, print_rows: None }
    }
}

fn names(title: String, texts: &[String]) -> Column {
    let longest = texts.iter().map(|text| text.width()).max().unwrap_or(0);
    let heading = if title.is_empty() { "名称".to_owned() } else { title };
    #[expect(clippy::cast_precision_loss, reason = "a width of a few characters")]
    let weight = longest.clamp(4, 30) as f64;
    Column {
        name: "name".into(),
        heading: vec![heading],
        format: Format::Text,
        align: Align::Left,
        weight,
    }
}

fn figures(name: String, heading: String, format: Format) -> Column {
    Column { name, heading: vec![heading], format, align: Align::Right, weight: 8.0 }
}

fn name(text: &str) -> Cell {
    Cell { value: Value::Text(text.to_owned()), text: text.to_owned(), light: None }
}

fn missing() -> Cell {
    Cell { value: Value::Null, text: "缺报".to_owned(), light: None }
}

fn number(format: Format, value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "whole and far below 2^53")]
    match format {
        Format::Int | Format::Change if value.fract() == 0.0 && value.abs() < 9e15 => {
            Value::Int(value as i64)
        }
        _ => Value::Float(value),
    }
}

fn change_format(format: Format) -> (Format, &'static str) {
    match format {
        Format::Percent | Format::Points => (Format::Points, "变化（百分点）"),
        Format::Int | Format::Change => (Format::Change, "变化"),
        other => (other, "变化"),
    }
}
