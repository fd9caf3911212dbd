//! The invented staff of one institution: near the standard, with the gaps that life has.

use super::months::{BUILT, N_MONTHS, is_summer};
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

/// Staffs an institution for all months, by its classes and children of September 2024.
pub(super) fn hire(inst: &mut Institution) {
    let mut rng = Prng::for_subject(&inst.code);
    let n_classes = u32::try_from(inst.classes.len()).unwrap_or(1);
    let is_public = inst.kind[BUILT].is_public();
    let children: u32 = inst.classes.iter().map(|class| class.children[BUILT]).sum();
    // Two teachers a class is the standard; small private ones fall short of it.
    let short = if is_public { u32::from(rng.chance(10)) } else { rng.between(0, n_classes / 2) };
    let teachers = 2 * n_classes - short.min(n_classes);
    let heads = if n_classes >= 6 && rng.chance(70) { 2 } else { 1 };
    let uncertified = if rng.chance(25) { rng.between(1, 2).min(teachers) } else { 0 };
    let guards = match children {
        0..100 => 1,
        100..1000 => 2,
        _ => 3,
    };
    let posts = if is_public { teachers * rng.between(50, 80) / 100 + heads } else { 0 };
    let vacant = if posts > 2 && rng.chance(30) { rng.between(1, 2) } else { 0 };
    let base = Staff {
        heads,
        heads_certified: heads - u32::from(rng.chance(4)),
        teachers,
        teachers_certified: teachers - uncertified,
        nurses: n_classes - u32::from(n_classes > 3 && rng.chance(20)),
        health: children.div_ceil(150),
        admin: rng.between(0, 1 + n_classes / 6),
        support: rng.between(0, 1),
        logistics: guards + 1 + n_classes / 3,
        guards,
        posts,
        posts_filled: posts - vacant,
    };
    inst.staff = [base; N_MONTHS];
    let mut now = base;
    for month in BUILT + 1..N_MONTHS {
        // Missing certificates come in one at a time.
        if now.teachers_certified < now.teachers && rng.chance(30) {
            now.teachers_certified += 1;
        }
        if rng.chance(3) {
            now.teachers += 1;
            now.teachers_certified += 1;
        }
        inst.staff[month] = now;
    }
    // Backwards: a teacher fewer, more of them without a certificate. Nobody is hired in the summer.
    let mut rng = Prng::for_subject(&format!("past staff/{}", inst.code));
    let mut now = base;
    for month in (0..BUILT).rev() {
        if !is_summer(month) && now.teachers > n_classes {
            if rng.chance(2) {
                now.teachers -= 1;
                now.teachers_certified = now.teachers_certified.min(now.teachers);
                now.posts_filled = now.posts_filled.min(now.teachers + now.heads);
            }
            if now.teachers_certified * 10 > now.teachers * 7 && rng.chance(4) {
                now.teachers_certified -= 1;
            }
        }
        inst.staff[month] = now;
    }
}
