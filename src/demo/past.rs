//! The district's past, told backwards from the school year that it is built for: smaller classes,
//! kindergartens not yet opened, private ones not yet public or inclusive, and the childcare points
//! that the campaign has closed since.
//!
//! Each part draws from its own seed, so that no change here moves a figure of the last months.

use super::months::{BUILT, N_MONTHS, YEAR_BEFORE, first_day, is_summer};
use super::prng::Prng;
use super::world::{Class, Institution, Kind, ORDINALS, Town, drift, institution, males};

/// A private kindergarten opens here in September 2024: the public share falls below one half.
const LOSES: &str = "120114120";
/// Nothing is converted here before the last months: two towns that stay behind.
pub(super) const BEHIND: [&str; 2] = ["120114111", "120114114"];

/// Months in which a conversion takes effect: mostly as a school year begins.
const CONVERSIONS: [usize; 10] = [2, 3, 5, 8, 8, 8, 11, 14, 15, 17];
/// Months in which community kindergartens open.
const OPENINGS: [usize; 5] = [2, 8, 8, 14, 20];

pub(super) fn tell(town: &'static Town, institutions: &mut Vec<Institution>) {
    for inst in institutions.iter_mut() {
        let mut rng = Prng::for_subject(&format!("past classes/{}", inst.code));
        for class in &mut inst.classes {
            shrink(&mut rng, class);
        }
    }
    open(town, institutions);
    convert(town, institutions);
    points(town, institutions);
}

/// The class in the two school years before: other children each September, a little fewer.
fn shrink(rng: &mut Prng, class: &mut Class) {
    let limit = class.sort.limit();
    let mut later = class.children[BUILT];
    for year in [YEAR_BEFORE..BUILT, 0..YEAR_BEFORE] {
        let first = (later + *rng.pick(&[0, 1, 1, 2, 2, 3])).saturating_sub(2).max(8);
        class.children[year.start] = first;
        for month in year.start + 1..year.end {
            let before = class.children[month - 1];
            // Closed: as at the end of June.
            class.children[month] =
                if is_summer(month) { before } else { drift(rng, before, limit).max(8) };
        }
        later = first;
    }
    for month in 0..BUILT {
        class.male[month] = males(class.children[month], class.lean);
    }
}

/// Kindergartens that the campaign opened: public ones of new housing estates, and the private one
/// that costs a town its target.
fn open(town: &Town, institutions: &mut [Institution]) {
    let mut rng = Prng::for_subject(&format!("openings/{}", town.code));
    for inst in institutions.iter_mut() {
        let is_new = inst.is_community && inst.kind[BUILT].is_public() && !inst.is_central;
        if is_new && rng.chance(60) {
            inst.open_from = *rng.pick(&OPENINGS);
        }
    }
    if town.code == LOSES {
        let of_town: u32 =
            institutions.iter().filter(|i| !i.is_point()).map(|i| i.enrolled(BUILT)).sum();
        let large = institutions.iter_mut().filter(|inst| {
            !inst.is_point()
                && !inst.kind[BUILT].is_public()
                && inst.enrolled(BUILT) * 100 >= of_town * 6
        });
        let private = large.min_by_key(|inst| inst.enrolled(BUILT));
        if let Some(inst) = private {
            inst.open_from = BUILT;
        }
    }
    for inst in institutions.iter_mut().filter(|inst| inst.open_from > 0) {
        inst.opened_on = first_day(inst.open_from);
    }
}

/// Private kindergartens that became public, and others that became inclusive, before September 2024.
fn convert(town: &Town, institutions: &mut [Institution]) {
    if BEHIND.contains(&town.code) {
        return;
    }
    let mut rng = Prng::for_subject(&format!("conversions/{}", town.code));
    let n_public = if town.code == LOSES { 0 } else { rng.between(1, 2) };
    let n_inclusive = rng.between(1, 3);
    for _ in 0..n_public {
        let month = *rng.pick(&CONVERSIONS);
        was(institutions, month, Kind::is_public, Kind::Inclusive);
    }
    for _ in 0..n_inclusive {
        let month = *rng.pick(&CONVERSIONS);
        was(institutions, month, |kind| kind == Kind::Inclusive, Kind::Other);
    }
}

/// The last kindergarten of some kind was of another one until a month.
fn was(institutions: &mut [Institution], month: usize, now: fn(Kind) -> bool, then: Kind) {
    let of_town: u32 =
        institutions.iter().filter(|i| !i.is_point()).map(|i| i.enrolled(month)).sum();
    let candidate = institutions.iter_mut().rev().find(|inst| {
        let untouched = inst.kind[..=BUILT].iter().all(|kind| *kind == inst.kind[BUILT]);
        untouched
            && now(inst.kind[BUILT])
            && inst.open_from == 0
            && !inst.is_direct
            && !inst.is_central
            && inst.parent_code.is_none()
            // A community kindergarten is public or inclusive.
            && (!inst.is_community || then == Kind::Inclusive)
            && inst.enrolled(month) * 100 < of_town * 16
    });
    if let Some(inst) = candidate {
        for kind in &mut inst.kind[..month] {
            *kind = then;
        }
    }
}

/// Two towns file a new childcare point although none may be filed any more: in July 2023, closed in
/// November, and in March 2024, closed in June.
const NEW_POINTS: [(&str, usize, usize); 2] = [("120114115", 6, 10), ("120114004", 14, 17)];

/// The childcare points that were closed before September 2024.
fn points(town: &'static Town, institutions: &mut Vec<Institution>) {
    let mut rng = Prng::for_subject(&format!("points/{}", town.code));
    let there = institutions.iter().filter(|inst| inst.is_point()).count();
    let gone = if town.is_street() { rng.between(5, 9) } else { rng.between(2, 4) };
    for i in there..there + gone as usize {
        let code = format!("99{}{:05}", &town.code[6..], 90_001 + i);
        let name = format!("{}托幼点{}", town.stem(), ORDINALS[i % ORDINALS.len()]);
        let mut inst = institution(&mut rng, town, code, name, Kind::ChildcarePoint, 1);
        let closed = match rng.between(0, 9) {
            0..=1 => YEAR_BEFORE,
            2..=3 => BUILT,
            _ => rng.between(1, 19) as usize,
        };
        inst.closed_from = Some(closed.min(N_MONTHS));
        for class in &mut inst.classes {
            shrink(&mut rng, class);
        }
        institutions.push(inst);
    }
    let n = there + gone as usize;
    if let Some((_, from, until)) = NEW_POINTS.iter().find(|(code, ..)| *code == town.code) {
        let mut rng = Prng::for_subject(&format!("new point/{}", town.code));
        let code = format!("99{}{:05}", &town.code[6..], 90_001 + n);
        let name = format!("{}托幼点{}", town.stem(), ORDINALS[n % ORDINALS.len()]);
        let mut inst = institution(&mut rng, town, code, name, Kind::ChildcarePoint, 1);
        (inst.open_from, inst.closed_from) = (*from, Some(*until));
        inst.opened_on = first_day(*from);
        for class in &mut inst.classes {
            shrink(&mut rng, class);
        }
        institutions.push(inst);
    }
}
