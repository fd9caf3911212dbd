//! Roles and the faces that play them.

use std::path::{Path, PathBuf};

use duban::config::definition;
use duban::config::fonts::FontSettings;
use duban::report::fonts::Fonts;
use resvg::usvg::fontdb;
use write_fonts::read::{FontRef, TableProvider};
use write_fonts::types::Tag;

use crate::pdf::machine_fonts;

#[test]
fn a_machine_without_faces_is_told_which_families_were_looked_for_and_how_to_mend_it() {
    let fonts = Fonts::from_dirs(&[], &FontSettings::default());
    let error = fonts.resolve("fang").unwrap_err().to_string();
    assert!(error.contains("`fang` (仿宋)"), "{error}");
    assert!(error.contains("仿宋_GB2312, FangSong_GB2312"), "{error}");
    assert!(error.contains("hint: install free faces (Debian: `apt-get install fonts-noto-cjk"));
    assert!(error.contains("fonts/ folder"), "{error}");
    let report = fonts.report();
    assert_eq!(
        report.iter().map(|line| (line.role.as_str(), line.face.is_none())).collect::<Vec<_>>(),
        [("biaosong", true), ("fang", true), ("hei", true), ("kai", true), ("song", true)]
    );
    assert!(fonts.files_for_charts().is_empty());
}

#[test]
fn a_role_that_is_not_set_is_refused_by_name() {
    let fonts = Fonts::from_dirs(&[], &FontSettings::default());
    let error = fonts.resolve("lishu").unwrap_err().to_string();
    assert!(error.contains("`lishu`") && error.contains("[fonts.roles]"), "{error}");
}

#[test]
fn a_written_role_replaces_its_own_list_and_leaves_the_others() {
    let written = "[roles]\nfang = [\"Our Fang\"]\nlishu = [\"LiSu\"]\n";
    let settings: FontSettings = definition::parse("duban.toml", written).unwrap();
    assert_eq!(settings.roles["fang"], ["Our Fang"]);
    assert_eq!(settings.roles["lishu"], ["LiSu"]);
    assert_eq!(settings.roles["kai"], FontSettings::default().roles["kai"]);
    assert_eq!(settings.roles.len(), 6);
}

#[test]
fn a_misspelt_key_of_the_settings_is_refused_with_its_line() {
    let error = definition::parse::<FontSettings>("duban.toml", "[role]\nfang = []\n").unwrap_err();
    assert_eq!((error.line, error.hint.as_deref()), (Some(1), Some("did you mean `roles`?")));
}

#[test]
fn office_families_stand_before_the_free_ones() {
    let roles = FontSettings::default().roles;
    for (role, office, free) in [
        ("biaosong", "方正小标宋简体", "Noto Serif CJK SC Bold"),
        ("fang", "仿宋_GB2312", "FandolFang R"),
        ("kai", "楷体_GB2312", "AR PL UKai CN"),
        ("hei", "黑体", "Noto Sans CJK SC"),
        ("song", "宋体", "Noto Serif CJK SC"),
    ] {
        let at = |family: &str| roles[role].iter().position(|f| f == family).unwrap();
        assert!(at(office) < at(free), "{role}");
    }
}

/// A folder with a copy of the file that plays 楷 on this machine.
fn folder_with_kai(fonts: &Fonts) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let from = fonts.resolve("kai").unwrap().path().to_owned();
    let copy = dir.path().join(from.file_name().unwrap());
    fs_err::copy(from, &copy).unwrap();
    (dir, copy)
}

#[test]
fn the_homes_own_folder_wins_over_the_system() {
    let Some(system) = machine_fonts() else { return };
    let (dir, copy) = folder_with_kai(system);
    let fonts = Fonts::discover(dir.path(), &FontSettings::default());
    assert_eq!(fonts.resolve("kai").unwrap().path(), copy);
    assert_ne!(system.resolve("kai").unwrap().path(), copy);
}

#[test]
fn a_list_is_tried_in_its_order_and_weights_are_told_apart() {
    let Some(system) = machine_fonts() else { return };
    let kai = system.resolve("kai").unwrap();
    let mut settings = FontSettings::default();
    let list = vec!["No Such Face".to_owned(), kai.family.clone(), "黑体".to_owned()];
    settings.roles.insert("fang".to_owned(), list);
    let fonts = Fonts::discover(Path::new("no such folder"), &settings);
    assert_eq!(fonts.resolve("fang").unwrap().path(), kai.path());
    let report = fonts.report();
    let fang = report.iter().find(|line| line.role == "fang").unwrap();
    assert!(!fang.is_stand_in);

    if kai.family != fonts.resolve("biaosong").unwrap().family
        && fonts.resolve("song").unwrap().family == fonts.resolve("biaosong").unwrap().family
    {
        assert!(fonts.resolve("biaosong").unwrap().weight >= 600);
        assert_eq!(fonts.resolve("song").unwrap().weight, 400);
    }
}

#[test]
fn a_role_without_faces_of_its_own_is_played_by_song_and_says_so() {
    let Some(system) = machine_fonts() else { return };
    let mut settings = FontSettings::default();
    settings.roles.insert("fang".to_owned(), vec!["No Such Face".to_owned()]);
    let fonts = Fonts::discover(Path::new("no such folder"), &settings);
    assert_eq!(fonts.resolve("fang").unwrap().path(), system.resolve("song").unwrap().path());
    let report = fonts.report();
    let fang = report.iter().find(|line| line.role == "fang").unwrap();
    assert!(fang.is_stand_in && fang.label == "仿宋");
}

#[test]
fn charts_are_lettered_in_the_families_of_their_role() {
    let Some(fonts) = machine_fonts() else { return };
    let families = fonts.css_families("hei").unwrap();
    let first = format!("'{}'", fonts.resolve("hei").unwrap().family);
    assert!(families.starts_with(&first), "{families}");
    let song = format!("'{}'", fonts.resolve("song").unwrap().family);
    assert_eq!(families.matches(&song).count(), 1, "{families}");
    assert!(fonts.files_for_charts().contains(&fonts.resolve("hei").unwrap().path()));
}

/// The face of charts is there once, draws the same characters, and has left its tables of shaping behind.
#[test]
fn charts_are_lettered_in_a_face_without_tables_of_shaping() {
    let Some(fonts) = machine_fonts() else { return };
    let face = fonts.resolve("hei").unwrap();
    let db = fonts.for_charts();
    let is_it = |info: &&fontdb::FaceInfo| info.post_script_name == face.post_script_name;
    let found: Vec<fontdb::ID> = db.faces().filter(is_it).map(|info| info.id).collect();
    assert_eq!(found.len(), 1, "{}", face.post_script_name);
    let whole = fs_err::read(face.path()).unwrap();
    let whole = FontRef::from_index(&whole, face.index).unwrap();
    let seen = db.with_face_data(found[0], |data, index| {
        let letters = FontRef::from_index(data, index).unwrap();
        for tag in [b"GSUB", b"GPOS"] {
            assert!(letters.data_for_tag(Tag::new(tag)).is_none());
        }
        for tag in [b"cmap", b"hmtx", b"head", b"name"] {
            let table = |face: &FontRef<'_>| {
                let table = face.data_for_tag(Tag::new(tag)).expect("a table");
                // `head` has the sum of the whole file (bytes 8 to 12).
                let bytes = table.as_bytes();
                if tag == b"head" { bytes[12..].to_vec() } else { bytes.to_vec() }
            };
            assert_eq!(table(&letters), table(&whole), "{tag:?}");
        }
    });
    assert!(seen.is_some());
}

#[test]
fn hashes_are_those_of_sha256sum() {
    let Some(fonts) = machine_fonts() else { return };
    let kai = fonts.resolve("kai").unwrap();
    let Ok(output) = std::process::Command::new("sha256sum").arg(kai.path()).output() else {
        eprintln!("LEFT OUT: hashes_are_those_of_sha256sum: no sha256sum");
        return;
    };
    let line = String::from_utf8(output.stdout).unwrap();
    assert_eq!(fonts.file_hashes().unwrap()[kai.path()], line.split(' ').next().unwrap());
}
