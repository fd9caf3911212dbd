//! What differs between two versions of a rule, in a sentence for a supervisor.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::{Content, TargetRow, Text};

/// `办结期限由20个工作日改为15个工作日；目标由50%改为55%`.
pub(super) fn difference(old: &Content, new: &Content) -> String {
    let mut parts = Vec::new();
    let mut turned = |what: &str, from: &str, to: &str| {
        if from != to {
            parts.push(format!("{what}由{}改为{}", or_none(from), or_none(to)));
        }
    };
    turned("名称", &quoted(&old.title), &quoted(&new.title));
    turned("层级", level(&old.level), level(&new.level));
    let workdays = |n: u32| format!("{n}个工作日");
    turned("办结期限", &workdays(old.deadline_workdays), &workdays(new.deadline_workdays));
    turned("权重", &old.weight.to_string(), &new.weight.to_string());
    turned("责任", &old.responsible, &new.responsible);
    turned("牵头", &old.lead, &new.lead);
    turned("来源", &old.source, &new.source);
    turned("销号方式", closing(&old.closes_on), closing(&new.closes_on));
    turned("更正后的处理", correction(&old.on_correction), correction(&new.on_correction));
    let periods = |n: u32| format!("{n}期");
    turned("销号前须连续达标", &periods(old.passes), &periods(new.passes));
    turned("立项方式", matter(old.per_period), matter(new.per_period));
    turned(
        "督办阶梯",
        old.ladder.as_deref().unwrap_or("默认"),
        new.ladder.as_deref().unwrap_or("默认"),
    );
    let names: BTreeSet<&String> = old.params.keys().chain(new.params.keys()).collect();
    for name in names {
        let value =
            |params: &BTreeMap<String, String>| params.get(name).cloned().unwrap_or_default();
        turned(&format!("参数{name}"), &value(&old.params), &value(&new.params));
    }
    if old.held_by != new.held_by {
        parts.push("暂缓立项的原因有变".to_owned());
    }
    parts.extend(targets(&old.targets, &new.targets));
    if old.sql.form != new.sql.form {
        parts.push("核对语句有变".to_owned());
    }
    let form = |text: &Option<Text>| text.as_ref().map(|text| text.form.clone());
    if form(&old.judged) != form(&new.judged) {
        parts.push("可核对范围的语句有变".to_owned());
    }
    parts.extend(texts("计算语句有变", &old.metrics, &new.metrics));
    parts.extend(texts("参照表有变", &old.references, &new.references));
    if parts.is_empty() { "内容有变".to_owned() } else { parts.join("；") }
}

fn quoted(text: &str) -> String {
    format!("“{text}”")
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "无" } else { text }
}

fn level(word: &str) -> &str {
    match word {
        "institution" => "园所",
        "town" => "镇街",
        "group" => "组团",
        "district" => "全区",
        other => other,
    }
}

fn closing(word: &str) -> &str {
    match word {
        "data" => "数据达标即销号",
        "verification" => "复核后销号",
        other => other,
    }
}

fn correction(word: &str) -> &str {
    match word {
        "withdraw" => "撤销",
        "pass" => "计为达标",
        other => other,
    }
}

fn matter(per_period: bool) -> &'static str {
    if per_period { "每期一件" } else { "一事一件" }
}

fn texts(what: &str, old: &BTreeMap<String, Text>, new: &BTreeMap<String, Text>) -> Option<String> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let form =
        |texts: &BTreeMap<String, Text>, name: &str| texts.get(name).map(|text| text.form.clone());
    let changed: Vec<&str> = names
        .into_iter()
        .filter(|name| form(old, name) != form(new, name))
        .map(String::as_str)
        .collect();
    (!changed.is_empty()).then(|| format!("{what}：{}", changed.join("、")))
}

/// How many changed targets are said one by one.
const MOST_TARGETS: usize = 3;

fn targets(old: &[TargetRow], new: &[TargetRow]) -> Vec<String> {
    let key = |row: &TargetRow| {
        (
            row.metric.clone(),
            row.level.clone(),
            row.unit_code.clone(),
            row.target_set.clone(),
            row.valid_from.clone(),
        )
    };
    let of = |rows: &[TargetRow]| -> BTreeMap<_, TargetRow> {
        rows.iter().map(|row| (key(row), row.clone())).collect()
    };
    let (old, new) = (of(old), of(new));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
    let mut said: Vec<String> = Vec::new();
    for key in keys {
        let whose = |row: &TargetRow| match &row.unit_code {
            Some(code) => format!("{code}的目标"),
            None => "目标".to_owned(),
        };
        let words = match (old.get(&key), new.get(&key)) {
            (Some(was), Some(is)) if was == is => continue,
            (Some(was), Some(is)) if (was.num, was.den, &was.op) == (is.num, is.den, &is.op) => {
                let until = |row: &TargetRow| row.valid_to.clone().unwrap_or_else(|| "长期".into());
                format!("{}{}的截止日期由{}改为{}", whose(is), figure(is), until(was), until(is))
            }
            (Some(was), Some(is)) => {
                format!("{}由{}改为{}", whose(is), figure(was), figure(is))
            }
            (None, Some(is)) => {
                let from =
                    is.valid_from.as_ref().map_or_else(String::new, |day| format!("（自{day}）"));
                format!("新增{}{}{from}", whose(is), figure(is))
            }
            (Some(was), None) => format!("取消{}{}", whose(was), figure(was)),
            (None, None) => continue,
        };
        if !said.contains(&words) {
            said.push(words);
        }
    }
    if said.len() > MOST_TARGETS {
        let n = said.len();
        said.truncate(MOST_TARGETS);
        said.push(format!("目标共有{n}处变化"));
    }
    said
}

/// `50%`, `高于85%`, `1:15`, `25`: a percentage where it is a whole one, a number where it is a count.
fn figure(row: &TargetRow) -> String {
    let value = match row.num.checked_mul(1000) {
        _ if row.den == 1 && row.num != 1 => row.num.to_string(),
        Some(permille) if row.den > 0 && permille % row.den == 0 => {
            let permille = permille / row.den;
            match permille % 10 {
                0 => format!("{}%", permille / 10),
                tenth => format!("{}.{tenth}%", permille / 10),
            }
        }
        _ => format!("{}:{}", row.num, row.den),
    };
    match row.op.as_str() {
        ">" => format!("高于{value}"),
        "<" => format!("低于{value}"),
        "<=" => format!("不高于{value}"),
        _ => value,
    }
}
