//! Fonts are roles, not files: which families may play 宋, 仿宋, 黑, 楷 and 小标宋, in order of preference.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The role whose faces stand in where a role has none of its own, or lacks a character.
pub const BASE_ROLE: &str = "song";

/// Every role that the shipped page style asks for, its Chinese name, and the families that may
/// play it: the office's own first (a final paper is signed in these), the free ones after.
///
/// A family may be followed by ` Bold`; a PostScript name is understood as well.
const DEFAULTS: [(&str, &str, &[&str]); 5] = [
    (
        "biaosong",
        "小标宋",
        &[
            "方正小标宋简体",
            "FZXiaoBiaoSong-B05S",
            "方正小标宋_GBK",
            "FZXiaoBiaoSong-B05",
            "华文中宋",
            "STZhongsong",
            "Noto Serif CJK SC Bold",
            "Source Han Serif SC Bold",
            "FandolSong Bold",
        ],
    ),
    (
        "song",
        "宋",
        &[
            "宋体",
            "SimSun",
            "方正书宋_GBK",
            "STSong",
            "Songti SC",
            "Noto Serif CJK SC",
            "Source Han Serif SC",
            "Noto Serif SC",
            "FandolSong",
            "AR PL SungtiL GB",
            "AR PL UMing CN",
            // Characters of Extension B and later alone, for names: last, so that they play nothing else.
            "SimSun-ExtB",
            "HanaMinB",
        ],
    ),
    (
        "fang",
        "仿宋",
        &[
            "仿宋_GB2312",
            "FangSong_GB2312",
            "仿宋",
            "FangSong",
            "方正仿宋_GBK",
            "FZFangSong-Z02",
            "华文仿宋",
            "STFangsong",
            "FandolFang R",
            "FandolFang",
        ],
    ),
    (
        "hei",
        "黑",
        &[
            "黑体",
            "SimHei",
            "方正黑体_GBK",
            "FZHei-B01",
            "STHeiti",
            "Heiti SC",
            "Microsoft YaHei",
            "Noto Sans CJK SC",
            "Source Han Sans SC",
            "Noto Sans SC",
            "FandolHei",
            "WenQuanYi Zen Hei",
            "WenQuanYi Micro Hei",
        ],
    ),
    (
        "kai",
        "楷",
        &[
            "楷体_GB2312",
            "KaiTi_GB2312",
            "楷体",
            "KaiTi",
            "方正楷体_GBK",
            "FZKai-Z03",
            "STKaiti",
            "Kaiti SC",
            "FandolKai",
            "LXGW WenKai",
            "AR PL KaitiM GB",
            "AR PL UKai CN",
        ],
    ),
];

/// `[fonts]` of `duban.toml`: role → families, best first.
///
/// A role that is written replaces the built-in list of that role and leaves the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct FontSettings {
    pub roles: BTreeMap<String, Vec<String>>,
}

impl Default for FontSettings {
    fn default() -> FontSettings {
        FontSettings::from(Written { roles: BTreeMap::new() })
    }
}

/// The Chinese name of a role, for reports to the operator; a district's own role has its own name.
pub fn role_label(role: &str) -> &str {
    DEFAULTS.iter().find(|(name, ..)| *name == role).map_or(role, |(_, label, _)| label)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    roles: BTreeMap<String, Vec<String>>,
}

impl From<Written> for FontSettings {
    fn from(written: Written) -> FontSettings {
        let mut roles: BTreeMap<String, Vec<String>> = DEFAULTS
            .iter()
            .map(|(role, _, families)| {
                ((*role).to_owned(), families.iter().map(|family| (*family).to_owned()).collect())
            })
            .collect();
        roles.extend(written.roles);
        FontSettings { roles }
    }
}
