//! The linter of mails: each rule with a mail that it refuses and one that it lets pass.

use std::path::Path;

use duban::model::{InlineImage, MailContent};
use duban::report::mail_lint::{Problem, Severity, errors, lint_css, lint_mail, table_faults};

fn repository(path: &str) -> String {
    fs_err::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("read")
}

/// A mail that every program shows.
const GOOD: &str = r#"<!DOCTYPE html>
<html lang="zh-CN"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>报告</title></head>
<body>
<!--[if mso]><table role="presentation" width="760"><tr><td><![endif]-->
<table role="presentation" width="100%"><tr><td style="padding:8px;color:#222222">
<p style="margin:6px 0">正文，<a href="https://www.example.cn/">链接</a></p>
<img src="cid:trend" alt="三率趋势" width="680" height="340" border="0">
<table border="1"><tr><th>镇街</th></tr><tr><td>高村镇</td></tr></table>
</td></tr></table>
<!--[if mso]></td></tr></table><![endif]-->
</body></html>
"#;

/// The charset after 1,000 bytes of styles.
const LATE_CHARSET: &str = concat!(
    "<style>@media (max-width: 600px) { p { font-family: \"",
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789",
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789",
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789",
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789",
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789",
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789",
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789",
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789",
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789",
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789",
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789",
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789",
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789",
    "\" !important; } }</style><meta charset=\"utf-8\">",
);

fn mail(html: &str) -> MailContent {
    let image = InlineImage {
        content_id: "trend".to_owned(),
        media_type: "image/png".to_owned(),
        bytes: Vec::new(),
    };
    MailContent {
        subject: "报告".to_owned(),
        html: html.to_owned(),
        text: "正文".to_owned(),
        inline: vec![image],
        attachments: Vec::new(),
    }
}

/// The good mail with one thing changed, which must be there.
fn changed(from: &str, to: &str) -> Vec<Problem> {
    assert!(GOOD.contains(from), "{from}");
    lint_mail(&mail(&GOOD.replace(from, to)))
}

fn rules(problems: &[Problem]) -> Vec<&str> {
    problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(|problem| problem.rule.as_str())
        .collect()
}

#[test]
fn the_tables_of_the_linter_fit_each_other() {
    assert_eq!(table_faults(), Vec::<String>::new());
}

#[test]
fn a_good_mail_passes() {
    let problems = lint_mail(&mail(GOOD));
    assert_eq!(errors(&problems), None);
    assert!(problems.is_empty(), "{problems:?}");
}

#[test]
fn each_rule_of_the_page_refuses_what_it_is_for() {
    let image = r#"<img src="cid:trend" alt="三率趋势" width="680" height="340" border="0">"#;
    let cases = [
        ("doctype", "<!DOCTYPE html>\n", ""),
        ("lang", " lang=\"zh-CN\"", ""),
        ("charset", "<meta charset=\"utf-8\">", "<meta charset=\"gbk\">"),
        ("charset", "<meta charset=\"utf-8\">", LATE_CHARSET),
        (
            "viewport",
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
            "",
        ),
        ("title", "<title>报告</title>", "<title> </title>"),
        (
            "outlook-width",
            "<table role=\"presentation\" width=\"760\">",
            "<table role=\"presentation\">",
        ),
        ("outlook-width", "<!--[if mso]></td></tr></table><![endif]-->\n", ""),
        ("comment", "正文，", "正文<!-- 稍后再改 -->，"),
        ("comment", "正文，", "正文<!--[if mso]>，-->"),
        ("html-video", "正文，", "<video></video>"),
        ("html-form", "正文，", "<form></form>"),
        ("unknown", "正文，", "<script>alert(1)</script>"),
        ("unknown", "正文，", "<iframe></iframe>"),
        ("unknown", "<p style", "<p data-x=\"1\" style"),
        ("script", "<p style", "<p onclick=\"x()\" style"),
        ("link", "https://www.example.cn/", "javascript:alert(1)"),
        ("link", "https://www.example.cn/", "report.html"),
        ("html-anchor-links", "https://www.example.cn/", "#below"),
        ("resource", "cid:trend", "https://www.example.cn/trend.png"),
        ("picture", "cid:trend", "cid:other"),
        ("picture", image, ""),
        ("picture", "alt=\"三率趋势\"", "alt=\"\""),
        ("picture", "width=\"680\"", "width=\"100%\""),
        ("picture", " height=\"340\"", ""),
        ("tracking", "width=\"680\" height=\"340\"", "width=\"1\" height=\"1\""),
        ("table", "<th>镇街</th>", "<td>镇街</td>"),
        ("table", "<table border=\"1\">", "<table border=\"1\" role=\"presentation\">"),
        (
            "table",
            "<td>高村镇</td>",
            "<td><table role=\"presentation\"><tr><td>高村镇</td></tr></table></td>",
        ),
        ("nesting", "</a></p>", "</p></a>"),
        ("nesting", "</td></tr></table>\n</td>", "</td></tr>\n</td>"),
        ("attribute", "<th>", "<th href=\"https://www.example.cn/\">"),
        ("charset", "高村镇", "高\u{fffd}镇"),
        ("css-padding", "margin:6px 0", "padding:6px 0"),
        ("css-display-flex", "margin:6px 0", "display:flex"),
        ("css-position", "margin:6px 0", "position:relative"),
    ];
    for (rule, from, to) in cases {
        let problems = changed(from, to);
        assert!(rules(&problems).contains(&rule), "{rule}: {from} → {to}: {problems:?}");
    }
}

#[test]
fn a_mail_of_a_hundred_kilobytes_a_blank_text_and_a_blank_subject_are_refused() {
    let fill = |n: usize| GOOD.replace("正文，", &"x".repeat(n));
    let room = 100_000 - fill(0).len();
    assert_eq!(rules(&lint_mail(&mail(&fill(room)))), ["size"]);
    assert!(lint_mail(&mail(&fill(room - 1))).is_empty());
    let blank = MailContent { text: " \n".to_owned(), subject: String::new(), ..mail(GOOD) };
    assert_eq!(rules(&lint_mail(&blank)), ["subject", "text"]);
}

#[test]
fn a_problem_says_what_is_meant_and_where() {
    let problems = changed("margin:6px 0", "display:flex");
    let said = errors(&problems).expect("an error");
    assert_eq!(
        said,
        "line 8: display: flex is not supported by Outlook for Windows \
         (caniemail: css-display-flex, tested 2021-11-02): <p style=\"display:flex\">; \
         line 8: display: flex: use none, block or inline; others are not known everywhere: \
         <p style=\"display:flex\">"
    );
}

/// Errors and warnings of a style sheet, as `line: rule words`.
fn css(text: &str) -> (Vec<String>, Vec<String>) {
    let (errors, warnings) = lint_css("mail.css", text);
    let told = |problems: Vec<duban::diagnostic::Diagnostic>| {
        problems.into_iter().map(|p| format!("{}: {}", p.line.unwrap_or(0), p.message)).collect()
    };
    (told(errors), told(warnings))
}

#[test]
fn the_style_sheet_that_a_new_home_gets_passes_without_a_warning() {
    let (errors, warnings) = css(&repository("report_templates/_base/mail.css"));
    assert!(errors.is_empty() && warnings.is_empty(), "{errors:#?} {warnings:#?}");
}

#[test]
fn each_rule_of_the_style_sheet_refuses_what_it_is_for() {
    let cases = [
        (".a { display: flex; }", "css-display-flex"),
        (".a { display: inline-block; }", "use none, block or inline"),
        (".a { display: grid; }", "css-display-grid"),
        (".a { float: left; }", "css-float"),
        (".a { position: absolute; }", "QQ Mail"),
        (".a { border-radius: 4px; }", "css-border-radius"),
        (".a { width: 50vw; }", "css-unit-vw"),
        (".a { width: calc(100% - 8px); }", "css-unit-calc"),
        (".a { color: var(--dark); }", "css-variables"),
        (".a { color: rgba(0, 0, 0, 0.5); }", "css-rgba"),
        (".a { font-size: 1.2rem; }", "css-unit-rem"),
        (".a { background-image: url(cid:x); }", "a mail fetches nothing"),
        (".a { margin: 0 auto; }", "Outlook knows neither"),
        (".a { margin-top: -4px; }", "Outlook knows neither"),
        (".a { text-align: start; }", "use left, right"),
        (".a { font-weight: lighter; }", "use normal or bold"),
        (".a { text-decoration: line-through; }", "use none or underline"),
        (".a { text-indent: -2em; }", "Gmail drops"),
        (".a { line-height: 1.5em; }", "Outlook reads"),
        (".a { colour: #222222; }", "nothing is known"),
        (".a { background-color: #eeeeee; color: #bbbbbb; }", "WCAG"),
        (".a:hover { color: #222222; }", "cannot be inlined"),
        ("@font-face { font-family: x; }", "css-at-font-face"),
        ("@import \"other.css\";", "css-at-import"),
        ("@supports (x: y) { }", "css-at-supports"),
        ("@page { margin: 0; }", "nothing is known"),
        ("@media (orientation: portrait) { }", "css-at-media-orientation"),
        (
            "@media (max-width: 600px) { .a:hover { color: #222222 !important; } }",
            "css-pseudo-class-hover",
        ),
        (
            "@media (max-width: 600px) { .a > p { color: #222222 !important; } }",
            "css-selector-child",
        ),
        (".a ", "has no block"),
    ];
    for (text, words) in cases {
        let (errors, _) = css(&format!(".ok {{ color: #222222; }}\n{text}"));
        assert!(
            errors.iter().any(|said| said.starts_with("2: ") && said.contains(words)),
            "{text}: {errors:?}"
        );
    }
}

#[test]
fn what_is_known_in_part_or_may_vanish_is_a_warning() {
    let cases = [
        (".a { letter-spacing: 1px; }", "supported in part by Outlook for Windows"),
        (".a { background-color: #ffffff; }", "background without a color"),
        ("@media (max-width: 600px) { .a { color: #222222; } }", "no !important"),
    ];
    for (text, words) in cases {
        let (errors, warnings) = css(text);
        assert!(errors.is_empty(), "{text}: {errors:?}");
        assert!(warnings.iter().any(|said| said.contains(words)), "{text}: {warnings:?}");
    }
}

#[test]
fn what_every_program_knows_passes() {
    for text in [
        ".a { color: #222222; background-color: #ffffff; }",
        ".a { margin: 6px 0 0 8px; padding: 4px; text-align: right; text-indent: 2em; }",
        ".a { font-weight: bold; font-family: \"Microsoft YaHei\", sans-serif; font-size: 15px; }",
        ".a { border: 1px solid #222222; border-collapse: collapse; line-height: 1.5; }",
        ".a { text-decoration: none; vertical-align: middle; mso-hide: all; }",
        ".a p, td .b { color: #222222; }",
        "@media (max-width: 600px) { .a, p { font-size: 12px !important; } }",
        "@media (prefers-color-scheme: dark) { .a { color: #eeeeee !important; } }",
        "/* words */\n.a { }",
    ] {
        let (errors, warnings) = css(text);
        assert!(errors.is_empty() && warnings.is_empty(), "{text}: {errors:?} {warnings:?}");
    }
}

#[test]
fn facts_are_carried_over_as_can_i_email_has_them() {
    // Looked up by hand on the pages of the features, 2026-06: (feature, of Outlook for Windows, of Gmail).
    let table = repository("src/report/mail_lint/support.csv");
    for (feature, outlook, gmail) in [
        ("css-display-flex", "n", "a"),
        ("css-border-radius", "n", "y"),
        ("css-padding", "a", "y"),
        ("css-max-width", "a", "y"),
        ("css-table-layout", "n", "y"),
        ("html-table", "y", "y"),
        ("html-lang", "y", "y"),
        ("css-at-media-prefers-color-scheme", "n", "n"),
        ("html-video", "n", "n"),
    ] {
        let line =
            table.lines().find(|line| line.starts_with(&format!("{feature},"))).expect(feature);
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!((cells[2], cells[6]), (outlook, gmail), "{line}");
    }
    assert!(
        table.contains("MIT licence") && table.contains("caniemail.com"),
        "the source is named"
    );
}
