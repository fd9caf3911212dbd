//! Rebuilds the embedded home when a definition is added or removed.

fn main() {
    for folder in ["config", "pipelines", "report_templates"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
