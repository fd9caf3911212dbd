//! Style sheets and inlined styles, declaration by declaration.

use cssparser::{Parser, Token};

use super::support::features;
use super::{Problem, Severity};

/// `property: value` as far as it is judged.
#[derive(Debug, Default)]
struct Declaration {
    property: String,
    line: usize,
    /// As written, for messages and colours.
    value: String,
    keywords: Vec<String>,
    units: Vec<String>,
    functions: Vec<String>,
    has_url: bool,
    is_negative: bool,
    is_important: bool,
}

/// Where declarations stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a rule that is inlined, or in an attribute.
    Inlined,
    /// In `@media`, which stays in the page's `<style>`.
    Media,
}

/// Judges a whole style sheet.
pub(super) fn lint_sheet(css: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    rules(&mut Parser::new(css), Place::Inlined, &mut problems);
    problems
}

/// Judges the styles of an element.
pub(super) fn lint_inline(style: &str, element: &str, line: usize) -> Vec<Problem> {
    let mut problems = Vec::new();
    for declaration in declarations(&mut Parser::new(style)) {
        judge(&declaration, Some(element), Place::Inlined, &mut problems);
    }
    for problem in &mut problems {
        problem.line = Some(line);
    }
    problems
}

fn problem(severity: Severity, rule: &str, line: usize, message: String) -> Problem {
    Problem { severity, rule: rule.to_owned(), line: Some(line), excerpt: String::new(), message }
}

fn rules(input: &mut Parser<'_>, place: Place, problems: &mut Vec<Problem>) {
    loop {
        input.skip_whitespace();
        let line = input.current_source_location().line as usize + 1;
        let start = input.position();
        let at_rule = match input.next() {
            Ok(Token::AtKeyword(name)) => Some(name.to_string().to_ascii_lowercase()),
            Ok(Token::CurlyBracketBlock) => {
                let message = "a block without a selector".to_owned();
                problems.push(problem(Severity::Error, "syntax", line, message));
                continue;
            }
            Ok(_) => None,
            Err(_) => return,
        };
        let has_block = loop {
            match input.next() {
                Ok(Token::CurlyBracketBlock) => break true,
                Ok(Token::Semicolon) if at_rule.is_some() => break false,
                Ok(_) => {}
                Err(_) => break false,
            }
        };
        let prelude = input.slice_from(start);
        let prelude = prelude.strip_suffix('{').unwrap_or(prelude).trim();
        match &at_rule {
            Some(name) => at_rule_known(name, prelude, line, problems),
            None => selector(prelude, line, place, problems),
        }
        if !has_block {
            if at_rule.is_none() {
                let message = format!("`{prelude}` has no block");
                problems.push(problem(Severity::Error, "syntax", line, message));
            }
            continue;
        }
        let parsed: Result<(), cssparser::ParseError<()>> = input.parse_nested_block(|block| {
            if at_rule.as_deref() == Some("media") {
                rules(block, Place::Media, problems);
            } else if at_rule.is_none() {
                let made = declarations(block);
                for declaration in &made {
                    judge(declaration, None, place, problems);
                }
                colours(&made, line, prelude, problems);
            }
            // The insides of at-rules that are refused anyway are not looked at.
            while block.next().is_ok() {}
            Ok(())
        });
        drop(parsed);
    }
}

fn at_rule_known(name: &str, prelude: &str, line: usize, problems: &mut Vec<Problem>) {
    let mut say = |kind: &str, name: &str, what: &str| {
        let Some(found) = features(kind, name) else {
            let message = format!("{what}: nothing is known of which mail programs know it");
            problems.push(problem(Severity::Error, "unknown", line, message));
            return;
        };
        for feature in found {
            if let Some((severity, message)) = feature.judge(what, None) {
                problems.push(problem(severity, feature.name, line, message));
            }
        }
    };
    say("at-rule", name, &format!("@{name}"));
    if name == "media" {
        let asked = prelude.split('(').skip(1);
        for feature in asked.filter_map(|rest| rest.split([':', ')', '<', '>', '=']).next()) {
            let feature = feature.trim();
            let plain = ["max-width", "min-width", "width"].contains(&feature);
            if !plain {
                say("media", feature, &format!("@media ({feature})"));
            }
        }
    }
}

fn selector(prelude: &str, line: usize, place: Place, problems: &mut Vec<Problem>) {
    if place == Place::Inlined {
        // What is inlined may be selected in any way but by what happens later.
        if let Some(at) = prelude.find(':') {
            let message = format!(
                "`{}` cannot be inlined: mail programs without <style> would not see it",
                &prelude[at..]
            );
            problems.push(problem(Severity::Error, "pseudo", line, message));
        }
        return;
    }
    let mut used: Vec<(&str, &str)> = Vec::new();
    for (mark, name) in
        [('.', "."), ('#', "#"), ('[', "["), ('>', ">"), ('+', "+"), ('~', "~"), ('*', "*")]
    {
        if prelude.contains(mark) {
            used.push(("selector", name));
        }
    }
    for part in prelude.split(':').skip(1) {
        let name: &str =
            part.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap_or("");
        let known = format!(":{name}");
        if features("selector", &known).is_none() && !name.is_empty() {
            let message = format!("`:{name}`: nothing is known of which mail programs know it");
            problems.push(problem(Severity::Error, "unknown", line, message));
        }
        for feature in features("selector", &known).unwrap_or_default() {
            if let Some((severity, message)) = feature.judge(&format!("`{known}`"), None) {
                problems.push(problem(severity, feature.name, line, message));
            }
        }
    }
    for (kind, name) in used {
        for feature in features(kind, name).unwrap_or_default() {
            if let Some((severity, message)) = feature.judge(&format!("`{prelude}`"), None) {
                problems.push(problem(severity, feature.name, line, message));
            }
        }
    }
}

/// The declarations of a block or of an attribute; what is no declaration is left out, as browsers do.
fn declarations(input: &mut Parser<'_>) -> Vec<Declaration> {
    let mut made = Vec::new();
    loop {
        input.skip_whitespace();
        let line = input.current_source_location().line as usize + 1;
        let property = match input.next() {
            Ok(Token::Ident(name)) => name.to_string().to_ascii_lowercase(),
            Ok(_) => continue,
            Err(_) => return made,
        };
        if !matches!(input.next(), Ok(Token::Colon)) {
            continue;
        }
        let mut one = Declaration { property, line, ..Declaration::default() };
        let start = input.position();
        loop {
            let before = input.position();
            match input.next() {
                Ok(Token::Semicolon) => {
                    input.slice(start..before).trim().clone_into(&mut one.value);
                    break;
                }
                Ok(token) => {
                    let token = token.clone();
                    note(&token, &mut one);
                    if matches!(token, Token::Function(_) | Token::ParenthesisBlock) {
                        inside(input, &mut one);
                    }
                }
                Err(_) => {
                    input.slice_from(start).trim().clone_into(&mut one.value);
                    break;
                }
            }
        }
        made.push(one);
    }
}

fn inside(input: &mut Parser<'_>, one: &mut Declaration) {
    let parsed: Result<(), cssparser::ParseError<()>> = input.parse_nested_block(|block| {
        while let Ok(token) = block.next() {
            let token = token.clone();
            note(&token, one);
            if matches!(token, Token::Function(_) | Token::ParenthesisBlock) {
                inside(block, one);
            }
        }
        Ok(())
    });
    drop(parsed);
}

fn note(token: &Token<'_>, one: &mut Declaration) {
    match token {
        Token::Ident(name) => {
            let name = name.to_string().to_ascii_lowercase();
            one.is_important |= name == "important";
            one.keywords.push(name);
        }
        Token::Dimension { unit, value, .. } => {
            one.units.push(unit.to_string().to_ascii_lowercase());
            one.is_negative |= *value < 0.0;
        }
        Token::Percentage { .. } => one.units.push("%".to_owned()),
        Token::Function(name) => {
            let name = name.to_string().to_ascii_lowercase();
            one.has_url |= name == "url";
            one.functions.push(name);
        }
        Token::UnquotedUrl(_) | Token::BadUrl(_) => one.has_url = true,
        _ => {}
    }
}

fn judge(one: &Declaration, element: Option<&str>, place: Place, problems: &mut Vec<Problem>) {
    let Declaration { property, line, value, .. } = one;
    let written = format!("{property}: {value}");
    let first = problems.len();
    let mut say = |kind: &str, name: &str, what: &str| match features(kind, name) {
        Some(found) => problems.extend(found.into_iter().filter_map(|feature| {
            let (severity, message) = feature.judge(what, element)?;
            Some(problem(severity, feature.name, *line, message))
        })),
        None if kind == "property" => {
            let message = format!("{what}: nothing is known of which mail programs know it");
            problems.push(problem(Severity::Error, "unknown", *line, message));
        }
        None => {}
    };
    let display = if property == "display" { one.keywords.first() } else { None };
    match display {
        Some(keyword) if features("value", keyword).is_some() => say("value", keyword, &written),
        _ => say("property", property, property),
    }
    let is_important = |word: &&String| word.as_str() == "important";
    for keyword in one.keywords.iter().filter(|word| !is_important(word)) {
        say("keyword", keyword, &written);
    }
    if one.is_important {
        say("keyword", "important", "!important");
    }
    for unit in &one.units {
        say("unit", unit, &written);
    }
    for function in one.functions.iter().filter(|name| *name != "url") {
        say("function", function, &written);
    }
    if one.has_url {
        let message = format!("{written}: a mail fetches nothing; pictures stand in <img> by cid");
        problems.push(problem(Severity::Error, "resource", *line, message));
    }
    if let Some(why) = refused_value(one) {
        problems.push(problem(
            Severity::Error,
            &format!("css-{property}"),
            *line,
            format!("{written}: {why}"),
        ));
    }
    if place == Place::Media && !one.is_important {
        let message = format!("{written} has no !important: the inlined style wins over it");
        problems.push(problem(Severity::Warning, "media-important", *line, message));
    }
    // One declaration may touch a feature twice.
    let mut i = first;
    while i < problems.len() {
        if problems[..i].contains(&problems[i]) {
            problems.remove(i);
        } else {
            i += 1;
        }
    }
}

/// Values that Can I email notes as not known of a property that is known in part.
fn refused_value(one: &Declaration) -> Option<&'static str> {
    let has = |words: &[&str]| one.keywords.iter().any(|word| words.contains(&word.as_str()));
    let all = |words: &[&str]| {
        one.keywords.iter().all(|word| words.contains(&word.as_str()) || word == "important")
    };
    match one.property.as_str() {
        name if name.starts_with("margin") && (one.is_negative || has(&["auto"])) => {
            Some("Outlook knows neither `auto` nor negative margins; use align and cells")
        }
        "text-indent" if one.is_negative => Some("Gmail drops negative indents"),
        "text-align" if !all(&["left", "right", "center", "justify"]) => {
            Some("use left, right, center or justify; others are not known everywhere")
        }
        "text-decoration" if !all(&["none", "underline"]) => {
            Some("use none or underline; others are not known everywhere")
        }
        "display" if !all(&["none", "block", "inline"]) => {
            Some("use none, block or inline; others are not known everywhere")
        }
        "font-weight" if !all(&["normal", "bold"]) => Some("use normal or bold"),
        "line-height" if one.units.iter().any(|unit| unit == "em") => {
            Some("Outlook reads `em` wrongly here; use a number or percent")
        }
        _ => None,
    }
}

/// Background and text belong together: programs with a dark mode turn one of them alone.
fn colours(made: &[Declaration], line: usize, selector: &str, problems: &mut Vec<Problem>) {
    let of = |name: &str| made.iter().rev().find(|one| one.property == name);
    let back = of("background-color").or_else(|| of("background"));
    if made.iter().any(|one| one.property == "display" && one.keywords.iter().any(|k| k == "none"))
    {
        return;
    }
    let Some(back) = back else { return };
    let Some(front) = of("color") else {
        let message = format!(
            "`{selector}` sets a background without a color: where a program darkens one of the two, text vanishes"
        );
        problems.push(problem(Severity::Warning, "dark-pair", line, message));
        return;
    };
    if let (Some(back), Some(front)) = (luminance(&back.value), luminance(&front.value)) {
        let ratio = (back.max(front) + 0.05) / (back.min(front) + 0.05);
        if ratio < LEAST_CONTRAST {
            let message = format!(
                "`{selector}`: text and background differ by {ratio:.1} : 1; {LEAST_CONTRAST} is the least that reads well (WCAG 2.1, 1.4.3)"
            );
            problems.push(problem(Severity::Error, "contrast", line, message));
        }
    }
}

const LEAST_CONTRAST: f64 = 4.5;

/// Relative luminance of `#rrggbb` (WCAG 2.1); none of another notation.
fn luminance(value: &str) -> Option<f64> {
    let hex = value.split_whitespace().next()?.strip_prefix('#')?;
    if hex.len() != 6 {
        return None;
    }
    let channel = |at: usize| {
        let byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
        let c = f64::from(byte) / 255.0;
        Some(if c <= 0.03928 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) })
    };
    Some(0.2126 * channel(0)? + 0.7152 * channel(2)? + 0.0722 * channel(4)?)
}
