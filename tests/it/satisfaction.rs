//! Satisfaction from the platform's workbook to the published figures.

use std::path::PathBuf;

use duban::demo::survey_files;
use duban::model::Period;

pub fn wave(text: &str) -> Period {
    text.parse().unwrap()
}

#[test]
fn write_for_look() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/tmp-d");
    for w in ["2023-w1", "2023-w2", "2024-w1", "2024-w2"] {
        for (name, bytes) in survey_files(wave(w)).unwrap() {
            fs_err::write(dir.join(format!("{w}_{name}")), bytes).unwrap();
        }
    }
}
