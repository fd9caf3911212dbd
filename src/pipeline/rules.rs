//! Versions of rules: what a check judges by, when that changed, and what the change alone brought about.
//!
//! ## Design notes
//! - A rule is more than its SQL: its fields, the metrics that its SQL reads (and those that they read), the
//!   targets and reference tables that it can see. All of that is its content; a version is a content that
//!   differs from the one before. Comments and layout of SQL are no content.
//! - At the first judging under a new version the version before is run too, on the same data: its SQL, its
//!   metrics, its targets. What the two tell differently is the rule's doing and nothing else's. A
//!   comparison with last month's items would mix it with what the towns did.
//! - Whose targets: with `params.metric`, that metric's (and `params.target_set`'s) alone; else those of the
//!   metrics that are named in what the rule reads (as a text in SQL, in a reference table, in `params`). A name
//!   that stands nowhere cannot be asked for.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;
use ecow::EcoString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::rules_words::difference;
use super::{Pipeline, PipelineError, Session};
use crate::check::{self, Moment, Outcome};
use crate::config::check::{CheckRule, ClosesOn, OnCorrection, SqlFile};
use crate::config::metric::Metric;
use crate::config::reference;
use crate::config::targets::Target;
use crate::durable::sha256_hex;
use crate::engine::{
    batch_from_json, normal_form, reserved_schema, reserved_tables, table_references,
};
use crate::ledger::{Compared, Effect, NewRule, RuleEffect};
use crate::metric;
use crate::model::{Item, ItemChange, ItemEventKind, ItemKey, JudgedSubjects, UnitCode};

/// A text of a rule: by its hash, and by the hash of what it asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Text {
    /// Of the text as written; empty where only the form matters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// Of its normal form.
    pub form: String,
}

/// A target that a rule can see.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct TargetRow {
    pub metric: String,
    pub level: String,
    pub unit_code: Option<String>,
    pub target_set: String,
    pub valid_from: Option<String>,
    pub valid_to: Option<String>,
    pub num: i64,
    pub den: i64,
    pub op: String,
}

/// All that a check judges by, as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    pub title: String,
    pub level: String,
    pub weight: u32,
    pub responsible: String,
    pub lead: String,
    pub source: String,
    pub deadline_workdays: u32,
    pub closes_on: String,
    pub on_correction: String,
    pub passes: u32,
    pub per_period: bool,
    pub ladder: Option<String>,
    pub held_by: Vec<(String, Option<String>)>,
    pub params: BTreeMap<String, String>,
    pub sql: Text,
    pub judged: Option<Text>,
    /// By name, those that it reads through others too.
    pub metrics: BTreeMap<String, Text>,
    pub references: BTreeMap<String, Text>,
    /// Its SQL takes `$level`: targets of other levels are none of its.
    pub of_level: bool,
    pub targets: Vec<TargetRow>,
}

impl Content {
    /// What tells versions apart: without the texts' comments and layout.
    fn sha256(&self) -> Result<String, PipelineError> {
        let mut bare = self.clone();
        let texts = bare.metrics.values_mut().chain(bare.references.values_mut());
        for text in texts.chain([&mut bare.sql]).chain(bare.judged.as_mut()) {
            text.sha256.clear();
        }
        Ok(sha256_hex(json_of(&bare)?.as_bytes()))
    }

    /// Whether the same data can be judged otherwise.
    fn judges_otherwise(&self, old: &Content) -> bool {
        let forms = |texts: &BTreeMap<String, Text>| -> Vec<(String, String)> {
            texts.iter().map(|(name, text)| (name.clone(), text.form.clone())).collect()
        };
        self.sql.form != old.sql.form
            || self.judged.as_ref().map(|text| &text.form)
                != old.judged.as_ref().map(|text| &text.form)
            || forms(&self.metrics) != forms(&old.metrics)
            || forms(&self.references) != forms(&old.references)
            || self.targets != old.targets
            || self.params != old.params
            || self.level != old.level
            || self.per_period != old.per_period
    }
}

fn json_of(value: &impl Serialize) -> Result<String, PipelineError> {
    serde_json::to_string(value)
        .map_err(|error| PipelineError::step("writing a rule's content", error))
}

/// A rule whose content is not that of its newest version.
#[derive(Debug, Clone)]
pub(super) struct ChangedRule {
    pub check_id: String,
    pub version: u32,
    pub sha256: String,
    pub content: Content,
    pub texts: BTreeMap<String, String>,
    pub what: String,
    /// Of the version before.
    pub old: Option<Content>,
}

/// How the rules stand against the ledger.
#[derive(Debug, Clone, Default)]
pub(super) struct RulesNow {
    /// By check: the version that a judging now is made under.
    pub versions: BTreeMap<String, u32>,
    pub changed: Vec<ChangedRule>,
    /// By check: a hash of the snapshots that it reads.
    pub inputs: BTreeMap<String, String>,
}

/// A rule that is judged under a new version: what differs, and what that alone opens and closes.
#[derive(Debug, Clone)]
pub struct RuleChange {
    pub check_id: String,
    pub title: String,
    pub version: u32,
    pub what: String,
    pub compared: Compared,
    pub effects: Vec<RuleEffect>,
}

impl RuleChange {
    pub fn count(&self, effect: Effect) -> usize {
        self.effects.iter().filter(|one| one.effect == effect).count()
    }
}

/// What the metrics read, and what they ask; worked out once for all checks.
struct Reading<'a> {
    metrics: BTreeMap<&'a str, (&'a Metric, BTreeSet<String>, String)>,
}

impl<'a> Reading<'a> {
    fn of(metrics: &'a [Metric]) -> Reading<'a> {
        let metrics = metrics.iter().map(|metric| {
            let reads = table_references(&metric.sql).unwrap_or_default();
            (metric.name.as_str(), (metric, reads, form_of(&metric.sql)))
        });
        Reading { metrics: metrics.collect() }
    }

    /// All tables that a query reads, through metrics too, and the metrics among them.
    fn reached(&self, sqls: &[&str]) -> (BTreeSet<String>, BTreeMap<String, &'a Metric>) {
        let mut tables: BTreeSet<String> = BTreeSet::new();
        let mut metrics = BTreeMap::new();
        let mut open: Vec<String> =
            sqls.iter().flat_map(|sql| table_references(sql).unwrap_or_default()).collect();
        while let Some(name) = open.pop() {
            if !tables.insert(name.clone()) {
                continue;
            }
            if let Some((metric, reads, _)) = self.metrics.get(name.as_str()) {
                metrics.insert(name, *metric);
                open.extend(reads.iter().cloned());
            }
        }
        (tables, metrics)
    }
}

/// The hash of what a query asks; of one that does not parse (the definitions are refused then), of its text.
fn form_of(sql: &str) -> String {
    sha256_hex(normal_form(sql).unwrap_or_else(|_| sql.to_owned()).as_bytes())
}

/// A reference table without comments and blank lines.
fn reference_form(text: &str) -> String {
    let lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    sha256_hex(lines.collect::<Vec<_>>().join("\n").as_bytes())
}

fn target_row(target: &Target) -> TargetRow {
    TargetRow {
        metric: target.metric.clone(),
        level: target.level.as_str().to_owned(),
        unit_code: target.unit_code.as_ref().map(|code: &UnitCode| code.to_string()),
        target_set: target.target_set.clone(),
        valid_from: target.valid_from.map(|day| day.to_string()),
        valid_to: target.valid_to.map(|day| day.to_string()),
        num: target.num,
        den: target.den,
        op: target.op.as_str().to_owned(),
    }
}

/// Whether a rule with these parameters and level can see a target.
fn sees(params: &BTreeMap<String, String>, level: &str, by_level: bool, row: &TargetRow) -> bool {
    let Some(metric) = params.get("metric") else { return true };
    *metric == row.metric
        && params.get("target_set").is_none_or(|set| *set == row.target_set)
        && (!by_level || row.level == level)
}

impl Pipeline {
    /// Compares what the checks judge by with the newest versions of the ledger.
    pub(super) fn rules_now(&self) -> Result<RulesNow, PipelineError> {
        let newest = self.ledger.newest_rules()?;
        let reading = Reading::of(&self.config.metrics);
        let cuts = self.ledger.current_cuts(None)?;
        let mut now = RulesNow::default();
        for rule in &self.config.checks {
            let (content, texts, tables) = self.content(rule, &reading);
            let sha256 = content.sha256()?;
            let snapshots: Vec<String> = cuts
                .iter()
                .filter(|cut| tables.contains(&cut.dataset))
                .map(|cut| format!("{} {} {}", cut.dataset, cut.period, cut.snapshot_id))
                .collect();
            now.inputs.insert(rule.id.clone(), sha256_hex(snapshots.join("\n").as_bytes()));
            let before = newest.get(&rule.id);
            if let Some(before) = before.filter(|before| before.sha256 == sha256) {
                now.versions.insert(rule.id.clone(), before.version);
                continue;
            }
            let old: Option<Content> = match before {
                Some(before) => {
                    Some(serde_json::from_str(&before.content_json).map_err(|error| {
                        PipelineError::step(
                            format!("reading the last version of {}", rule.id),
                            error,
                        )
                    })?)
                }
                None => None,
            };
            let version = before.map_or(1, |before| before.version + 1);
            now.versions.insert(rule.id.clone(), version);
            let what =
                old.as_ref().map_or_else(|| "首次记录".to_owned(), |old| difference(old, &content));
            now.changed.push(ChangedRule {
                check_id: rule.id.clone(),
                version,
                sha256,
                content,
                texts,
                what,
                old,
            });
        }
        Ok(now)
    }

    /// What a check judges by, the texts of that, and the tables that it reads.
    fn content(
        &self,
        rule: &CheckRule,
        reading: &Reading<'_>,
    ) -> (Content, BTreeMap<String, String>, BTreeSet<String>) {
        let mut texts = BTreeMap::new();
        let mut keep = |text: &str, form: String| {
            let sha256 = sha256_hex(text.as_bytes());
            texts.insert(sha256.clone(), text.to_owned());
            Text { sha256, form }
        };
        let mut sqls = vec![rule.query.text.as_str()];
        sqls.extend(rule.judged.as_ref().map(|sql| sql.text.as_str()));
        let (tables, metrics) = reading.reached(&sqls);
        let references: Vec<_> = self
            .config
            .references
            .iter()
            .filter(|reference| tables.contains(&reference.name))
            .collect();
        let mut read: Vec<&str> = sqls.clone();
        read.extend(metrics.values().map(|metric| metric.sql.as_str()));
        let is_named = |row: &TargetRow| {
            let literal = format!("'{}'", row.metric);
            read.iter().any(|sql| sql.contains(&literal))
                || references.iter().any(|table| table.text.contains(&row.metric))
                || rule.params.values().any(|value| *value == row.metric)
        };
        let by_level = sqls.iter().any(|sql| sql.contains("$level"));
        let mut targets: Vec<TargetRow> = Vec::new();
        if tables.contains("targets") {
            let rows = self.config.targets.iter().map(target_row);
            let seen = |row: &TargetRow| sees(&rule.params, &rule.level, by_level, row);
            targets.extend(rows.filter(|row| seen(row) && is_named(row)));
            targets.sort();
        }
        let metrics = metrics
            .into_iter()
            .map(|(name, metric)| {
                let form = reading.metrics.get(name.as_str()).map(|(.., form)| form.clone());
                let text = keep(&metric.sql, form.unwrap_or_default());
                (name, text)
            })
            .collect();
        let references = references
            .into_iter()
            .map(|table| (table.name.clone(), keep(&table.text, reference_form(&table.text))))
            .collect();
        let content = Content {
            title: rule.title.to_string(),
            level: rule.level.to_string(),
            weight: rule.weight,
            responsible: rule.responsible.to_string(),
            lead: rule.lead.to_string(),
            source: rule.source.as_str().to_owned(),
            deadline_workdays: rule.deadline_workdays,
            closes_on: match rule.closes_on {
                ClosesOn::Data => "data",
                ClosesOn::Verification => "verification",
            }
            .to_owned(),
            on_correction: match rule.on_correction {
                OnCorrection::Withdraw => "withdraw",
                OnCorrection::Pass => "pass",
            }
            .to_owned(),
            passes: rule.passes,
            per_period: rule.per_period,
            ladder: rule.ladder.clone(),
            held_by: rule
                .held_by
                .iter()
                .map(|cause| (cause.check.clone(), cause.subject.clone()))
                .collect(),
            params: rule.params.clone(),
            sql: keep(&rule.query.text, form_of(&rule.query.text)),
            judged: rule.judged.as_ref().map(|sql| keep(&sql.text, form_of(&sql.text))),
            metrics,
            references,
            of_level: by_level,
            targets,
        };
        (content, texts, tables)
    }

    /// What the versions before tell of the same data: by check, or why that cannot be known any more.
    /// Only of rules that can judge otherwise than before.
    pub(super) fn judge_as_before(
        &self,
        changed: &[ChangedRule],
        moment: &Moment,
    ) -> Result<BTreeMap<String, Result<Outcome, PipelineError>>, PipelineError> {
        let mut worlds: Vec<World> = Vec::new();
        for rule in changed {
            let Some(old) = rule.old.as_ref().filter(|old| rule.content.judges_otherwise(old))
            else {
                continue;
            };
            match worlds.iter_mut().find(|world| world.fits(old)) {
                Some(world) => world.join(rule, old),
                None => worlds.push(World::of(rule, old)),
            }
        }
        let mut told = BTreeMap::new();
        for world in worlds {
            told.extend(self.judge_in(&world, moment)?);
        }
        Ok(told)
    }

    fn judge_in(
        &self,
        world: &World,
        moment: &Moment,
    ) -> Result<BTreeMap<String, Result<Outcome, PipelineError>>, PipelineError> {
        let session = self.tables(None)?;
        let mut metrics = Vec::new();
        for (name, text) in &world.metrics {
            let sql = self.ledger.rule_text(&text.sha256)?;
            metrics.push(Metric {
                name: name.clone(),
                file: format!("_metrics/{name}.sql"),
                title: String::new(),
                description: String::new(),
                sql,
            });
        }
        let engine = session.engine();
        let mut broken: Option<String> = None;
        for (name, text) in &world.references {
            let text = self.ledger.rule_text(&text.sha256)?;
            match reference::load(&format!("{name}.csv"), &text) {
                Ok(table) => {
                    let batch = table.batch;
                    engine.register_batches(name, batch.schema(), vec![batch])?;
                }
                Err(problems) => broken = problems.first().map(ToString::to_string),
            }
        }
        let targets = self.old_targets(world)?;
        engine.register_batches("targets", targets.schema(), vec![targets])?;
        let mut told = BTreeMap::new();
        for rule in &world.rules {
            let outcome = match &broken {
                Some(problem) => Err(PipelineError::wrong(problem.clone())),
                None => self.judge_rule_in(&session, &metrics, rule, moment),
            };
            told.insert(rule.check_id.clone(), outcome);
        }
        Ok(told)
    }

    fn judge_rule_in(
        &self,
        session: &Session,
        metrics: &[Metric],
        rule: &OldRule,
        moment: &Moment,
    ) -> Result<Outcome, PipelineError> {
        let Some(now) = self.config.checks.iter().find(|check| check.id == rule.check_id) else {
            return Err(PipelineError::wrong(format!("there is no check {}", rule.check_id)));
        };
        let file = |text: &Text| -> Result<SqlFile, PipelineError> {
            Ok(SqlFile {
                file: format!("{} (version before)", rule.check_id),
                text: self.ledger.rule_text(&text.sha256)?,
            })
        };
        let before = CheckRule {
            level: rule.content.level.as_str().into(),
            per_period: rule.content.per_period,
            params: rule.content.params.clone(),
            query: file(&rule.content.sql)?,
            judged: rule.content.judged.as_ref().map(file).transpose()?,
            ..now.clone()
        };
        let mut wanted = table_references(&before.query.text)?;
        if let Some(sql) = &before.judged {
            wanted.extend(table_references(&sql.text)?);
        }
        let own: Vec<Metric> = metrics
            .iter()
            .filter(|metric| !reserved_tables().any(|name| name == metric.name))
            .cloned()
            .collect();
        session
            .wait(metric::register_needed(session.engine(), &own, &wanted))
            .map_err(|error| PipelineError::step(format!("metric {}", error.name), *error))?;
        session
            .wait(check::run(session.engine(), &before, moment))
            .map_err(|error| PipelineError::step(format!("check {}", rule.check_id), error))
    }

    /// The targets as they were: those of today, but for the rules of this world those that they saw.
    fn old_targets(&self, world: &World) -> Result<RecordBatch, PipelineError> {
        let is_theirs = |row: &TargetRow| {
            world.rules.iter().any(|rule| {
                let content = &rule.content;
                rule.targets_of.contains(&row.metric)
                    && sees(&content.params, &content.level, content.of_level, row)
            })
        };
        let mut rows: BTreeSet<TargetRow> =
            self.config.targets.iter().map(target_row).filter(|row| !is_theirs(row)).collect();
        rows.extend(world.rules.iter().flat_map(|rule| rule.content.targets.iter().cloned()));
        let rows: Vec<Value> = rows.iter().map(|row| json!(row)).collect();
        let schema = reserved_schema("targets")
            .ok_or_else(|| PipelineError::wrong("the engine knows no table `targets`"))?;
        batch_from_json(&schema, &rows)
            .map_err(|error| PipelineError::step("making the old targets", error))
    }
}

/// A rule as it was.
struct OldRule {
    check_id: String,
    content: Content,
    /// The metrics whose targets it sees, or saw.
    targets_of: BTreeSet<String>,
}

/// Metrics, targets and tables as they were, for all rules for which they were the same.
struct World {
    metrics: BTreeMap<String, Text>,
    references: BTreeMap<String, Text>,
    rules: Vec<OldRule>,
}

impl World {
    fn of(rule: &ChangedRule, old: &Content) -> World {
        let mut world =
            World { metrics: BTreeMap::new(), references: BTreeMap::new(), rules: Vec::new() };
        world.join(rule, old);
        world
    }

    fn fits(&self, old: &Content) -> bool {
        let agree = |ours: &BTreeMap<String, Text>, theirs: &BTreeMap<String, Text>| {
            theirs.iter().all(|(name, text)| ours.get(name).is_none_or(|our| our == text))
        };
        agree(&self.metrics, &old.metrics) && agree(&self.references, &old.references)
    }

    fn join(&mut self, rule: &ChangedRule, old: &Content) {
        self.metrics.extend(old.metrics.clone());
        self.references.extend(old.references.clone());
        // Which of today's targets stand in for those that it saw then.
        let targets = old.targets.iter().chain(&rule.content.targets);
        let targets_of = targets.map(|row| row.metric.clone()).collect();
        self.rules.push(OldRule {
            check_id: rule.check_id.clone(),
            content: old.clone(),
            targets_of,
        });
    }
}

/// What the rules alone brought about, check by check; and says so in the reasons of the changes.
///
/// `items` are those that were judged, `told` what each version before says of the same data, and
/// `now` what the rules say.
pub(super) fn attribute(
    rules: &RulesNow,
    now: &BTreeMap<String, Outcome>,
    told: &BTreeMap<String, Result<Outcome, PipelineError>>,
    items: &[Item],
    held: &BTreeSet<ItemKey>,
    changes: &mut [ItemChange],
) -> Vec<RuleChange> {
    let mut list = Vec::new();
    for rule in &rules.changed {
        let mut one = RuleChange {
            check_id: rule.check_id.clone(),
            title: rule.content.title.clone(),
            version: rule.version,
            what: rule.what.clone(),
            compared: if rule.old.is_none() { Compared::First } else { Compared::Unchanged },
            effects: Vec::new(),
        };
        match (told.get(&rule.check_id), now.get(&rule.check_id)) {
            (Some(Ok(before)), Some(outcome)) => {
                one.compared = Compared::SameData;
                one.effects = effects(rule, before, outcome, items, held, changes);
            }
            (Some(Err(_)), _) => {
                one.compared = Compared::Both;
                let of_rule = changes.iter_mut().filter(|c| c.item.key.check_id == rule.check_id);
                for change in of_rule.filter(|change| is_turn(change.kind)) {
                    change.reason.push_str(&format!(
                        "（规则第{}版，规则与数据同时变化：{}）",
                        rule.version, rule.what
                    ));
                }
            }
            _ => {}
        }
        list.push(one);
    }
    list
}

/// Whether an event opens or closes.
fn is_turn(kind: ItemEventKind) -> bool {
    use ItemEventKind as K;
    matches!(kind, K::Opened | K::Reopened | K::Closed | K::Withdrawn | K::DataPasses)
}

fn effects(
    rule: &ChangedRule,
    before: &Outcome,
    now: &Outcome,
    items: &[Item],
    held: &BTreeSet<ItemKey>,
    changes: &mut [ItemChange],
) -> Vec<RuleEffect> {
    let named = |outcome: &Outcome| -> BTreeMap<ItemKey, EcoString> {
        let violations = outcome.violations.iter();
        violations.map(|one| (one.key.clone(), one.subject_name.clone())).collect()
    };
    let covers = |judged: &JudgedSubjects, key: &ItemKey| match judged {
        JudgedSubjects::All => true,
        JudgedSubjects::Only(subjects) => {
            subjects.contains(&(key.subject_kind.clone(), key.subject_code.clone()))
        }
    };
    let (old, new) = (named(before), named(now));
    let open: BTreeSet<&ItemKey> = items
        .iter()
        .filter(|item| item.key.check_id == rule.check_id && !item.is_done())
        .map(|item| &item.key)
        .collect();
    let mut turn = |key: &ItemKey, words: &str| -> Option<ItemEventKind> {
        let change = changes.iter_mut().find(|c| c.item.key == *key && is_turn(c.kind))?;
        change.reason.push_str(&format!("（{words}规则第{}版：{}）", rule.version, rule.what));
        Some(change.kind)
    };
    let mut effects = Vec::new();
    let mut push = |key: &ItemKey, subject_name: &str, effect: Effect| {
        let (key, subject_name) = (key.clone(), subject_name.to_owned());
        effects.push(RuleEffect { key, subject_name, effect });
    };
    for (key, name) in new.iter().filter(|(key, _)| !old.contains_key(*key) && !held.contains(*key))
    {
        if turn(key, "因").is_some() {
            push(key, name, Effect::Opened);
        } else if open.contains(key) && covers(&before.judged, key) {
            push(key, name, Effect::Kept);
        }
    }
    for (key, name) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
        if turn(key, "因").is_some() {
            push(key, name, Effect::Closed);
        } else if !open.contains(key) {
            push(key, name, Effect::Spared);
        }
    }
    effects
}

/// The versions that a judging puts on record.
pub(super) fn new_rules(
    rules: &RulesNow,
    changes: &[RuleChange],
) -> Result<Vec<NewRule>, PipelineError> {
    rules
        .changed
        .iter()
        .zip(changes)
        .map(|(rule, change)| {
            Ok(NewRule {
                check_id: rule.check_id.clone(),
                version: rule.version,
                sha256: rule.sha256.clone(),
                content_json: json_of(&rule.content)?,
                texts: rule.texts.clone(),
                what: rule.what.clone(),
                compared: change.compared,
                effects: change.effects.clone(),
            })
        })
        .collect()
}
