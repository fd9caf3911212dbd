//! A small home for the daemon's tests, the daemon as a process, and the servers that it talks to.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::home::Home;
use crate::tools::{python_with, repository};

/// Longer than anything takes on a busy machine; what does not come by then does not come.
const PATIENCE: Duration = Duration::from_mins(4);

/// Two recipients, invented.
pub const RECIPIENTS: [&str; 2] = ["wang.invented@example.cn", "zhao.invented@example.cn"];

/// A home with one monthly data set of two towns and a report in HTML alone; both are due every
/// second. The figures lie in the drop folder of 甲镇 alone.
pub fn small_home() -> Home {
    let home = Home::new();
    fs_err::remove_dir_all(home.root.join("pipelines")).expect("the embedded definitions");
    home.keep_reports(&[]);
    for file in ["calendar.csv", "targets.csv"] {
        fs_err::remove_file(home.root.join("config").join(file)).expect("an embedded file");
    }
    home.write(
        "config/duban.toml",
        "[district]\ncode = \"90\"\nname = \"示例区\"\ntimezone = \"Asia/Shanghai\"\n\
         [mail]\nfrom = \"示例区秘书处 <duban@example.cn>\"\nallowed_domains = [\"example.cn\"]\n\
         [daemon]\nwatch_seconds = 1\n",
    );
    home.write(
        "config/units.csv",
        "code,name,level,kind,parent,group,aliases\n90,示例区,district,区,,,\n\
         9001,甲镇,town,镇,90,,\n9002,乙镇,town,镇,90,,\n",
    );
    let mut contacts = "unit_code,role,post,name,email,phone\n".to_owned();
    for address in RECIPIENTS {
        contacts.push_str(&format!("90,secretariat,值班岗,（虚构）,{address},022-00000000\n"));
    }
    home.write("config/contacts.csv", contacts);
    home.write(
        "pipelines/headcount/pipeline.toml",
        "[dataset]\nname = \"headcount\"\ntitle = \"在园人数\"\nfrequency = \"month\"\n\
         stat_on = \"last_day\"\nschema_version = 1\nreporters = [\"town\"]\ndue_workdays = 5\n\
         [schedule]\ncron = \"* * * * * *\"\n\
         [unit]\nfrom = \"reporter\"\n\
         [columns.inst_name]\nheader = \"园所\"\ntype = \"text\"\nblank = \"error\"\nkey = true\n\
         [columns.children]\nheader = \"人数\"\ntype = \"int\"\nblank = \"error\"\nmin = 0\n",
    );
    home.write(
        "report_templates/brief/report.md.j2",
        "+++\ntitle = \"示例简报（{{ period.label }}）\"\nto = [\"secretariat\"]\nformats = [\"html\"]\n\
         [schedule]\ncron = \"* * * * * *\"\n[queries]\n\
         heads = \"SELECT unit_code, sum(children) AS children FROM headcount WHERE period = $period GROUP BY unit_code ORDER BY unit_code\"\n\
         +++\n# 在园人数\n\n{{ table(\"heads\", caption=\"各镇人数\", columns=[col(\"unit_code\", \"镇\"), col(\"children\", \"人数\", format=\"int\")]) }}\n",
    );
    let path = format!("inbox/{}/9001/甲镇.csv", home_month(&home));
    home.write(&path, "园所,人数\n虚构一园,31\n虚构二园,12\n");
    home
}

/// The newest month that is due now.
pub fn home_month(home: &Home) -> String {
    let status: Value =
        serde_json::from_str(&home.ok(&["status", "--format", "json"])).expect("JSON");
    status["newest_month"].as_str().expect("a month").to_owned()
}

/// `duban serve` as a process, and the lines of its log.
pub struct Serve {
    child: Child,
    lines: Receiver<String>,
    /// What was read so far.
    pub log: Vec<Value>,
    /// As it came, each line.
    pub raw: Vec<String>,
}

impl Serve {
    /// Starts it on a free port; `more` may set what it is started with.
    pub fn start(home: &Home, more: impl FnOnce(&mut Command)) -> Serve {
        let mut command =
            home.command(&["--log-format", "json", "serve", "--listen", "127.0.0.1:0"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        more(&mut command);
        let mut child = command.spawn().expect("the binary runs");
        let stderr = child.stderr.take().expect("piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Serve { child, lines, log: Vec::new(), raw: Vec::new() }
    }

    /// Waits until it says that it serves; where its pages are.
    pub fn address(&mut self) -> String {
        let line = self.wait_for("it serves", |line| line["message"] == "serving");
        let page = line["health"].as_str().expect("an address");
        page.trim_start_matches("http://").trim_end_matches("/healthz").to_owned()
    }

    /// The next line of the log (from here on) that fits.
    pub fn wait_for(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    let value =
                        serde_json::from_str(&line).unwrap_or_else(|_| json!({ "text": line }));
                    self.raw.push(line);
                    self.log.push(value.clone());
                    if fits(&value) {
                        return value;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("waited in vain until {what}; the log:\n{}", self.raw.join("\n"))
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("ended before {what}; the log:\n{}", self.raw.join("\n"))
                }
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(sent.expect("kill").success(), "{name} was sent");
    }

    /// Waits for its end; the whole log is read then.
    pub fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE.saturating_sub(begun.elapsed())) {
            self.log.push(serde_json::from_str(&line).unwrap_or_else(|_| json!({ "text": line })));
            self.raw.push(line);
        }
        assert!(begun.elapsed() < PATIENCE, "it does not end; the log:\n{}", self.raw.join("\n"));
        self.child.wait().expect("a status")
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// aiosmtpd as tests/tools/smtp_server.py runs it; gone with this value.
pub struct MailServer {
    child: Child,
    _stdin: ChildStdin,
    pub port: u16,
    folder: TempDir,
}

impl MailServer {
    pub fn start(test: &str, script: &Value) -> Option<MailServer> {
        let mut python = python_with("aiosmtpd", test)?;
        let folder = TempDir::new().expect("a folder");
        let mut child = python
            .arg(repository().join("tests/tools/smtp_server.py"))
            .arg(script.to_string())
            .arg(folder.path().join("log"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let port = line.trim().parse().expect("a port");
        let stdin = child.stdin.take().expect("piped");
        Some(MailServer { child, _stdin: stdin, port, folder })
    }

    pub fn saw(&self, event: &str) -> Vec<Value> {
        let log = fs_err::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["event"] == event).collect()
    }

    /// What a daemon must be told to send its mails here.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DUBAN__MAIL__TRANSPORT", "smtp".to_owned()),
            ("DUBAN__MAIL__SMTP__HOST", "127.0.0.1".to_owned()),
            ("DUBAN__MAIL__SMTP__PORT", self.port.to_string()),
            ("DUBAN__MAIL__SMTP__SECURITY", "none".to_owned()),
        ]
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Python's own web server over a folder; gone with this value.
pub struct WebServer {
    child: Child,
    pub port: u16,
    folder: TempDir,
}

impl WebServer {
    pub fn start(test: &str) -> Option<WebServer> {
        let mut python = python_with("http.server", test)?;
        let folder = TempDir::new().expect("a folder");
        let mut child = python
            .args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        // Serving HTTP on 127.0.0.1 port 43210 (http://127.0.0.1:43210/) ...
        let after = line.split(" port ").nth(1).expect("a port");
        let port = after.split(' ').next().and_then(|word| word.parse().ok()).expect("a port");
        Some(WebServer { child, port, folder })
    }

    pub fn put(&self, path: &str, bytes: &str) {
        let path: PathBuf = self.folder.path().join(path);
        fs_err::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs_err::write(path, bytes).expect("a file");
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
