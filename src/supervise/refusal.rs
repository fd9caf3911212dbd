//! Why something may not be done to an item, in the words of those who wanted it.

use std::fmt;

use jiff::civil::Date;

use crate::config::supervision::UNIT_ROLE;
use crate::model::{Action, Actor, ItemState};

/// What goes with an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    Reason,
    ToUnit,
    DueOn,
    Progress,
    Problem,
    Measures,
    Evidence,
    Lasted,
    Title,
    Detail,
}

impl Field {
    /// The word that supervisors read.
    pub fn label(self) -> &'static str {
        match self {
            Field::Reason => "理由",
            Field::ToUnit => "承办单位",
            Field::DueOn => "办结期限",
            Field::Progress => "办理进度",
            Field::Problem => "存在问题",
            Field::Measures => "整改措施",
            Field::Evidence => "佐证材料",
            Field::Lasted => "成效是否保持",
            Field::Title => "事项名称",
            Field::Detail => "事项内容",
        }
    }
}

/// What may be done to an item now, and by which roles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Now(pub Vec<(Action, Vec<String>)>);

impl fmt::Display for Now {
    /// Notes are left out: they are always allowed, and no way out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let acts = self.0.iter().filter(|(action, _)| *action != Action::Note);
        let acts: Vec<String> =
            acts.map(|(action, roles)| format!("{}（{}）", action.label(), names(roles))).collect();
        if acts.is_empty() {
            return f.write_str("目前没有可办理的操作。");
        }
        write!(f, "目前可以：{}。", acts.join("；"))
    }
}

/// Why something may not be done, and what may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The item's state does not allow it.
    #[error("事项处于“{}”状态，不能“{}”。{now}", .state.label(), .action.label())]
    State { action: Action, state: ItemState, now: Now },
    /// `[roles]` does not give it to this role.
    #[error("“{}”{}，{}不能办理。{now}", .action.label(), by(.may), name(.role))]
    Role { action: Action, role: String, may: Vec<String>, now: Now },
    /// The role is right, its unit is not the responsible one.
    #[error("“{}”应由责任单位{responsible}办理，{unit}不是本事项的责任单位。{now}", .action.label())]
    Unit { action: Action, unit: String, responsible: String, now: Now },
    /// Nobody answers what they asked for themselves.
    #[error("延期不能由申请人或责任单位自己答复，{}。", by(.may))]
    Asker { may: Vec<String> },
    /// An extension must be asked for before the due date.
    #[error("延期须在办结期限之前申请：期限为{due_on}，今天是{today}，已不能申请延期。{now}")]
    TooLate { due_on: Date, today: Date, now: Now },
    /// An extension must lead beyond the deadline there is.
    #[error("延期后的期限{asked}应晚于现在的期限{due_on}。")]
    NotLater { asked: Date, due_on: Date },
    /// A new deadline must lie ahead.
    #[error("办结期限{due_on}应晚于今天（{today}）。")]
    NotAhead { due_on: Date, today: Date },
    #[error("已申请延期至{until}，尚未答复，不能再次申请。{now}")]
    AlreadyAsked { until: Date, now: Now },
    #[error("没有待答复的延期申请，不能“{}”。{now}", .action.label())]
    NothingAsked { action: Action, now: Now },
    /// The day that was asked for is past before anybody answered.
    #[error("申请延至的{until}已过（今天是{today}），不能再同意延期。{now}")]
    RanOut { until: Date, today: Date, now: Now },
    /// The item's check fails still, and the item ends by data.
    #[error("最新数据仍未达到要求（{detail}），不能“{}”：本事项以数据为准。{now}", .action.label())]
    Data { action: Action, detail: String, now: Now },
    #[error("“{}”须写明{}。", .action.label(), .field.label())]
    Missing { action: Action, field: Field },
    #[error("“{}”不能带“{}”。", .action.label(), .field.label())]
    NotBelonging { action: Action, field: Field },
    #[error("办理进度应在0到100之间，不能为{progress}。")]
    Progress { progress: u8 },
    #[error("没有代码为{code}的单位。")]
    UnknownUnit { code: String },
}

/// Roles as readers know them, with the word that `[roles]` and the command line use.
fn name(role: &str) -> String {
    let label = match role {
        UNIT_ROLE => "责任单位",
        "head" => "单位负责人",
        "town" => "镇街",
        "bureau" => "区教育局",
        "group" => "组团",
        "secretariat" => "秘书处",
        "supervisor" => "督查督办岗",
        "coordination" => "综合协调组",
        "committee" => "专项工作委员会",
        "experts" => "专家组",
        Actor::PROGRAM => "程序",
        other => return format!("“{other}”"),
    };
    format!("{label}({role})")
}

fn names(roles: &[String]) -> String {
    roles.iter().map(|role| name(role)).collect::<Vec<_>>().join("、")
}

fn by(roles: &[String]) -> String {
    if roles.is_empty() {
        return "未授权任何角色办理".to_owned();
    }
    format!("应由{}办理", names(roles))
}
