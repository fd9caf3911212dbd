use ecow::EcoString;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Frequency, ItemSource, ItemState, Light, Period, UnitCode};

/// One matter, one item (一事一单): what a check is about, for one subject.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemKey {
    pub check_id: EcoString,
    /// `town`, `district`, `institution`, `submission`, …
    pub subject_kind: EcoString,
    pub subject_code: EcoString,
}

/// A subject that a check found at fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    pub key: ItemKey,
    pub subject_name: EcoString,
    pub unit_code: UnitCode,
    pub period: Period,
    /// The check's own figures; none where the matter has no figure.
    pub observed: Option<f64>,
    pub target: Option<f64>,
    /// A Chinese sentence with the figures behind it.
    pub detail: EcoString,
}

/// An entry of the ledger of supervision items (台账): the fold of its events. Its texts are short, or shared with the rule
/// and the violation that they come from: a million items open at once.
///
/// Fields beside those of a check's figures follow the practice of 督查督办 ledgers: who leads and who
/// answers, what was asked and said, how often it was urged, returned and put off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Given by the ledger, never used twice; 0 before that.
    pub item_no: i64,
    pub key: ItemKey,
    /// 事项: the check's title, or what a meeting decided.
    pub check_title: EcoString,
    /// `institution`, `town`, `group`, `district`: where it belongs, and rolls up from.
    pub level: EcoString,
    pub subject_name: EcoString,
    /// The unit at fault; of an institution, the town that it lies in.
    pub unit_code: UnitCode,
    pub state: ItemState,
    /// The light that is shown: it turns worse at once and better only after some days (damped).
    pub light: Light,
    pub opened_on: Date,
    pub due_on: Date,
    /// The deadline reaches a year whose days off are not yet published.
    pub due_provisional: bool,
    /// 升级级别: how far the ladder was climbed in this episode; 0 not at all.
    pub escalation: u8,
    /// 1 on opening; one more at each reopening.
    pub episode: u32,
    /// The check passes on the newest data; the state follows only with `closes_on = data`.
    pub data_passes: bool,
    pub period: Period,
    pub observed: Option<f64>,
    pub target: Option<f64>,
    pub detail: EcoString,
    pub closed_on: Option<Date>,

    /// 来源.
    #[serde(default)]
    pub source: ItemSource,
    /// 牵头单位, as a role of `contacts.csv`.
    #[serde(default)]
    pub lead: EcoString,
    /// 责任: `unit` (the responsible unit's own contacts) or a role such as `secretariat`.
    #[serde(default)]
    pub responsible: EcoString,
    /// 责任单位: the unit at fault unless the item was assigned to another. Empty in items of
    /// earlier versions: the unit at fault.
    #[serde(default)]
    pub responsible_code: Option<UnitCode>,
    #[serde(default)]
    pub assigned_on: Option<Date>,
    #[serde(default)]
    pub signed_on: Option<Date>,
    #[serde(default)]
    pub answered_on: Option<Date>,
    #[serde(default)]
    pub verified_on: Option<Date>,
    #[serde(default)]
    pub archived_on: Option<Date>,
    #[serde(default)]
    pub looked_back_on: Option<Date>,
    /// What the responsible unit says is done, in percent.
    #[serde(default)]
    pub progress: Option<u8>,
    #[serde(default)]
    pub problem: EcoString,
    #[serde(default)]
    pub measures: EcoString,
    #[serde(default)]
    pub evidence: EcoString,
    /// 复核意见.
    #[serde(default)]
    pub opinion: EcoString,
    #[serde(default)]
    pub remark: EcoString,
    /// The deadline of this episode before the first extension, if there was one.
    #[serde(default)]
    pub original_due_on: Option<Date>,
    /// An extension that was asked for and not yet answered: until when.
    #[serde(default)]
    pub asked_due_on: Option<Date>,
    #[serde(default)]
    pub n_extensions: u32,
    #[serde(default)]
    pub n_returns: u32,
    /// 催办次数: slips and reminders of this episode.
    #[serde(default)]
    pub n_slips: u32,
    /// Steps of the ladder that were taken in this episode.
    #[serde(default)]
    pub ladder_steps: u32,
    /// The day of the newest of them: an item climbs one step a day at most.
    #[serde(default)]
    pub escalated_on: Option<Date>,
    /// Since when the ladder's clock stands still (answered, suspended, or held back by a cause).
    #[serde(default)]
    pub paused_on: Option<Date>,
    /// Working days that it stood still before that, in this episode.
    #[serde(default)]
    pub paused_workdays: u32,
    /// The item whose matter explains this one: while that is open, nobody is urged over this one.
    #[serde(default)]
    pub held_by: Option<i64>,
    #[serde(default)]
    pub suspended_from: Option<ItemState>,
    /// The light that the figures of the day give, before damping.
    #[serde(default)]
    pub raw_light: Option<Light>,
    /// Since when `raw_light` is better than `light`.
    #[serde(default)]
    pub better_since: Option<Date>,
    /// Since when `light` is what it is.
    #[serde(default)]
    pub light_since: Option<Date>,
    /// How often `raw_light` changed in this episode.
    #[serde(default)]
    pub light_changes: u32,
    /// Judged periods in a row in which the check passed.
    #[serde(default)]
    pub n_passes: u32,
    /// The version of the check that judged it last; 0 for items by hand.
    #[serde(default)]
    pub rule_version: u32,
    /// Where the deadline is counted from: `due_on` lies `due_workdays` working days after it. A deadline
    /// that was set as a day is counted from that day. None in items of earlier versions.
    #[serde(default)]
    pub due_from: Option<Date>,
    #[serde(default)]
    pub due_workdays: u32,
    /// The newest judged period in which the check passed, since it last failed: each counts once.
    #[serde(default)]
    pub passed_for: Option<Period>,
    /// The role that handed the item over in this episode; empty: nobody yet.
    #[serde(default)]
    pub assigned_by: EcoString,
    /// Who asked for the extension that is not yet answered: another must answer.
    #[serde(default)]
    pub asked_by: Option<Actor>,
}

impl Item {
    /// An item as it stands when it is opened for the first time, with nothing said and done yet.
    pub fn opened(key: ItemKey, unit_code: UnitCode, opened_on: Date, due_on: Date) -> Item {
        Item {
            item_no: 0,
            key,
            check_title: EcoString::new(),
            level: EcoString::new(),
            subject_name: EcoString::new(),
            responsible_code: Some(unit_code.clone()),
            unit_code,
            state: ItemState::Opened,
            light: Light::Green,
            opened_on,
            due_on,
            due_provisional: false,
            escalation: 0,
            episode: 1,
            data_passes: false,
            period: Period::containing(Frequency::Month, opened_on),
            observed: None,
            target: None,
            detail: EcoString::new(),
            closed_on: None,
            source: ItemSource::Indicator,
            lead: EcoString::new(),
            responsible: EcoString::new(),
            assigned_on: None,
            signed_on: None,
            answered_on: None,
            verified_on: None,
            archived_on: None,
            looked_back_on: None,
            progress: None,
            problem: EcoString::new(),
            measures: EcoString::new(),
            evidence: EcoString::new(),
            opinion: EcoString::new(),
            remark: EcoString::new(),
            original_due_on: None,
            asked_due_on: None,
            n_extensions: 0,
            n_returns: 0,
            n_slips: 0,
            ladder_steps: 0,
            escalated_on: None,
            paused_on: None,
            paused_workdays: 0,
            held_by: None,
            suspended_from: None,
            raw_light: None,
            better_since: None,
            light_since: None,
            light_changes: 0,
            n_passes: 0,
            rule_version: 0,
            due_from: None,
            due_workdays: 0,
            passed_for: None,
            assigned_by: EcoString::new(),
            asked_by: None,
        }
    }

    /// The unit that must act.
    pub fn responsible_unit(&self) -> &UnitCode {
        self.responsible_code.as_ref().unwrap_or(&self.unit_code)
    }

    /// Whether the responsible unit's own contacts answer for it, and not a role of the district.
    pub fn is_for_its_unit(&self) -> bool {
        self.responsible.is_empty() || self.responsible == "unit"
    }

    /// Whether nothing more is asked of anybody.
    pub fn is_done(&self) -> bool {
        matches!(self.state, ItemState::Closed | ItemState::Archived | ItemState::Withdrawn)
    }
}

/// The check of items that were opened by hand.
pub const BY_HAND: &str = "by_hand";

/// What happened to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemEventKind {
    /// 立项.
    Opened,
    /// Still at fault, with new figures; or what the calendar alone changed.
    Kept,
    /// The check passes on the newest data.
    DataPasses,
    /// The check fails again before anyone closed the item.
    DataFails,
    /// 销号, by data or by a person.
    Closed,
    Reopened,
    /// Opened by data that was corrected for the same period; or by a person, with a reason.
    Withdrawn,
    /// 交办.
    Assigned,
    /// 签收.
    Signed,
    /// 办理 with progress.
    Progressed,
    /// 反馈.
    Answered,
    /// 退回 for redo.
    SentBack,
    /// 复核 passed.
    Verified,
    /// 回头看.
    LookedBack,
    Archived,
    ExtensionAsked,
    ExtensionGranted,
    ExtensionRefused,
    Suspended,
    Resumed,
    Noted,
    /// A step of the ladder was taken.
    Escalated,
    /// A cause explains it: nobody is urged over it until that is gone.
    Held,
    Released,
}

impl ItemEventKind {
    pub const ALL: [ItemEventKind; 24] = [
        ItemEventKind::Opened,
        ItemEventKind::Kept,
        ItemEventKind::DataPasses,
        ItemEventKind::DataFails,
        ItemEventKind::Closed,
        ItemEventKind::Reopened,
        ItemEventKind::Withdrawn,
        ItemEventKind::Assigned,
        ItemEventKind::Signed,
        ItemEventKind::Progressed,
        ItemEventKind::Answered,
        ItemEventKind::SentBack,
        ItemEventKind::Verified,
        ItemEventKind::LookedBack,
        ItemEventKind::Archived,
        ItemEventKind::ExtensionAsked,
        ItemEventKind::ExtensionGranted,
        ItemEventKind::ExtensionRefused,
        ItemEventKind::Suspended,
        ItemEventKind::Resumed,
        ItemEventKind::Noted,
        ItemEventKind::Escalated,
        ItemEventKind::Held,
        ItemEventKind::Released,
    ];

    /// The word in the ledger and in SQL.
    pub fn as_str(self) -> &'static str {
        self.words().0
    }

    /// The word that supervisors read.
    pub fn label(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            ItemEventKind::Opened => ("opened", "立项"),
            ItemEventKind::Kept => ("kept", "数据更新"),
            ItemEventKind::DataPasses => ("data_passes", "数据达标"),
            ItemEventKind::DataFails => ("data_fails", "数据再次不达标"),
            ItemEventKind::Closed => ("closed", "销号"),
            ItemEventKind::Reopened => ("reopened", "重新立项"),
            ItemEventKind::Withdrawn => ("withdrawn", "撤销"),
            ItemEventKind::Assigned => ("assigned", "交办"),
            ItemEventKind::Signed => ("signed", "签收"),
            ItemEventKind::Progressed => ("progressed", "办理进展"),
            ItemEventKind::Answered => ("answered", "反馈"),
            ItemEventKind::SentBack => ("sent_back", "退回"),
            ItemEventKind::Verified => ("verified", "复核通过"),
            ItemEventKind::LookedBack => ("looked_back", "回头看"),
            ItemEventKind::Archived => ("archived", "归档"),
            ItemEventKind::ExtensionAsked => ("extension_asked", "申请延期"),
            ItemEventKind::ExtensionGranted => ("extension_granted", "同意延期"),
            ItemEventKind::ExtensionRefused => ("extension_refused", "不同意延期"),
            ItemEventKind::Suspended => ("suspended", "中止"),
            ItemEventKind::Resumed => ("resumed", "恢复办理"),
            ItemEventKind::Noted => ("noted", "备注"),
            ItemEventKind::Escalated => ("escalated", "升级"),
            ItemEventKind::Held => ("held", "暂缓督办"),
            ItemEventKind::Released => ("released", "解除暂缓"),
        }
    }
}

/// Who did something to an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// `duban` for what the program did, else a role of `contacts.csv`.
    pub role: EcoString,
    /// The unit for which a unit's own role acts.
    pub unit_code: Option<UnitCode>,
    /// The post (岗位) as it is to stand in the ledger; never a private person's name.
    pub post: EcoString,
}

impl Actor {
    /// The role of the program itself.
    pub const PROGRAM: &'static str = "duban";

    /// The program, acting on data or on the calendar.
    pub fn program() -> Actor {
        Actor { role: Actor::PROGRAM.into(), unit_code: None, post: EcoString::new() }
    }
}

/// A change of one item: the item as it is afterwards, and the event that says why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemChange {
    pub kind: ItemEventKind,
    /// With `item_no` 0 if it is to be opened.
    pub item: Item,
    pub from_state: Option<ItemState>,
    pub actor: Actor,
    pub reason: EcoString,
}

/// An event of an item as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemEvent {
    pub item_no: i64,
    pub seq: i64,
    pub at: Timestamp,
    /// The district's day of `at`.
    pub on_date: Date,
    pub kind: String,
    pub from_state: Option<ItemState>,
    pub to_state: ItemState,
    pub actor: Actor,
    pub reason: String,
    pub observed: Option<f64>,
    pub rule_version: u32,
    pub run_id: Option<i64>,
    /// The item's fields that this event set, by name: what the ledger is folded from.
    pub set: Map<String, Value>,
}

/// An item that must be opened by hand: a meeting's decision, a complaint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewItem {
    pub title: String,
    pub detail: String,
    pub source: ItemSource,
    pub level: String,
    pub unit_code: UnitCode,
    pub subject_name: String,
    pub responsible: String,
    pub lead: String,
    pub due: Due,
    /// The period that it belongs to: of the meeting that decided it.
    pub period: Period,
}

/// By when something is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// So many working days after the day of issue, which is not counted.
    Workdays(u32),
    On(Date),
}
