//! The states that the ledger keeps, as enums with one word each.

use std::fmt;
use std::str::FromStr;

/// A word that is no state of its kind: the ledger was written by another version, or by hand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is no {kind}")]
pub struct UnknownState {
    pub kind: &'static str,
    pub word: String,
}

macro_rules! states {
    ($(#[$meta:meta])* $name:ident, $kind:literal { $($(#[$vmeta:meta])* $variant:ident = $word:literal / $label:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word in the ledger, in SQL and on the command line.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// The word in Chinese reports, mails and pages.
            pub fn label(self) -> &'static str {
                match self { $($name::$variant => $label),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownState;
            fn from_str(word: &str) -> Result<$name, UnknownState> {
                match word {
                    $($word => Ok($name::$variant),)+
                    _ => Err(UnknownState { kind: $kind, word: word.to_owned() }),
                }
            }
        }
    };
}

states! {
    /// Where a submission stands. Accepted or returned as a whole: half a town would falsify a rate.
    SubmissionState, "submission state" {
        Received = "received" / "已接收",
        Accepted = "accepted" / "已采用",
        AcceptedWithWarnings = "accepted_with_warnings" / "已采用（待核实）",
        Returned = "returned" / "已退回",
        /// Confirmed by the unit: nothing to report.
        Nil = "nil" / "零报告",
        /// Every unit of it has a newer accepted submission.
        Superseded = "superseded" / "已被更新",
    }
}

states! {
    /// Where a supervision item stands (立项 → 交办 → 签收 → 办理 → 反馈 → 复核 → 销号 → 归档).
    ItemState, "item state" {
        Opened = "opened" / "立项",
        Assigned = "assigned" / "交办",
        Signed = "signed" / "签收",
        InWork = "in_work" / "办理中",
        Answered = "answered" / "已反馈",
        SentBack = "sent_back" / "退回",
        Verified = "verified" / "已复核",
        Closed = "closed" / "销号",
        Archived = "archived" / "归档",
        Suspended = "suspended" / "中止",
        /// Opened by data that was corrected later; outside the statistics.
        Withdrawn = "withdrawn" / "撤销",
    }
}

states! {
    /// An item's light.
    Light, "light" {
        Green = "green" / "绿",
        Yellow = "yellow" / "黄",
        Red = "red" / "红",
    }
}

states! {
    /// Where one delivery (one edition to one recipient) stands.
    DeliveryState, "delivery state" {
        Queued = "queued" / "待发",
        Sending = "sending" / "发送中",
        Accepted = "accepted" / "已送达对方服务器",
        /// 4yz: the other server asked us to come back; `not_before` says when.
        Deferred = "deferred" / "暂缓",
        /// 5yz: the other server will not take it.
        Refused = "refused" / "被拒",
        /// We cannot know whether the other server took it. Shown, never silently sent again.
        Uncertain = "uncertain" / "不确定",
    }
}

states! {
    /// How far an attempt to deliver got.
    DeliveryPhase, "delivery phase" {
        Connect = "connect" / "连接",
        Mail = "mail" / "MAIL",
        Rcpt = "rcpt" / "RCPT",
        Data = "data" / "DATA",
        End = "end" / "结束",
    }
}

states! {
    /// What became of a due time of a schedule.
    SlotState, "slot state" {
        Running = "running" / "进行中",
        Done = "done" / "完成",
        Failed = "failed" / "失败",
        /// It passed while nobody looked, and its schedule does not make up for it.
        Missed = "missed" / "错过",
    }
}

states! {
    /// How a run or a step of it ended.
    RunState, "run state" {
        Running = "running" / "进行中",
        Done = "done" / "完成",
        Failed = "failed" / "失败",
        /// Its process was gone before it ended; recovery said so.
        Interrupted = "interrupted" / "中断",
    }
}
