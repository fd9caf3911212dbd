//! What a person does to an item: the words of the life cycle, of the command line and of `[roles]`.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Actor, UnitCode};

/// A transition of an item's life cycle that a person makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// 立项 by hand.
    New,
    Assign,
    Sign,
    Progress,
    Answer,
    Return,
    Verify,
    Close,
    LookBack,
    Archive,
    Reopen,
    /// Asks for an extension.
    Extend,
    Grant,
    Refuse,
    Suspend,
    Resume,
    Withdraw,
    Note,
}

impl Action {
    pub const ALL: [Action; 18] = [
        Action::New,
        Action::Assign,
        Action::Sign,
        Action::Progress,
        Action::Answer,
        Action::Return,
        Action::Verify,
        Action::Close,
        Action::LookBack,
        Action::Archive,
        Action::Reopen,
        Action::Extend,
        Action::Grant,
        Action::Refuse,
        Action::Suspend,
        Action::Resume,
        Action::Withdraw,
        Action::Note,
    ];

    /// The word of the command line and of `[roles]`.
    pub fn as_str(self) -> &'static str {
        self.words().0
    }

    /// The word that supervisors read.
    pub fn label(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Action::New => ("new", "立项"),
            Action::Assign => ("assign", "交办"),
            Action::Sign => ("sign", "签收"),
            Action::Progress => ("progress", "反馈进展"),
            Action::Answer => ("answer", "反馈结果"),
            Action::Return => ("return", "退回"),
            Action::Verify => ("verify", "复核通过"),
            Action::Close => ("close", "销号"),
            Action::LookBack => ("look_back", "回头看"),
            Action::Archive => ("archive", "归档"),
            Action::Reopen => ("reopen", "重新立项"),
            Action::Extend => ("extend", "申请延期"),
            Action::Grant => ("grant", "同意延期"),
            Action::Refuse => ("refuse", "不同意延期"),
            Action::Suspend => ("suspend", "中止"),
            Action::Resume => ("resume", "恢复办理"),
            Action::Withdraw => ("withdraw", "撤销"),
            Action::Note => ("note", "备注"),
        }
    }
}

/// What somebody wants done to an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    pub action: Action,
    pub actor: Actor,
    /// Why; must be there for what undoes or puts off.
    pub reason: String,
    #[serde(default)]
    pub said: Said,
}

/// What goes with an action; what does not belong to it must be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Said {
    /// Assign: to another unit than the one at fault.
    pub to_unit: Option<UnitCode>,
    /// Assign, extend, reopen: the new deadline.
    pub due_on: Option<Date>,
    /// Progress: in percent.
    pub progress: Option<u8>,
    pub problem: Option<String>,
    pub measures: Option<String>,
    /// Answer: where the proof lies (a document's number).
    pub evidence: Option<String>,
    /// Look back: whether what was done has lasted.
    pub lasted: Option<bool>,
}
