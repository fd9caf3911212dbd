//! The invented staff of one institution: near the standard, with the gaps that life has.

use std::ops::Range;

use super::months::{BUILT, N_MONTHS, YEAR_BEFORE, is_summer};
use super::past::BEHIND;
use super::prng::Prng;
use super::world::Institution;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Staff {
    pub heads: u32,
    pub heads_certified: u32,
    pub teachers: u32,
    pub teachers_certified: u32,
    pub nurses: u32,
    pub health: u32,
    pub admin: u32,
    pub support: u32,
    /// 工勤, guards among them.
    pub logistics: u32,
    pub guards: u32,
    pub posts: u32,
    pub posts_filled: u32,
}

impl Staff {
    pub(super) fn total(self) -> u32 {
        self.heads
            + self.teachers
            + self.nurses
            + self.health
            + self.admin
            + self.support
            + self.logistics
    }
}

/// The contracts of most teachers of 黄花店镇 ended in the summer of 2023; it hired anew in March 2024.
const SHORT_OF_TEACHERS: (&str, Range<usize>) = ("120114112", YEAR_BEFORE..14);

/// What some kindergarten goes without for a time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lack {
    Guard,
    Health,
}

/// Staffs an institution for all months, by its classes and the most children that it has in any. Small
/// private ones and those of the towns that stay behind are short of teachers the most.
pub(super) fn hire(inst: &mut Institution) {
    let mut rng = Prng::for_subject(&inst.code);
    let n_classes = u32::try_from(inst.classes.len()).unwrap_or(1);
    let is_public = inst.kind[BUILT].is_public();
    let children = |month| inst.classes.iter().map(|class| class.children[month]).sum::<u32>();
    let children: u32 = (0..N_MONTHS).map(children).max().unwrap_or(0);
    let nurses = n_classes - u32::from(n_classes > 3 && rng.chance(12));
    // Two teachers and a nurse a class, or three teachers; one of them for nine children.
    let wanted = (3 * n_classes - nurses).max(children.div_ceil(9).saturating_sub(nurses));
    let often = match (is_public, BEHIND.contains(&inst.town.code)) {
        (true, _) => 6,
        (false, true) => 80,
        (false, false) => 18,
    };
    let short = if rng.chance(often) { rng.between(1, 1 + n_classes / 4) } else { 0 };
    let teachers = wanted.saturating_sub(short).max(n_classes);
    let heads = if n_classes >= 6 && rng.chance(70) { 2 } else { 1 };
    let uncertified = if rng.chance(14) { rng.between(1, 2).min(teachers) } else { 0 };
    let guards = match children {
        0..100 => 1,
        100..1000 => 2,
        _ => 3,
    };
    let posts = if is_public { teachers * rng.between(50, 80) / 100 + heads } else { 0 };
    let vacant = if posts > 2 && rng.chance(25) { rng.between(1, 2) } else { 0 };
    let mut base = Staff {
        heads,
        heads_certified: heads - u32::from(rng.chance(4)),
        teachers,
        teachers_certified: teachers - uncertified,
        nurses,
        health: children.div_ceil(150),
        admin: rng.between(0, 1 + n_classes / 6),
        support: rng.between(0, 1),
        logistics: guards + 1 + n_classes / 3,
        guards,
        posts,
        posts_filled: posts - vacant,
    };
    // One for seven children.
    if !rng.chance(8) {
        base.logistics += children.div_ceil(7).saturating_sub(base.total());
    }
    let lack = match rng.between(0, 99) {
        0..4 => Some(Lack::Guard),
        4..8 => Some(Lack::Health),
        _ => None,
    };
    let mended = rng.between(5, 30) as usize;
    inst.staff = [base; N_MONTHS];
    let mut now = base;
    for month in BUILT + 1..N_MONTHS {
        // Missing certificates come in one at a time.
        if now.teachers_certified < now.teachers && rng.chance(30) {
            now.teachers_certified += 1;
        }
        if now.posts_filled < now.posts && rng.chance(12) {
            now.posts_filled += 1;
        }
        if rng.chance(if now.teachers < wanted { 18 } else { 2 }) {
            now.teachers += 1;
            now.teachers_certified += 1;
        }
        inst.staff[month] = now;
    }
    tell_past(inst, base, n_classes);
    lose_teachers(inst);
    if let Some(lack) = lack {
        for staff in &mut inst.staff[..mended.min(N_MONTHS)] {
            match lack {
                Lack::Guard => {
                    staff.guards -= 1;
                    staff.logistics -= 1;
                }
                Lack::Health => staff.health -= 1,
            }
        }
    }
}

/// One teacher is left for 17 children: fewer than the one for 15 that 教督〔2020〕1号 asks for.
fn lose_teachers(inst: &mut Institution) {
    let (town, months) = SHORT_OF_TEACHERS;
    if inst.town.code != town {
        return;
    }
    for month in months {
        let children: u32 = inst.classes.iter().map(|class| class.children[month]).sum();
        let staff = &mut inst.staff[month];
        staff.teachers = staff.teachers.min((children / 17).max(1));
        staff.teachers_certified = staff.teachers_certified.min(staff.teachers);
        staff.posts_filled = staff.posts_filled.min(staff.teachers + staff.heads);
    }
}

/// Backwards: some teachers fewer, more of them without a certificate. Nobody is hired in the summer.
fn tell_past(inst: &mut Institution, base: Staff, n_classes: u32) {
    let mut rng = Prng::for_subject(&format!("past staff/{}", inst.code));
    let mut now = base;
    let mut n_hired = 0;
    for month in (0..BUILT).rev() {
        if !is_summer(month) && now.teachers > n_classes {
            if n_hired < 2 && rng.between(0, 999) < 8 {
                n_hired += 1;
                now.teachers -= 1;
                now.teachers_certified = now.teachers_certified.min(now.teachers);
                now.posts_filled = now.posts_filled.min(now.teachers + now.heads);
            }
            if now.teachers_certified * 10 > now.teachers * 7 && rng.chance(1) {
                now.teachers_certified -= 1;
            }
        }
        inst.staff[month] = now;
    }
}
