//! A small home that supervises: three towns that have not sent a yearly form, a ladder of seven steps.
//!
//! The form is due on Thursday 2024-09-19. Judged on Friday the 20th, three items are opened, due five working
//! days later: on Friday 2024-09-27. Sunday the 29th is worked; 1 to 7 October are off; Saturday 12 October is
//! worked. So the working days past the deadline are 9-29 (1), 9-30 (2), 10-08 (3), 10-09 (4), 10-10 (5),
//! 10-11 (6), 10-12 (7), 10-14 (8), 10-15 (9), 10-16 (10), 10-17 (11).

use std::collections::BTreeMap;

use duban::ledger::ItemFilter;
use duban::model::{Act, Action, Actor, Item, Said};
use duban::pipeline::Silent;
use duban::supervise::{Setting, act};

use crate::collection_support::{at, open, small_home, unit};
use crate::home::{Home, copy};
use crate::tools::repository;

const CONTACTS: &str = "unit_code,role,post,name,email,phone
b,bureau,学前教育科,（示例）,b@district.example,
t1,town,甲镇专干,（示例）,t1@district.example,022-11110001
t1,head,甲镇分管负责人,（示例）,h1@district.example,022-11110002
t2,town,乙镇专干,（示例）,t2@district.example,
t2,head,乙镇分管负责人,（示例）,h2@district.example,
t3,town,丙街道专干,（示例）,t3@district.example,
t3,head,丙街道分管负责人,（示例）,h3@district.example,
d,supervisor,督查岗,（示例）,eye@district.example,
d,secretariat,秘书处,（示例）,office@district.example,
d,coordination,协调组,（示例）,group@district.example,
d,committee,委员会,（示例）,board@district.example,
";

const SUPERVISION: &str = r#"
[roles]
sign = ["unit"]
answer = ["unit"]
extend = ["unit"]

[life]
look_back_workdays = 60

[[ladder]]
name = "standard"
answer_pause_workdays = 2
cap = 12
[[ladder.step]]
id = "assign"
title = "督办交办单"
opened_workdays = 0
to = ["unit"]
number = "交〔{year}〕{n}号"
assigns = true
[[ladder.step]]
id = "near_due"
title = "临期提醒"
due_workdays = -2
to = ["unit"]
[[ladder.step]]
id = "urge"
title = "催办单"
due_workdays = 1
to = ["unit"]
number = "催〔{year}〕{n}号"
level = 1
[[ladder.step]]
id = "notice"
title = "督办通知单"
due_workdays = 3
to = ["unit", "unit:head"]
number = "通〔{year}〕{n}号"
level = 2
[[ladder.step]]
id = "circular"
title = "督办情况通报"
due_workdays = 5
to = ["unit", "unit:head", "towns", "secretariat"]
number = "报〔{year}〕{n}号"
level = 3
[[ladder.step]]
id = "talk"
title = "约谈通知书"
due_workdays = 7
to = ["unit", "unit:head", "coordination"]
number = "约〔{year}〕{n}号"
level = 4
[[ladder.step]]
id = "committee"
title = "提请专项工作委员会研究"
due_workdays = 9
to = ["unit:head", "committee", "secretariat"]
number = "委〔{year}〕{n}号"
level = 5

[escalation.schedule]
workdays = "every"
at = "08:20"

[digest]
to = ["supervisor"]
[digest.schedule]
workdays = "every"
at = "08:40"

[[check]]
id = "census_missing"
title = "人口年报表逾期未报"
sql = "_checks/census_missing.sql"
level = "town"
responsible = "unit"
deadline_workdays = 5
closes_on = "data"
on_correction = "pass"
"#;

const CHECK: &str =
    "SELECT 'town' AS subject_kind, e.reporter_code AS subject_code, u.name AS subject_name,
       e.reporter_code AS unit_code, $period AS period,
       CAST(0.49996 AS DOUBLE) AS observed, CAST(0.5 AS DOUBLE) AS target,
       concat(u.name, '人口年报表尚未收到') AS detail
FROM expected e JOIN units u ON u.code = e.reporter_code
WHERE e.dataset = 'census' AND e.is_due AND e.state = 'missing'
";

/// The home before anything was judged.
pub fn silent_home() -> Home {
    let home = small_home();
    home.write("config/contacts.csv", CONTACTS);
    home.replace(
        "pipelines/census/pipeline.toml",
        "due_workdays = 13\n",
        "due_workdays = 13\nfirst_period = \"2024\"\n",
    );
    home.write("pipelines/_supervision.toml", SUPERVISION);
    home.write("pipelines/_checks/census_missing.sql", CHECK);
    for folder in ["_slips", "_mails", "_ledgers"] {
        let folder = format!("report_templates/{folder}");
        copy(&repository().join(&folder), &home.root.join(&folder));
    }
    home
}

/// The home with its three items, opened on 2024-09-20 at 08:00.
pub fn judged_home() -> Home {
    let home = silent_home();
    judge(&home, "2024-09-20 08:00");
    assert_eq!(items(&home, "2024-09-20 08:01").len(), 3);
    home
}

/// Judges, as the daemon does.
pub fn judge(home: &Home, when: &str) {
    open(home, when).supervise(&Silent).unwrap().expect("a period is due");
}

pub fn items(home: &Home, when: &str) -> Vec<Item> {
    open(home, when).ledger().items(&ItemFilter::default()).unwrap()
}

/// A town's clerk answers the town's item.
pub fn answer(home: &Home, when: &str, town: &str) {
    do_it(home, when, town, Action::Sign);
    do_it(home, when, town, Action::Answer);
}

fn do_it(home: &Home, when: &str, town: &str, action: Action) {
    let pipeline = open(home, when);
    let config = pipeline.config();
    let items = pipeline.ledger().items(&ItemFilter::default()).unwrap();
    let item = items.iter().find(|item| item.unit_code.as_str() == town).expect("its item");
    let (baselines, versions) = (BTreeMap::new(), BTreeMap::new());
    let setting = Setting {
        rules: &config.checks,
        supervision: &config.supervision,
        calendar: &config.calendar,
        waves: &config.waves,
        today: pipeline.clock().today(),
        baselines: &baselines,
        versions: &versions,
    };
    let wanted = Act {
        action,
        actor: Actor { role: "town".into(), unit_code: Some(unit(town)), post: "专干".into() },
        reason: "正在汇总，两日内报送".to_owned(),
        said: match action {
            Action::Answer => Said {
                measures: Some("逐村核对".to_owned()),
                evidence: Some("甲报〔2024〕1号".to_owned()),
                ..Said::default()
            },
            _ => Said::default(),
        },
    };
    let change = act(item, &wanted, &setting, &config.units).unwrap_or_else(|why| panic!("{why}"));
    let (when, on) = (at(when), pipeline.clock().today());
    pipeline.ledger().apply_item_changes(&[change], None, when, on).unwrap();
}
