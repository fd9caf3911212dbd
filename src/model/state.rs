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
    /// Where a supervision item comes from (来源).
    ItemSource, "item source" {
        Indicator = "indicator" / "指标预警",
        Task = "task" / "任务",
        Reporting = "reporting" / "报表",
        Meeting = "meeting" / "会议议定",
        Complaint = "complaint" / "投诉",
        Inspection = "inspection" / "督导检查",
    }
}

#[expect(
    clippy::derivable_impls,
    reason = "the macro of states cannot mark a variant as the default"
)]
impl Default for ItemSource {
    fn default() -> ItemSource {
        ItemSource::Indicator
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
        /// It waits for its edition's approval, or for the hand that held it.
        Held = "held" / "暂扣",
        /// By hand, before it went: it never goes.
        Cancelled = "cancelled" / "已取消",
        /// Accepted, and returned to us later by a server further on.
        Bounced = "bounced" / "被退回",
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

states! {
    /// What came of asking a source for a file.
    FetchState, "fetch state" {
        /// New bytes came, and were taken.
        Taken = "taken" / "已取得",
        /// The bytes are those that were taken last.
        Unchanged = "unchanged" / "无变化",
        /// The source has no such file: nothing was sent yet.
        Absent = "absent" / "尚未提供",
        /// 401 or 403.
        Unauthorised = "unauthorised" / "未获授权",
        /// Any other refusal of the request (4xx).
        Refused = "refused" / "被拒绝",
        /// 429, or 503 with a time to come back: not asked again before it.
        Throttled = "throttled" / "被限流",
        /// 5xx, after all retries.
        Unavailable = "unavailable" / "服务不可用",
        /// The reply was not whole within the time allowed.
        Slow = "slow" / "超时",
        /// The connection ended before the reply did.
        Truncated = "truncated" / "传输中断",
        TooLarge = "too_large" / "文件过大",
        /// Sent on to another host, from https to http, or in circles.
        RedirectRefused = "redirect_refused" / "跳转被拒",
        /// The content is of a kind that no town sends: most often a login page.
        WrongType = "wrong_type" / "内容类型不符",
        /// The server could not prove who it is.
        BadCertificate = "bad_certificate" / "证书无效",
        /// No connection: the name is unknown, or nobody answers there.
        Unreachable = "unreachable" / "无法连接",
        /// Our own secret is missing: the source was not asked.
        NoSecret = "no_secret" / "缺少密钥",
    }
}

impl FetchState {
    /// Nothing is to be done about it: the file is here, or was not sent yet.
    pub fn is_well(self) -> bool {
        matches!(self, FetchState::Taken | FetchState::Unchanged | FetchState::Absent)
    }

    /// It stays so until a person changes something, here or there: asking again soon is no use.
    pub fn needs_a_person(self) -> bool {
        use FetchState as S;
        match self {
            S::Unauthorised
            | S::Refused
            | S::TooLarge
            | S::RedirectRefused
            | S::WrongType
            | S::BadCertificate
            | S::NoSecret => true,
            S::Taken
            | S::Unchanged
            | S::Absent
            | S::Throttled
            | S::Unavailable
            | S::Slow
            | S::Truncated
            | S::Unreachable => false,
        }
    }
}
