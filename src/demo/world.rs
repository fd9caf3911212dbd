//! The invented district behind the demo: towns, institutions, classes and staff, month by month.
//!
//! Built for the school year that begins in 2024-09; the 20 months before are told backwards from it
//! (`past`), so that a longer story leaves the last months' figures as they were.
//!
//! The names of the 30 镇街 are real, everything else is invented: no figure is Wuqing's.

use jiff::civil::{Date, date};

use super::months::{BUILT, N_MONTHS};
use super::past;
use super::prng::Prng;
use super::staff::{self, Staff};

/// Office that reports the 直属园.
pub(super) const BUREAU: &str = "120114B";

/// What a 镇街 looks like in September 2024, before the campaign's last months.
pub(super) struct Town {
    pub code: &'static str,
    pub name: &'static str,
    /// Children in kindergartens to aim at, 直属园 included.
    enrolled: u32,
    /// Gross enrolment in September, per thousand: sets the resident children.
    gross_per_mille: u32,
    /// Public share and inclusive coverage to aim at, in percent.
    public: u32,
    inclusive: u32,
    n_direct: usize,
    /// An industrial park in it, as clerks write it in the unit's column.
    park: Option<&'static str>,
}

const fn town(
    code: &'static str,
    name: &'static str,
    enrolled: u32,
    gross_per_mille: u32,
    public: u32,
    inclusive: u32,
) -> Town {
    Town { code, name, enrolled, gross_per_mille, public, inclusive, n_direct: 0, park: None }
}

impl Town {
    const fn with_direct(mut self, n: usize) -> Town {
        self.n_direct = n;
        self
    }

    const fn with_park(mut self, name: &'static str) -> Town {
        self.park = Some(name);
        self
    }

    pub(super) fn is_street(&self) -> bool {
        self.name.ends_with("街道")
    }

    /// 杨村街道 → 杨村.
    pub(super) fn stem(&self) -> &'static str {
        self.name.trim_end_matches("街道").trim_end_matches('镇')
    }
}

pub(super) static TOWNS: [Town; 30] = [
    town("120114001", "杨村街道", 3600, 972, 40, 80).with_direct(3),
    town("120114002", "下朱庄街道", 2700, 885, 50, 83).with_direct(1),
    town("120114003", "东蒲洼街道", 2300, 912, 40, 78).with_direct(1),
    town("120114004", "黄庄街道", 1200, 893, 42, 82).with_direct(1),
    town("120114005", "徐官屯街道", 900, 880, 36, 81).with_park("武清经济技术开发区"),
    town("120114006", "运河西街道", 1900, 1120, 45, 84).with_direct(2),
    town("120114101", "梅厂镇", 650, 915, 52, 89).with_park("天津武清汽车产业园"),
    town("120114102", "大碱厂镇", 500, 885, 44, 86),
    town("120114103", "崔黄口镇", 850, 908, 41, 82),
    town("120114104", "大良镇", 480, 905, 58, 92),
    town("120114105", "下伍旗镇", 330, 870, 63, 95),
    town("120114106", "南蔡村镇", 560, 895, 47, 85),
    town("120114107", "大孟庄镇", 380, 890, 55, 90),
    town("120114108", "泗村店镇", 400, 895, 39, 83),
    town("120114109", "河西务镇", 900, 940, 48, 87),
    town("120114110", "城关镇", 450, 900, 51, 88),
    town("120114111", "东马圈镇", 430, 880, 34, 77),
    town("120114112", "黄花店镇", 400, 875, 60, 94),
    town("120114113", "石各庄镇", 460, 910, 45, 84),
    town("120114114", "王庆坨镇", 1100, 1012, 32, 74),
    town("120114115", "汊沽港镇", 620, 930, 44, 83),
    town("120114116", "河北屯镇", 360, 865, 66, 95),
    town("120114117", "上马台镇", 430, 895, 49, 88),
    town("120114118", "大王古庄镇", 560, 925, 42, 84).with_park("天津京滨工业园"),
    town("120114119", "陈咀镇", 470, 905, 53, 89),
    town("120114120", "豆张庄镇", 380, 870, 46, 86),
    town("120114121", "曹子里镇", 450, 900, 38, 80),
    town("120114122", "大黄堡镇", 330, 860, 57, 93),
    town("120114123", "高村镇", 480, 925, 50, 88),
    town("120114124", "白古屯镇", 400, 885, 43, 85),
];

/// Exactly 50 % public in December: not below, so the town passes.
pub(super) const EXACTLY_HALF: &str = "120114108";
/// One child short of 50 % in December: must never print as 达标.
pub(super) const JUST_BELOW_HALF: &str = "120114002";

/// Has no central kindergarten until September 2024.
const WITHOUT_CENTRAL: &str = "120114124";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Education,
    OtherDepartment,
    Enterprise,
    Institution,
    Collective,
    Inclusive,
    Other,
    ChildcarePoint,
}

impl Kind {
    /// As forms write it: the usual word, and one that some towns use.
    pub(super) fn labels(self) -> [&'static str; 2] {
        match self {
            Kind::Education => ["教育部门办", "教育部门"],
            Kind::OtherDepartment => ["其他部门办", "其他部门"],
            Kind::Enterprise => ["地方企业办", "地方企业"],
            Kind::Institution => ["事业单位办", "事业单位"],
            Kind::Collective => ["集体办", "集体"],
            Kind::Inclusive => ["普惠性民办", "普惠民办"],
            Kind::Other => ["非普惠性民办", "非普惠民办"],
            Kind::ChildcarePoint => ["托幼点", "民办托幼点"],
        }
    }

    pub(super) fn is_public(self) -> bool {
        !matches!(self, Kind::Inclusive | Kind::Other | Kind::ChildcarePoint)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClassType {
    Toddler,
    Lower,
    Middle,
    Upper,
    Mixed,
}

impl ClassType {
    pub(super) fn label(self) -> &'static str {
        match self {
            ClassType::Toddler => "托班",
            ClassType::Lower => "小班",
            ClassType::Middle => "中班",
            ClassType::Upper => "大班",
            ClassType::Mixed => "混合班",
        }
    }

    /// 幼儿园工作规程 第11条; the one for 托班 is a sample's choice.
    pub(super) fn limit(self) -> u32 {
        match self {
            ClassType::Toddler => 20,
            ClassType::Lower => 25,
            ClassType::Middle | ClassType::Mixed => 30,
            ClassType::Upper => 35,
        }
    }
}

pub(super) struct Class {
    pub name: String,
    pub sort: ClassType,
    pub children: [u32; N_MONTHS],
    pub male: [u32; N_MONTHS],
    /// By how much boys are more than girls, and one.
    pub lean: u32,
}

impl Class {
    /// 托班 (under 3) stay outside the three rates.
    pub(super) fn counts(&self) -> bool {
        self.sort != ClassType::Toddler
    }
}

pub(super) struct Institution {
    pub code: String,
    pub name: String,
    pub town: &'static Town,
    /// Written instead of the town where it lies in a park.
    pub park: Option<&'static str>,
    pub is_direct: bool,
    pub is_central: bool,
    /// First month in which the register lists it as the town's central kindergarten.
    pub central_from: usize,
    pub is_community: bool,
    pub parent_code: Option<String>,
    pub opened_on: Date,
    /// Of each month: private kindergartens become public or inclusive in the campaign.
    pub kind: [Kind; N_MONTHS],
    /// First month in which it has children.
    pub open_from: usize,
    /// First month in which a childcare point no longer exists.
    pub closed_from: Option<usize>,
    pub classes: Vec<Class>,
    pub staff: [Staff; N_MONTHS],
}

impl Institution {
    pub(super) fn reporter(&self) -> &'static str {
        if self.is_direct { BUREAU } else { self.town.code }
    }

    pub(super) fn is_open(&self, month: usize) -> bool {
        month >= self.open_from && self.closed_from.is_none_or(|closed| month < closed)
    }

    pub(super) fn is_point(&self) -> bool {
        self.kind[0] == Kind::ChildcarePoint
    }

    pub(super) fn enrolled(&self, month: usize) -> u32 {
        self.classes.iter().filter(|c| c.counts()).map(|c| c.children[month]).sum()
    }
}

/// Resident children of one town, by age, on 1 September of 2022, 2023 and 2024.
pub(super) struct Residents {
    ages: [[u32; 3]; 3],
}

impl Residents {
    pub(super) fn ages(&self, year: i16) -> [u32; 3] {
        self.ages[usize::try_from(year - 2022).unwrap_or(0).min(2)]
    }
}

pub(super) struct World {
    pub institutions: Vec<Institution>,
    /// In the order of [`TOWNS`].
    pub residents: Vec<Residents>,
}

/// Builds the district: the same on every machine.
pub(super) fn build() -> World {
    let mut institutions = Vec::new();
    let mut residents = Vec::new();
    let mut n_direct = 0;
    for (i, town) in TOWNS.iter().enumerate() {
        let mut of_town = build_town(town, &mut n_direct);
        convert(i, &mut of_town);
        match town.code {
            EXACTLY_HALF => balance(&mut of_town, N_MONTHS - 1, 0),
            JUST_BELOW_HALF => balance(&mut of_town, N_MONTHS - 1, 1),
            _ => {}
        }
        let enrolled: u32 =
            of_town.iter().filter(|inst| !inst.is_point()).map(|inst| inst.enrolled(BUILT)).sum();
        residents.push(residents_of(town, enrolled));
        past::tell(town, &mut of_town);
        for inst in &mut of_town {
            staff::hire(inst);
        }
        institutions.extend(of_town);
    }
    World { institutions, residents }
}

fn residents_of(town: &Town, enrolled: u32) -> Residents {
    let total = enrolled * 1000 / town.gross_per_mille;
    // The youngest are fewer: fewer children are born each year.
    let of_ages = |total: u32| {
        let (three, four) = (total * 31 / 100, total * 33 / 100);
        [three, four, total - three - four]
    };
    let mut rng = Prng::for_subject(&format!("residents/{}", town.code));
    let before = total * rng.between(1004, 1014) / 1000;
    let first = before * rng.between(1004, 1014) / 1000;
    Residents { ages: [first, before, total].map(of_ages) }
}

pub(super) const ORDINALS: [&str; 20] = [
    "一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二", "十三", "十四",
    "十五", "十六", "十七", "十八", "十九", "二十",
];

/// Neutral names for private kindergartens; made up, and numbered where they run out.
const NAMES: [&str; 14] = [
    "春苗", "晨光", "新芽", "彩虹", "小树", "星星", "向阳", "蓝天", "童乐", "金穗", "小溪", "育苗",
    "朝霞", "百合",
];

fn build_town(town: &'static Town, n_direct: &mut usize) -> Vec<Institution> {
    let mut rng = Prng::for_subject(town.code);
    let mut built: Vec<Institution> = Vec::new();
    let (mut enrolled, mut public, mut inclusive) = (0, 0, 0);
    for _ in 0..town.n_direct {
        let name = format!("直属{}园", ORDINALS[*n_direct % ORDINALS.len()]);
        *n_direct += 1;
        let code = format!("99900000{:02}", *n_direct);
        let n_classes = rng.between(12, 15);
        let mut inst = institution(&mut rng, town, code, name, Kind::Education, n_classes);
        inst.is_direct = true;
        enrolled += inst.enrolled(BUILT);
        built.push(inst);
    }
    public += enrolled;
    inclusive += enrolled;

    let (mut n_public, mut n_private, mut seq) = (0_usize, 0_usize, 0_u32);
    while enrolled + 40 < town.enrolled {
        seq += 1;
        let code = format!("99{}{seq:05}", &town.code[6..]);
        let is_central = seq == 1;
        let kind = if is_central || public * 100 < town.public * enrolled {
            public_kind(&mut rng, town, is_central)
        } else if inclusive * 100 < town.inclusive * enrolled {
            Kind::Inclusive
        } else {
            Kind::Other
        };
        let n_classes = match (town.is_street(), is_central) {
            (true, true) => rng.between(9, 12),
            (true, false) => rng.between(5, 10),
            (false, true) => rng.between(6, 9).min(town.enrolled / 70),
            (false, false) => *rng.pick(&[1, 2, 3, 3, 3, 4, 5, 6]),
        };
        let name = if is_central {
            format!("{}中心幼儿园", town.stem())
        } else if kind.is_public() {
            n_public += 1;
            format!("{}第{}幼儿园", town.stem(), ORDINALS[n_public % ORDINALS.len()])
        } else {
            n_private += 1;
            let name = NAMES[(n_private - 1) % NAMES.len()];
            let again = if n_private > NAMES.len() { "第二" } else { "" };
            format!("{}{name}{again}幼儿园", town.stem())
        };
        let mut inst = institution(&mut rng, town, code, name, kind, n_classes);
        inst.is_central = is_central;
        inst.central_from = if town.code == WITHOUT_CENTRAL { BUILT } else { 0 };
        // A community kindergarten is public or inclusive: 教督〔2020〕1号, and the plan.
        inst.is_community = town.is_street() && kind != Kind::Other && rng.chance(40);
        let n = inst.enrolled(BUILT);
        enrolled += n;
        if kind.is_public() {
            public += n;
        }
        if kind != Kind::Other {
            inclusive += n;
        }
        built.push(inst);
    }
    if !town.is_street() && seq % 3 == 0 {
        branch(&mut rng, town, &mut built, seq + 1);
    }
    if let (Some(park), Some(last)) = (town.park, built.last_mut()) {
        last.park = Some(park);
    }
    childcare_points(&mut rng, town, &mut built);
    built
}

fn public_kind(rng: &mut Prng, town: &Town, is_central: bool) -> Kind {
    if is_central {
        Kind::Education
    } else if town.is_street() {
        *rng.pick(&[
            Kind::Education,
            Kind::Education,
            Kind::Institution,
            Kind::OtherDepartment,
            Kind::Enterprise,
        ])
    } else {
        *rng.pick(&[Kind::Education, Kind::Collective, Kind::Collective, Kind::Enterprise])
    }
}

/// A 教学点 of the central kindergarten: one mixed class that counts with its parent.
fn branch(rng: &mut Prng, town: &'static Town, built: &mut Vec<Institution>, seq: u32) {
    let Some(parent) = built.iter().find(|inst| inst.is_central) else { return };
    let parent_code = parent.code.clone();
    let code = format!("99{}{seq:05}", &town.code[6..]);
    let name = format!("{}教学点", parent.name);
    let mut inst = institution(rng, town, code, name, Kind::Education, 1);
    inst.parent_code = Some(parent_code);
    built.push(inst);
}

fn childcare_points(rng: &mut Prng, town: &'static Town, built: &mut Vec<Institution>) {
    let n = if town.is_street() { 3 } else { rng.between(0, 2) };
    for i in 0..n {
        let code = format!("99{}{:05}", &town.code[6..], 90_001 + i);
        let name = format!("{}托幼点{}", town.stem(), ORDINALS[i as usize]);
        let mut inst = institution(rng, town, code, name, Kind::ChildcarePoint, 1);
        // The unfit are closed month by month.
        inst.closed_from = rng.chance(30).then(|| BUILT + rng.between(1, 3) as usize);
        built.push(inst);
    }
}

pub(super) fn institution(
    rng: &mut Prng,
    town: &'static Town,
    code: String,
    name: String,
    kind: Kind,
    n_classes: u32,
) -> Institution {
    let classes = classes(rng, kind, n_classes, town.is_street());
    let opened_on = date(
        i16::try_from(rng.between(1996, 2022)).unwrap_or(2000),
        i8::try_from(*rng.pick(&[3, 9])).unwrap_or(9),
        1,
    );
    Institution {
        code,
        name,
        town,
        park: None,
        is_direct: false,
        is_central: false,
        central_from: 0,
        is_community: false,
        parent_code: None,
        opened_on,
        kind: [kind; N_MONTHS],
        open_from: 0,
        closed_from: None,
        classes,
        staff: [Staff::default(); N_MONTHS],
    }
}

fn classes(rng: &mut Prng, kind: Kind, n: u32, street: bool) -> Vec<Class> {
    let mut classes = Vec::new();
    if n <= 2 {
        for i in 0..n {
            let name = if n == 1 {
                "混合班".to_owned()
            } else {
                format!("混合{}班", ORDINALS[i as usize])
            };
            classes.push(class(rng, name, ClassType::Mixed));
        }
        return classes;
    }
    for (class_type, word, extra) in
        [(ClassType::Lower, "小", 0), (ClassType::Middle, "中", 1), (ClassType::Upper, "大", 2)]
    {
        for i in 0..(n + extra) / 3 {
            let name = format!("{word}{}班", ORDINALS[i as usize]);
            classes.push(class(rng, name, class_type));
        }
    }
    if kind.is_public() && street && rng.chance(25) {
        classes.insert(0, class(rng, "托一班".to_owned(), ClassType::Toddler));
    }
    classes
}

fn class(rng: &mut Prng, name: String, class_type: ClassType) -> Class {
    let limit = class_type.limit();
    let first = if rng.chance(7) {
        limit + rng.between(1, 5)
    } else {
        // Mostly filled to three quarters and more; all types of class meet their limit at times.
        rng.between(limit * 62 / 100, limit)
    };
    let mut children = [first; N_MONTHS];
    for month in BUILT + 1..N_MONTHS {
        children[month] = drift(rng, children[month - 1], limit);
    }
    let lean = rng.between(0, 4);
    let male = children.map(|n| males(n, lean));
    Class { name, sort: class_type, children, male, lean }
}

/// A class a month later: a child leaves, a child comes, mostly neither.
pub(super) fn drift(rng: &mut Prng, before: u32, limit: u32) -> u32 {
    match rng.between(0, 99) {
        0..=3 => before - 1,
        4..=14 if before < limit => before + 1,
        _ => before,
    }
}

pub(super) fn males(children: u32, lean: u32) -> u32 {
    (children / 2 + lean).saturating_sub(1).min(children)
}

/// Lets private kindergartens of a town become public, and others inclusive, from October 2024 on.
///
/// At most one of each sort a month, staggered over the towns, as papers are signed.
fn convert(town_index: usize, institutions: &mut [Institution]) {
    // The two towns that are steered to one half get there in small steps.
    let steady = [EXACTLY_HALF, JUST_BELOW_HALF].contains(&TOWNS[town_index].code);
    for month in BUILT + 1..N_MONTHS {
        let since = month - BUILT;
        if !steady && (town_index + 2 * since).is_multiple_of(5) {
            change(institutions, month, Kind::Inclusive, |town| {
                if town.is_street() { Kind::Institution } else { Kind::Collective }
            });
        }
        if (town_index + since).is_multiple_of(4) {
            change(institutions, month, Kind::Other, |_| Kind::Inclusive);
        }
    }
}

fn change(institutions: &mut [Institution], month: usize, from: Kind, to: fn(&Town) -> Kind) {
    let of_town: u32 =
        institutions.iter().filter(|inst| !inst.is_point()).map(|inst| inst.enrolled(month)).sum();
    // A town moves by some points a month, not by a third.
    let candidate = institutions.iter_mut().find(|inst| {
        inst.kind.iter().all(|kind| *kind == from) && inst.enrolled(month) * 100 < of_town * 16
    });
    if let Some(inst) = candidate {
        let to = to(inst.town);
        for kind in &mut inst.kind[month..] {
            *kind = to;
        }
    }
}

/// Moves children until `2 · public + short = enrolled` in a month: a share of exactly one half
/// (`short` 0), or the nearest that can lie below it (`short` 1).
fn balance(institutions: &mut [Institution], month: usize, short: u32) {
    let sums = |institutions: &[Institution]| {
        let (mut public, mut enrolled) = (0, 0);
        for inst in institutions.iter().filter(|inst| !inst.is_point()) {
            enrolled += inst.enrolled(month);
            if inst.kind[month].is_public() {
                public += inst.enrolled(month);
            }
        }
        (public, enrolled)
    };
    // Parity first: one child more in a private class.
    let (_, enrolled) = sums(institutions);
    if enrolled % 2 != short % 2 {
        shift(institutions, month, false, 0, true);
    }
    for turn in 0..2000 {
        let (public, enrolled) = sums(institutions);
        match (2 * public + short).cmp(&enrolled) {
            std::cmp::Ordering::Equal => return,
            std::cmp::Ordering::Less => {
                shift(institutions, month, true, turn, true);
                shift(institutions, month, false, turn, false);
            }
            std::cmp::Ordering::Greater => {
                shift(institutions, month, true, turn, false);
                shift(institutions, month, false, turn, true);
            }
        }
    }
}

/// One child more or fewer in the `turn`-th class of the public or the private kindergartens.
fn shift(institutions: &mut [Institution], month: usize, public: bool, turn: usize, more: bool) {
    let mut classes: Vec<&mut Class> = institutions
        .iter_mut()
        .filter(|inst| !inst.is_point() && inst.kind[month].is_public() == public)
        .flat_map(|inst| &mut inst.classes)
        .filter(|class| class.counts())
        .collect();
    if classes.is_empty() {
        return;
    }
    let i = turn % classes.len();
    let class = &mut *classes[i];
    if more {
        class.children[month] += 1;
    } else {
        class.children[month] -= 1;
        class.male[month] = class.male[month].min(class.children[month]);
    }
}
