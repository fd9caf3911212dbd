//! What is brought to the ledger by hand: decisions of meetings, complaints, findings of inspections. All
//! invented.

use jiff::civil::{Date, date};

use super::replay::ReplayError;
use crate::model::{Act, Action, Actor, BY_HAND, Due, Frequency, ItemSource, NewItem, Period};
use crate::model::{Said, UnitCode};
use crate::pipeline::{ItemFilter, Pipeline, PipelineError, Progress};

/// How a matter goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// Done in time.
    Plain,
    /// More time is asked for, and granted.
    Granted,
    /// More time is asked for, and refused.
    Refused,
    /// The first answer is sent back.
    Returned,
    /// Looked back at after it was closed: it has not lasted, and is opened again.
    Undone,
    /// It stands still for two months.
    Suspended,
    /// The same as another one: withdrawn.
    Withdrawn,
}

struct Matter {
    /// A day on which the desk sits.
    on: Date,
    title: &'static str,
    detail: &'static str,
    source: ItemSource,
    level: &'static str,
    unit: &'static str,
    due: Due,
    plan: Plan,
}

const fn matter(on: Date, source: ItemSource, level: &'static str, unit: &'static str) -> Matter {
    Matter {
        on,
        title: "",
        detail: "",
        source,
        level,
        unit,
        due: Due::Workdays(15),
        plan: Plan::Plain,
    }
}

impl Matter {
    const fn about(mut self, title: &'static str, detail: &'static str) -> Matter {
        (self.title, self.detail) = (title, detail);
        self
    }

    const fn due(mut self, due: Due, plan: Plan) -> Matter {
        (self.due, self.plan) = (due, plan);
        self
    }
}

use ItemSource::{Complaint, Inspection, Meeting};

static MATTERS: &[Matter] = &[
    matter(date(2023, 3, 15), Meeting, "district", "120114B")
        .about(
            "制定小区配套园移交办理流程",
            "第一次联席会议议定：明确镇街申请、教育局审核、专项工作委员会批准三步的材料清单（示例）",
        )
        .due(Due::Workdays(20), Plan::Plain),
    matter(date(2023, 5, 10), Complaint, "town", "120114102")
        .about("幼儿园收费公示不全的投诉", "群众反映辖区一所幼儿园收费项目未公示（示例）")
        .due(Due::Workdays(10), Plan::Returned),
    matter(date(2023, 5, 12), Complaint, "town", "120114102")
        .about("幼儿园收费不透明的投诉（重复）", "与此前收费公示的投诉为同一所园（示例）")
        .due(Due::Workdays(10), Plan::Withdrawn),
    matter(date(2023, 10, 18), Meeting, "town", "120114114")
        .about(
            "制定公办学位扩充方案",
            "联席会议议定：公办园占比最低的镇提出两年扩充方案，报综合协调组（示例）",
        )
        .due(Due::On(date(2023, 12, 15)), Plan::Granted),
    matter(date(2024, 3, 13), Inspection, "town", "120114111")
        .about("幼儿园安全出口被占用", "督导检查发现一所幼儿园安全出口堆放杂物（示例）")
        .due(Due::Workdays(10), Plan::Undone),
    matter(date(2024, 4, 10), Meeting, "town", "120114006")
        .about("新建配套园选址", "联席会议议定：会同规划部门确定选址（示例）")
        .due(Due::Workdays(40), Plan::Suspended),
    matter(date(2024, 9, 18), Meeting, "town", "120114111")
        .about("补足中心园保育员", "联席会议议定：中心园保育员按标准配齐（示例）")
        // Its unit's day at the desk must lie in the week before the deadline, in which more time is asked for.
        .due(Due::Workdays(20), Plan::Refused),
    matter(date(2024, 10, 16), Complaint, "town", "120114001")
        .about("延时服务接送安排的投诉", "群众反映延时服务结束时间不一（示例）")
        .due(Due::Workdays(10), Plan::Plain),
    matter(date(2024, 12, 18), Complaint, "town", "120114003")
        .about("园门口交通秩序的投诉", "群众反映早晚接送时段园门口拥堵（示例）")
        .due(Due::Workdays(15), Plan::Plain),
];

/// How a matter of this title goes.
pub(super) fn plan_of(title: &str) -> Option<Plan> {
    MATTERS.iter().find(|matter| matter.title == title).map(|matter| matter.plan)
}

/// Opens what is brought today, and hands it over. What an interrupted demo opened is not opened again.
pub(super) fn bring(
    pipeline: &Pipeline,
    today: Date,
    progress: &dyn Progress,
) -> Result<(), ReplayError> {
    for matter in MATTERS.iter().filter(|matter| matter.on == today) {
        let by_hand = ItemFilter { check_id: Some(BY_HAND.to_owned()), ..ItemFilter::default() };
        let there = pipeline.ledger().items(&by_hand).map_err(PipelineError::from)?;
        if there.iter().any(|item| item.check_title == matter.title) {
            continue;
        }
        let contacts = &pipeline.config().contacts;
        let post = contacts.iter().find(|contact| contact.role == "supervisor");
        let actor = Actor {
            role: "supervisor".into(),
            unit_code: post.map(|contact| contact.unit_code.clone()),
            post: post.map(|contact| contact.post.as_str()).unwrap_or_default().into(),
        };
        let unit_code = UnitCode::new(matter.unit);
        let unit = pipeline.config().units.get(&unit_code);
        let new = NewItem {
            title: matter.title.to_owned(),
            detail: matter.detail.to_owned(),
            source: matter.source,
            level: matter.level.to_owned(),
            subject_name: unit.map_or_else(String::new, |unit| unit.name.clone()),
            unit_code,
            responsible: "unit".to_owned(),
            lead: "coordination".to_owned(),
            due: matter.due,
            period: Period::containing(Frequency::Month, today),
        };
        let item = pipeline.open_item(&new, &actor, matter.detail, progress)?;
        let said = Said::default();
        let act = Act { action: Action::Assign, actor, reason: String::new(), said };
        pipeline.act(&[item.item_no], &act, progress)?;
    }
    Ok(())
}
