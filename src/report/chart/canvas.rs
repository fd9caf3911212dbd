//! An SVG under construction that knows where its texts stand.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar;

use super::{ChartError, Style};
use crate::report::document::Chart;

pub(super) const INK: &str = "#222222";
pub(super) const GREY: &str = "#5f5f5f";
pub(super) const GRID: &str = "#dddddd";
pub(super) const TARGET: &str = "#a61b1b";
/// Tones that also differ in grey (luminance 28, 50, 64, 43 %).
pub(super) const TONES: [&str; 4] = ["#1f4e79", "#d07a2d", "#6aa391", "#7a5195"];
pub(super) const DASHES: [&str; 4] = ["", "7 3", "2 3", "9 3 2 3"];

/// Fills that a copier keeps apart.
const PATTERNS: &str = "<defs>\
<pattern id=\"miss\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><rect width=\"6\" height=\"6\" fill=\"#ffffff\"/>\
<path d=\"M-1.5,1.5 l3,-3 M0,6 l6,-6 M4.5,7.5 l3,-3\" stroke=\"#a61b1b\" stroke-width=\"1.6\"/></pattern>\
<pattern id=\"warn\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><rect width=\"6\" height=\"6\" fill=\"#ffe9a8\"/>\
<path d=\"M-1.5,4.5 l3,3 M0,0 l6,6 M4.5,-1.5 l3,3\" stroke=\"#8a5a00\" stroke-width=\"1.2\"/></pattern>\
<pattern id=\"none\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\"><rect width=\"5\" height=\"5\" fill=\"#ffffff\"/>\
<path d=\"M0,5 l5,-5\" stroke=\"#b5b5b5\" stroke-width=\"0.8\"/></pattern>\
<pattern id=\"dots\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\"><rect width=\"5\" height=\"5\" fill=\"#e3f1ec\"/>\
<circle cx=\"2.5\" cy=\"2.5\" r=\"1\" fill=\"#3f7a68\"/></pattern></defs>";

#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// What keeps a text readable on what was drawn there before.
#[derive(Clone, Copy)]
pub(super) enum Rim {
    /// Thin straight lines leave a gap for it, a hatch a plain ground; over lines of data it has a white rim.
    AsNeeded,
    /// Nothing: its ground is plain, or dark under white letters.
    None,
}

/// A box that letters take: left, top, right, bottom.
pub(super) type Room = (f64, f64, f64, f64);

pub(super) struct Canvas {
    body: String,
    pub(super) width: f64,
    pub(super) height: f64,
    /// Where letters stand, and which.
    rooms: Vec<(Room, String)>,
    /// What is drawn besides letters, so far.
    drawn: Vec<Drawn>,
}

enum Drawn {
    /// From a point to another, and how broad.
    Line((f64, f64), (f64, f64), f64),
    /// All within; whether in a pattern.
    Box(Room, bool),
}

impl Drawn {
    fn meets(&self, room: Room) -> bool {
        match *self {
            Drawn::Box(drawn, _) => {
                drawn.0 < room.2 && room.0 < drawn.2 && drawn.1 < room.3 && room.1 < drawn.3
            }
            Drawn::Line(from, to, _) => {
                let across = stretch_within((0.0, 1.0), from.0, to.0, (room.0, room.2));
                let part =
                    across.and_then(|part| stretch_within(part, from.1, to.1, (room.1, room.3)));
                part.is_some()
            }
        }
    }

    /// The part within a room of a thin line along the pixels, with the line's breadth: a rule of the grid, a target. A line of
    /// data is broader.
    fn gap(&self, room: Room) -> Option<Room> {
        const REACH: f64 = 1.5;
        match *self {
            Drawn::Line(from, to, breadth) if breadth < 2.0 && !is_slant(from, to) => {
                Some(if (from.1 - to.1).abs() < 0.05 {
                    (room.0, from.1 - REACH, room.2, from.1 + REACH)
                } else {
                    (from.0 - REACH, room.1, from.0 + REACH, room.3)
                })
            }
            Drawn::Line(..) | Drawn::Box(..) => None,
        }
    }
}

fn is_slant(from: (f64, f64), to: (f64, f64)) -> bool {
    (from.0 - to.0).abs() > 0.05 && (from.1 - to.1).abs() > 0.05
}

/// Of a stretch of a line (of its length: 0 is the beginning, 1 the end), what lies within limits, one coordinate alone.
fn stretch_within(
    (start, end): (f64, f64),
    from: f64,
    to: f64,
    (least, most): (f64, f64),
) -> Option<(f64, f64)> {
    let along = to - from;
    if along.abs() < 1e-9 {
        return (least..=most).contains(&from).then_some((start, end));
    }
    let (a, b) = ((least - from) / along, (most - from) / along);
    let (start, end) = (start.max(a.min(b)), end.min(a.max(b)));
    (start <= end).then_some((start, end))
}

/// What lies along the pixels ends where one ends: sharper, and quicker to draw, than a grey seam.
const CRISP: &str = " shape-rendering=\"crispEdges\"";

impl Canvas {
    pub(super) fn new(width: f64, height: f64) -> Canvas {
        Canvas { body: String::new(), width, height, rooms: Vec::new(), drawn: Vec::new() }
    }

    pub(super) fn line(
        &mut self,
        from: (f64, f64),
        to: (f64, f64),
        stroke: &str,
        width: f64,
        dash: &str,
    ) {
        self.drawn.push(Drawn::Line(from, to, width));
        let dash =
            if dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dash}\"") };
        let edges = if is_slant(from, to) { "" } else { CRISP };
        let _ = writeln!(
            self.body,
            "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"{stroke}\" stroke-width=\"{}\"{dash}{edges}/>",
            n(from.0),
            n(from.1),
            n(to.0),
            n(to.1),
            n(width),
        );
    }

    pub(super) fn rect(&mut self, x: f64, y: f64, w: f64, h: f64, fill: &str, stroke: &str) {
        self.drawn.push(Drawn::Box((x, y, x + w, y + h), fill.starts_with("url(")));
        let _ = writeln!(
            self.body,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"1\"{CRISP}/>",
            n(x),
            n(y),
            n(w),
            n(h),
        );
    }

    pub(super) fn text(
        &mut self,
        at: (f64, f64),
        size: f64,
        anchor: Anchor,
        fill: &str,
        text: &str,
    ) {
        self.lettered(at, size, anchor, fill, Rim::AsNeeded, text);
    }

    pub(super) fn lettered(
        &mut self,
        (x, y): (f64, f64),
        size: f64,
        anchor: Anchor,
        fill: &str,
        rim: Rim,
        text: &str,
    ) {
        if text.trim().is_empty() {
            return;
        }
        let width = width_of(text, size);
        let (word, left) = match anchor {
            Anchor::Start => ("start", x),
            Anchor::Middle => ("middle", x - width / 2.0),
            Anchor::End => ("end", x - width),
        };
        let rim = match rim {
            Rim::AsNeeded => self.make_room((left, y - 0.9 * size, left + width, y + 0.2 * size)),
            Rim::None => "",
        };
        self.rooms.push(((left, y - 0.84 * size, left + width, y + 0.12 * size), text.to_owned()));
        let _ = writeln!(
            self.body,
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\" text-anchor=\"{word}\" fill=\"{fill}\"{rim}>{}</text>",
            n(x),
            n(y),
            n(size),
            escape(text),
        );
    }

    /// Makes what was drawn in a text's room give way, by gaps; where it cannot, gives the attributes of a rim. Where
    /// nothing was drawn, or one colour, there is nothing to do: a rim is dear to draw.
    fn make_room(&mut self, room: Room) -> &'static str {
        const RIM: &str = " stroke=\"#ffffff\" stroke-width=\"3\" stroke-linejoin=\"bevel\" paint-order=\"stroke\"";
        let mut gaps = Vec::new();
        for drawn in self.drawn.iter().rev().filter(|drawn| drawn.meets(room)) {
            if let Drawn::Box(ground, is_hatched) = *drawn
                && ground.0 <= room.0
                && ground.1 <= room.1
                && room.2 <= ground.2
                && room.3 <= ground.3
                && gaps.is_empty()
            {
                // What lies under it does not show.
                gaps.extend(is_hatched.then_some(room));
                break;
            }
            match drawn.gap(room) {
                Some(gap) => gaps.push(gap),
                None => return RIM,
            }
        }
        for (left, top, right, bottom) in gaps {
            let _ = writeln!(
                self.body,
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"#ffffff\"{CRISP}/>",
                n(left),
                n(top),
                n(right - left),
                n(bottom - top),
            );
        }
        ""
    }

    /// A text that runs upwards from (x, y), centred on x.
    pub(super) fn upright(&mut self, (x, y): (f64, f64), size: f64, fill: &str, text: &str) {
        let width = width_of(text, size);
        let room = (x - 0.5 * size, y - width, x + 0.5 * size, y);
        self.rooms.push((room, text.to_owned()));
        let _ = writeln!(
            self.body,
            "<text transform=\"translate({} {}) rotate(-90)\" x=\"0\" y=\"0\" font-size=\"{}\" fill=\"{fill}\">{}</text>",
            n(x + 0.36 * size),
            n(y),
            n(size),
            escape(text),
        );
    }

    pub(super) fn marker(&mut self, x: f64, y: f64, which: usize, fill: &str, stroke: &str) {
        self.drawn.push(Drawn::Box((x - 5.0, y - 5.0, x + 5.0, y + 5.0), false));
        let shape = match which % 4 {
            0 => format!("<circle cx=\"{}\" cy=\"{}\" r=\"4\"", n(x), n(y)),
            1 => {
                format!("<rect x=\"{}\" y=\"{}\" width=\"8\" height=\"8\"", n(x - 4.0), n(y - 4.0))
            }
            2 => polygon(&[(x, y - 5.0), (x + 4.8, y + 3.8), (x - 4.8, y + 3.8)]),
            _ => polygon(&[(x, y - 5.0), (x + 5.0, y), (x, y + 5.0), (x - 5.0, y)]),
        };
        let _ = writeln!(
            self.body,
            "{shape} fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"1.4\"/>"
        );
    }

    /// The whole picture.
    ///
    /// # Errors
    /// If a text leaves the picture, or two texts stand in each other's room.
    pub(super) fn finish(self, chart: &Chart, style: &Style) -> Result<String, ChartError> {
        if let Some(what) = crowded(&self.rooms, self.width, self.height) {
            return Err(ChartError::Crowded { name: chart.name.clone(), what });
        }
        Ok(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" font-family=\"{font}\">\n\
             <title>{title}</title>\n<desc>{desc}</desc>\n{PATTERNS}\n\
             <rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n{body}</svg>\n",
            w = n(self.width),
            h = n(self.height),
            font = escape(&style.font_family),
            title = escape(&chart.caption),
            desc = escape(&chart.alt),
            body = self.body,
        ))
    }
}

/// The first text that does not fit, or pair of texts that cover each other; a pixel is forgiven.
pub(super) fn crowded(rooms: &[(Room, String)], width: f64, height: f64) -> Option<String> {
    let leaves = |room: &Room| {
        room.0 < -1.0 || room.1 < -1.0 || room.2 > width + 1.0 || room.3 > height + 1.0
    };
    if let Some((_, text)) = rooms.iter().find(|(room, _)| leaves(room)) {
        return Some(format!("{text:?} does not fit into the picture"));
    }
    // By their left edges: of 31 × 24 cells each is compared with its neighbours alone.
    let mut sorted: Vec<&(Room, String)> = rooms.iter().collect();
    sorted.sort_by(|a, b| a.0.0.total_cmp(&b.0.0));
    for (i, (a, first)) in sorted.iter().enumerate() {
        for (b, second) in &sorted[i + 1..] {
            if b.0 + 1.0 >= a.2 {
                break;
            }
            if a.1 + 1.0 < b.3 && b.1 + 1.0 < a.3 {
                return Some(format!("{first:?} and {second:?} cover each other"));
            }
        }
    }
    None
}

fn polygon(points: &[(f64, f64)]) -> String {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", n(*x), n(*y))).collect();
    format!("<polygon points=\"{}\"", points.join(" "))
}

/// Width of a text, rather too wide than too narrow: a Chinese character is as wide as the letters
/// are high; the others as in Noto Sans CJK, the widest of the faces that play 黑.
pub(super) fn width_of(text: &str, size: f64) -> f64 {
    let ems: f64 =
        text.chars()
            .map(|c| match c {
                '.' | ',' | ':' | ';' | '\'' | '|' | '!' | 'i' | 'j' | 'l' => 0.3,
                ' ' | '(' | ')' | '-' | 'f' | 't' | 'r' | 'I' | '[' | ']' => 0.4,
                '0'..='9' | '+' | '<' | '>' | '=' => 0.56,
                '%' | 'm' | 'w' | 'M' | 'W' | '@' => 0.95,
                'a'..='z' => 0.6,
                'A'..='Z' | '&' => 0.75,
                // Where a face gives them half a character, these are still as wide as one elsewhere.
                '→' | '±' | '×' | '■' | '●' | '▲' | '○' | '—' | '…' | '“' | '”' | '≥' | '≤'
                | '·' => 1.0,
                c => match c.width() {
                    Some(0) | None => 0.0,
                    Some(1) => 0.7,
                    Some(_) => 1.0,
                },
            })
            .sum();
    ems * size
}

/// The widest of some texts.
pub(super) fn widest<'a>(texts: impl Iterator<Item = &'a str>, size: f64) -> f64 {
    texts.map(|text| width_of(text, size)).fold(0.0, f64::max)
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred at most")]
pub(super) fn count(n: usize) -> f64 {
    n as f64
}

/// A coordinate, to a tenth of a pixel: stable bytes, small files.
fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
