//! What of escalation and digest is refused before anything runs, with file and hint; and in which order the
//! daemon does its jobs.

use duban::pipeline::Job;

use crate::collection_support::open;
use crate::home::Home;
use crate::slips_support::silent_home;

const SUPERVISION: &str = "pipelines/_supervision.toml";

/// What `duban check config` says, and that it refuses.
fn refused(home: &Home) -> String {
    let output = home.duban(&["check", "config"]);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{words}");
    words
}

#[test]
fn a_home_that_supervises_holds() {
    let words = silent_home().ok(&["check", "config"]);
    assert!(words.contains("all definitions hold"), "{words}");
}

#[test]
fn every_step_of_a_ladder_needs_its_template_and_the_mails_theirs() {
    for path in [
        "report_templates/_slips/urge.md.j2",
        "report_templates/_slips/near_due.md.j2",
        "report_templates/_mails/supervision.md.j2",
        "report_templates/_mails/digest.md.j2",
        "report_templates/_ledgers/items.md.j2",
    ] {
        let home = silent_home();
        fs_err::remove_file(home.root.join(path)).unwrap();
        let words = refused(&home);
        assert!(words.contains(&format!("{path}: this file is missing")), "{words}");
        assert!(words.contains("duban init DIR"), "{words}");
    }
    // Without the attachment nothing needs the workbook.
    let home = silent_home();
    fs_err::remove_file(home.root.join("report_templates/_ledgers/items.md.j2")).unwrap();
    home.replace(SUPERVISION, "[digest]\n", "[digest]\nattach_ledger = \"never\"\n");
    home.ok(&["check", "config"]);
}

#[test]
fn a_paper_without_text_and_a_misspelt_column_are_refused_with_their_place() {
    let home = silent_home();
    // A reminder without a number may be its front matter alone; with one it is a paper.
    home.replace(
        SUPERVISION,
        "id = \"near_due\"\n",
        "id = \"near_due\"\nnumber = \"临〔{year}〕{n}号\"\n",
    );
    let words = refused(&home);
    assert!(words.contains("_slips/near_due.md.j2: a step with a number is a paper"), "{words}");
    for (path, from, to, near) in [
        ("report_templates/_slips/urge.md.j2", "s.n_items", "s.n_itmes", "`n_items`"),
        ("report_templates/_slips/talk.md.j2", "slip[0].addressee", "slip[0].adressee", "adressee"),
        ("report_templates/_mails/supervision.md.j2", "s.brief", "s.breif", "`brief`"),
        ("report_templates/_mails/digest.md.j2", "n.n_open,", "n.n_opne,", "n_opne"),
        ("report_templates/_ledgers/items.md.j2", "i.opinion,", "i.opinoin,", "opinion"),
    ] {
        let home = silent_home();
        home.replace(path, from, to);
        let words = refused(&home);
        assert!(words.contains(&format!("{path}:")) && words.contains(near), "{words}");
    }
}

#[test]
fn recipients_that_nobody_is_and_papers_that_differ_between_ladders_are_refused() {
    let home = silent_home();
    home.replace(SUPERVISION, "\"coordination\"]\nnumber", "\"cordination\"]\nnumber");
    home.replace(SUPERVISION, "[digest]\nto = [\"supervisor\"]", "[digest]\nto = [\"unit\"]");
    let words = refused(&home);
    assert!(words.contains("step `talk` of `standard` goes to the role `cordination`"), "{words}");
    assert!(words.contains("did you mean `coordination`?"), "{words}");
    assert!(words.contains("[digest] goes to the role `unit`"), "{words}");

    let home = silent_home();
    let second = "[[ladder]]\nname = \"fast\"\n[[ladder.step]]\nid = \"urge\"\ntitle = \"催办单\"\n\
        due_workdays = 0\nto = [\"unit\"]\nnumber = \"急〔{year}〕{n}号\"\n\n[escalation.schedule]";
    home.replace(SUPERVISION, "[escalation.schedule]", second);
    let words = refused(&home);
    assert!(words.contains("step `urge` has another title, number or recipients"), "{words}");
    home.replace(SUPERVISION, "急〔", "催〔");
    home.ok(&["check", "config"]);

    let home = silent_home();
    home.replace(SUPERVISION, "[digest]\n", "[digest]\nattach_ledger = \"monthly\"\n");
    assert!(refused(&home).contains("attach_ledger"));
}

#[test]
fn items_are_escalated_after_they_are_judged_and_before_they_are_reported() {
    let home = Home::new();
    let pipeline = open(&home, "2024-09-20 08:00");
    let names: Vec<String> =
        Job::scheduled(pipeline.config()).iter().map(|(job, _)| job.name()).collect();
    let at = |name: &str| names.iter().position(|other| other == name).expect(name);
    assert!(at("supervision") < at("escalation"));
    assert!(at("escalation") < at("digest"));
    assert!(at("digest") < at("report:joint_meeting"));
    assert!(names.iter().rposition(|name| name.starts_with("dataset:")) < Some(at("supervision")));
}
