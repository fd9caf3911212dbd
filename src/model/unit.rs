use std::collections::HashMap;
use std::fmt;

use ecow::EcoString;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Code of an organisational unit, as in `config/units.csv`. Short enough to be copied without allocating.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnitCode(EcoString);

impl UnitCode {
    pub fn new(code: impl Into<EcoString>) -> UnitCode {
        UnitCode(code.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UnitCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of unit a code stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The whole; there is exactly one.
    District,
    /// Reports institutions directly under it that lie in towns (直属园 report to the bureau).
    Bureau,
    /// 镇 or 街道: the level at which the plan's targets hold.
    Town,
    /// Three 镇 helped by one 直属园; groups do not add up to the district.
    Group,
    /// An industrial park that lies in a town and never reports itself.
    Park,
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Level::District => "district",
            Level::Bureau => "bureau",
            Level::Town => "town",
            Level::Group => "group",
            Level::Park => "park",
        }
    }

    pub fn parse(word: &str) -> Option<Level> {
        [Level::District, Level::Bureau, Level::Town, Level::Group, Level::Park]
            .into_iter()
            .find(|level| level.as_str() == word)
    }
}

/// One organisational unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    pub code: UnitCode,
    pub name: String,
    pub level: Level,
    /// `镇`, `街道`, `园区`, … as the district says it; free text.
    pub kind: String,
    /// The unit that it lies in: a town's district, a park's town.
    pub parent: Option<UnitCode>,
    /// The group of a town, if it is in one.
    pub group: Option<UnitCode>,
    /// Other spellings that files use (陈嘴镇 for 陈咀镇).
    pub aliases: Vec<String>,
}

/// All units of a district, found by code or by any spelling of their name.
#[derive(Debug, Clone, Default)]
pub struct UnitDirectory {
    units: Vec<Unit>,
    by_code: HashMap<UnitCode, usize>,
    by_name: HashMap<String, usize>,
}

impl UnitDirectory {
    /// Indexes `units`. Codes and names are taken as unique: the loader of `units.csv` has said so.
    pub fn new(units: Vec<Unit>) -> UnitDirectory {
        let mut by_code = HashMap::new();
        let mut by_name = HashMap::new();
        for (i, unit) in units.iter().enumerate() {
            by_code.insert(unit.code.clone(), i);
            for name in std::iter::once(&unit.name).chain(&unit.aliases) {
                by_name.entry(fold(name)).or_insert(i);
            }
            by_name.entry(fold(unit.code.as_str())).or_insert(i);
        }
        UnitDirectory { units, by_code, by_name }
    }

    pub fn get(&self, code: &UnitCode) -> Option<&Unit> {
        self.by_code.get(code).map(|&i| &self.units[i])
    }

    /// Finds a unit by code, name or alias; widths and blanks do not matter.
    pub fn find(&self, text: &str) -> Option<&Unit> {
        self.by_name.get(&fold(text)).map(|&i| &self.units[i])
    }

    pub fn iter(&self) -> impl Iterator<Item = &Unit> {
        self.units.iter()
    }

    pub fn of_level(&self, level: Level) -> impl Iterator<Item = &Unit> {
        self.units.iter().filter(move |unit| unit.level == level)
    }

    /// The district itself, if `units.csv` names one.
    pub fn district(&self) -> Option<&Unit> {
        self.of_level(Level::District).next()
    }

    /// The unit, or the town that a park lies in: where an institution counts.
    pub fn town_of<'a>(&'a self, unit: &'a Unit) -> &'a Unit {
        match (unit.level, &unit.parent) {
            (Level::Park, Some(parent)) => self.get(parent).unwrap_or(unit),
            _ => unit,
        }
    }

    /// The unit whose name is nearest to a misspelt one, for a hint.
    pub fn nearest(&self, text: &str) -> Option<&Unit> {
        let text = fold(text);
        self.units
            .iter()
            .map(|unit| (strsim::normalized_damerau_levenshtein(&fold(&unit.name), &text), unit))
            .filter(|(score, _)| *score >= 0.5)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, unit)| unit)
    }
}

/// Makes two spellings equal that differ only in width and blanks: NFKC, no white space.
///
/// `灘 区 計` and `灘区計`, `３歳児` and `3歳児`, `Ａ园` and `A园` are the same to a reader.
pub fn fold(text: &str) -> String {
    // Nearly all text is of characters that fold to themselves (the unified ideographs have no
    // decomposition); every text of a workbook comes through here.
    if text.chars().all(|c| c.is_ascii_graphic() || ('\u{4e00}'..='\u{9fff}').contains(&c)) {
        return text.to_owned();
    }
    text.nfkc().filter(|c| !c.is_whitespace() && *c != '\u{200b}' && *c != '\u{feff}').collect()
}

#[cfg(test)]
mod tests {
    use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

    use super::fold;

    #[test]
    fn characters_that_are_not_folded_would_fold_to_themselves() {
        let kept: String = ('!'..='~').chain('\u{4e00}'..='\u{9fff}').collect();
        assert_eq!(is_nfkc_quick(kept.chars()), IsNormalized::Yes);
        assert_eq!(kept.nfkc().collect::<String>(), kept);
        assert!(!kept.contains(char::is_whitespace));
        assert_eq!(fold(&kept), kept);
        assert_eq!(fold("Ａ园 （一）"), "A园(一)");
    }
}
