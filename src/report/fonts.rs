//! The faces that play the roles of [`FontSettings`], found on this machine.
//!
//! ## Design notes
//! - A scan maps each file and reads its names only (fontdb); a face's 20 MB are read when a paper first
//!   uses it, once for all faces of a collection.
//! - A role's *chain* is every face of its list that is here, then those of 宋 and 黑: an office face
//!   of GB2312 lacks 珺 or 甪, and a name must not print as a box.
//! - A face is found by its exact names in any language, never by likeness: a traditional or Japanese face would
//!   draw some characters otherwise, and nobody would notice.
//! - Fonts are shared as long as somebody holds them ([`Fonts::shared`]), and gone when nobody does: a daemon
//!   between two ticks has none.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use resvg::usvg::fontdb;
use sha2::{Digest, Sha256};
use typst::foundations::Bytes;
use typst::text::{Font, FontInfo};
use write_fonts::FontBuilder;
use write_fonts::read::{FontRef, TableProvider};
use write_fonts::types::Tag;

use crate::config::fonts::{BASE_ROLE, FontSettings, role_label};
use crate::durable::hex;
use crate::report::pdf::PaperBook;

/// How a machine without Chinese faces is mended.
pub const INSTALL_HINT: &str = "install free faces (Debian: `apt-get install fonts-noto-cjk fonts-arphic-gkai00mp`) \
     or put the office's own .ttf/.otf/.ttc files into the home's fonts/ folder";

/// How a machine is mended whose faces lack a rare character.
pub const RARE_HINT: &str = "put a face that has it into the home's fonts/ folder and name its family at the end of its role's list \
     in [fonts.roles] of config/duban.toml; for rare names `apt-get install fonts-hanazono` is enough (HanaMinB is asked already). \
     If the machine has no Chinese faces at all: `apt-get install fonts-noto-cjk fonts-arphic-gkai00mp`";

/// Where TeX distributions keep OpenType faces, which no font configuration names.
const TEXLIVE_DIRS: [&str; 3] = [
    "/usr/share/texmf/fonts/opentype",
    "/usr/share/texlive/texmf-dist/fonts/opentype/public/fandol",
    "/usr/local/share/texmf/fonts/opentype",
];

/// No face at all for a role, not even a stand-in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no font for the role `{role}` ({label}): none of {looked_for} is on this machine\n  hint: {INSTALL_HINT}"
)]
pub struct MissingRole {
    pub role: String,
    pub label: String,
    /// The families of the role's list.
    pub looked_for: String,
}

/// A font file could not be read when it was needed.
#[derive(Debug, thiserror::Error)]
pub enum ReadFontError {
    #[error(transparent)]
    Read(#[from] std::io::Error),
    #[error("{}: face {index} is no font that can be used", path.display())]
    Parse { path: PathBuf, index: u32 },
}

/// One face of one file.
#[derive(Debug)]
pub struct Face {
    /// English family name and style, as the file gives them.
    pub family: String,
    pub post_script_name: String,
    pub weight: u16,
    file: Arc<FontFile>,
    /// Which face of a collection.
    pub index: u32,
    id: fontdb::ID,
    info: OnceLock<Option<FontInfo>>,
    font: OnceLock<Option<Font>>,
    /// The same for charts: see [`letters_of`].
    lettering: OnceLock<Option<Font>>,
}

#[derive(Debug)]
struct FontFile {
    path: PathBuf,
    bytes: OnceLock<Bytes>,
    sha256: OnceLock<String>,
}

/// What one role got, for `duban check config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleReport {
    pub role: String,
    /// 仿宋, for instance.
    pub label: String,
    /// Family, PostScript name and file of the face in use; none if the machine has nothing.
    pub face: Option<FaceReport>,
    /// Faces of other roles stand in: the paper will look otherwise than it should.
    pub is_stand_in: bool,
    /// Families that are asked for characters which the face lacks, in order.
    pub fallbacks: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaceReport {
    pub family: String,
    pub post_script_name: String,
    pub path: PathBuf,
}

/// The faces of this machine and the roles that they play.
#[derive(Debug)]
pub struct Fonts {
    db: fontdb::Database,
    faces: Vec<Face>,
    roles: BTreeMap<String, Chain>,
    /// The same for every paper, and dear to make: see [`PaperBook`].
    book: OnceLock<PaperBook>,
}

#[derive(Debug)]
struct Chain {
    /// The role's list, as written.
    asked: Vec<String>,
    /// Indices into `faces`, best first.
    faces: Vec<usize>,
    /// How many of `faces` come from the role's own list.
    n_own: usize,
}

/// The fonts that were found last, for as long as they are in use.
static HELD: Mutex<Option<(PathBuf, FontSettings, Weak<Fonts>)>> = Mutex::new(None);

impl Fonts {
    /// Faces of `home_fonts` (which win) and of the system: fontconfig's folders, the user's,
    /// TeX's, or those of macOS and Windows.
    pub fn discover(home_fonts: &Path, settings: &FontSettings) -> Fonts {
        let mut db = fontdb::Database::new();
        db.load_fonts_dir(home_fonts);
        db.load_system_fonts();
        for dir in TEXLIVE_DIRS {
            db.load_fonts_dir(dir);
        }
        Fonts::index(db, std::slice::from_ref(&home_fonts.to_owned()), settings)
    }

    /// As [`Fonts::discover`], unless somebody in this process holds fonts of the same folder and settings:
    /// then those, as they were when they were found.
    pub fn shared(home_fonts: &Path, settings: &FontSettings) -> Arc<Fonts> {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((folder, roles, fonts)) = &*held
            && folder == home_fonts
            && roles == settings
            && let Some(fonts) = fonts.upgrade()
        {
            return fonts;
        }
        let fonts = Arc::new(Fonts::discover(home_fonts, settings));
        *held = Some((home_fonts.to_owned(), settings.clone(), Arc::downgrade(&fonts)));
        fonts
    }

    /// Faces of these folders alone, the first winning: what a test or a rebuild of an old edition uses.
    pub fn from_dirs(dirs: &[PathBuf], settings: &FontSettings) -> Fonts {
        let mut db = fontdb::Database::new();
        for dir in dirs {
            db.load_fonts_dir(dir);
        }
        Fonts::index(db, dirs, settings)
    }

    fn index(db: fontdb::Database, preferred: &[PathBuf], settings: &FontSettings) -> Fonts {
        let candidates = Candidates::of(&db, preferred);
        let mut fonts =
            Fonts { db, faces: Vec::new(), roles: BTreeMap::new(), book: OnceLock::new() };
        let mut files: BTreeMap<PathBuf, Arc<FontFile>> = BTreeMap::new();
        let mut known: BTreeMap<(PathBuf, u32), usize> = BTreeMap::new();
        let mut own: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (role, families) in &settings.roles {
            let chain = own.entry(role).or_default();
            for candidate in families.iter().filter_map(|family| candidates.find(family)) {
                let key = (candidate.path.clone(), candidate.index);
                let face = *known.entry(key).or_insert_with(|| {
                    fonts.faces.push(candidate.face(&mut files));
                    fonts.faces.len() - 1
                });
                if !chain.contains(&face) {
                    chain.push(face);
                }
            }
        }
        for (role, families) in &settings.roles {
            let mut faces = own.get(role.as_str()).cloned().unwrap_or_default();
            let n_own = faces.len();
            for stand_in in [BASE_ROLE, "hei"] {
                for face in own.get(stand_in).into_iter().flatten() {
                    if !faces.contains(face) {
                        faces.push(*face);
                    }
                }
            }
            fonts.roles.insert(role.clone(), Chain { asked: families.clone(), faces, n_own });
        }
        fonts
    }

    /// The names of all roles that are set.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.keys().map(String::as_str)
    }

    /// The face that plays `role`: its own first choice, or a stand-in.
    pub fn resolve(&self, role: &str) -> Result<&Face, MissingRole> {
        self.chain(role)?.next().ok_or_else(|| self.missing(role))
    }

    /// All faces that may be asked for a character of `role`, best first; at least one.
    pub fn chain(&self, role: &str) -> Result<impl Iterator<Item = &Face>, MissingRole> {
        match self.roles.get(role) {
            Some(chain) if !chain.faces.is_empty() => {
                Ok(chain.faces.iter().map(|face| &self.faces[*face]))
            }
            _ => Err(self.missing(role)),
        }
    }

    fn missing(&self, role: &str) -> MissingRole {
        let asked = self.roles.get(role).map_or(&[][..], |chain| &chain.asked);
        MissingRole {
            role: role.to_owned(),
            label: role_label(role).to_owned(),
            looked_for: if asked.is_empty() {
                "no family (the role is not set in [fonts.roles])".to_owned()
            } else {
                asked.join(", ")
            },
        }
    }

    /// Which role is played by what; one entry a role.
    pub fn report(&self) -> Vec<RoleReport> {
        self.roles
            .iter()
            .map(|(role, chain)| {
                let mut faces = chain.faces.iter().map(|face| &self.faces[*face]);
                RoleReport {
                    role: role.clone(),
                    label: role_label(role).to_owned(),
                    face: faces.next().map(|face| FaceReport {
                        family: face.family.clone(),
                        post_script_name: face.post_script_name.clone(),
                        path: face.path().to_owned(),
                    }),
                    is_stand_in: chain.n_own == 0,
                    fallbacks: faces.map(|face| face.post_script_name.clone()).collect(),
                }
            })
            .collect()
    }

    /// The files that a chart's renderer should load, each once: those of every role's chain.
    pub fn files_for_charts(&self) -> Vec<&Path> {
        let mut paths: Vec<&Path> = self.faces.iter().map(Face::path).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    /// The faces for a chart's renderer, which opens a face anew for every word. The face that charts are lettered
    /// in is held in memory, the same as the typesetter's for charts (`lettering`); of the others, which are
    /// asked only for what that one lacks, the names are read.
    pub fn for_charts(&self) -> fontdb::Database {
        let mut db = fontdb::Database::new();
        let lettering = self.resolve("hei").ok().and_then(|face| {
            let font = self.lettering(face).ok()?;
            db.load_font_source(fontdb::Source::Binary(Arc::new(font.data().clone())));
            Some(face)
        });
        for path in self.files_for_charts() {
            // Not a font, or unreadable: the glyph check says what is missing in the end.
            let _ = db.load_font_file(path);
        }
        if let Some(face) = lettering {
            let is_same = |other: &fontdb::FaceInfo| match &other.source {
                fontdb::Source::File(path) | fontdb::Source::SharedFile(path, _) => {
                    path == face.path() && other.index == face.index
                }
                fontdb::Source::Binary(_) => false,
            };
            let twice: Vec<fontdb::ID> =
                db.faces().filter(|other| is_same(other)).map(|other| other.id).collect();
            for id in twice {
                db.remove_face(id);
            }
        }
        db
    }

    /// The families of `role`'s chain as a `font-family` of SVG or CSS, so that a chart is lettered
    /// in the same faces as the paper around it.
    pub fn css_families(&self, role: &str) -> Result<String, MissingRole> {
        let mut families: Vec<String> = Vec::new();
        for face in self.chain(role)? {
            let family = format!("'{}'", face.family.replace(['\'', '"', '<', '&'], ""));
            if !families.contains(&family) {
                families.push(family);
            }
        }
        Ok(families.join(", "))
    }

    /// SHA-256 of each file that a role may use, by path: part of what an edition was made from.
    ///
    /// # Errors
    /// A file cannot be read any more.
    pub fn file_hashes(&self) -> Result<BTreeMap<PathBuf, String>, ReadFontError> {
        self.faces.iter().map(|face| Ok((face.path().to_owned(), face.file_sha256()?))).collect()
    }

    /// Every face that plays in some role, each once.
    pub fn faces(&self) -> impl Iterator<Item = &Face> {
        self.faces.iter()
    }

    /// Indices into [`Self::all_faces`] of a role's chain, best first.
    pub(crate) fn chain_indices(&self, role: &str) -> Result<&[usize], MissingRole> {
        match self.roles.get(role) {
            Some(chain) if !chain.faces.is_empty() => Ok(&chain.faces),
            _ => Err(self.missing(role)),
        }
    }

    pub(crate) fn all_faces(&self) -> &[Face] {
        &self.faces
    }

    /// Where the typesetter keeps what it makes of these faces.
    pub(crate) fn book_slot(&self) -> &OnceLock<PaperBook> {
        &self.book
    }

    /// A face for the letters of charts, loaded once; one that cannot be taken apart is used as it is.
    pub(crate) fn lettering(&self, face: &Face) -> Result<Font, ReadFontError> {
        let letters = face.lettering.get_or_init(|| {
            let letters = self.db.with_face_data(face.id, letters_of).flatten()?;
            Font::new(Bytes::new(letters), 0)
        });
        letters.clone().map_or_else(|| face.font(), Ok)
    }

    /// Names, style and coverage of a face, read from the mapped file without keeping it.
    pub(crate) fn info(&self, face: &Face) -> Result<FontInfo, ReadFontError> {
        let info = face
            .info
            .get_or_init(|| self.db.with_face_data(face.id, FontInfo::new).flatten())
            .clone();
        info.ok_or_else(|| face.unusable())
    }
}

impl Face {
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// Hex SHA-256 of the face's file, computed once.
    pub fn file_sha256(&self) -> Result<String, ReadFontError> {
        if let Some(known) = self.file.sha256.get() {
            return Ok(known.clone());
        }
        let hash = match self.file.bytes.get() {
            Some(bytes) => Sha256::digest(bytes.as_slice()),
            // A collection has 20 MB, and most are never set in: they need not be in memory.
            None => digest_of(&self.file.path)?,
        };
        Ok(self.file.sha256.get_or_init(|| hex(&hash)).clone())
    }

    /// The face, loaded for typesetting.
    pub(crate) fn font(&self) -> Result<Font, ReadFontError> {
        if let Some(font) = self.font.get() {
            return font.clone().ok_or_else(|| self.unusable());
        }
        let bytes = self.file.bytes()?.clone();
        self.font
            .get_or_init(|| Font::new(bytes, self.index))
            .clone()
            .ok_or_else(|| self.unusable())
    }

    /// The face if it was loaded already.
    pub(crate) fn loaded(&self) -> Option<&Font> {
        self.font.get().and_then(Option::as_ref)
    }

    /// The face for charts' letters if it was loaded already.
    pub(crate) fn loaded_lettering(&self) -> Option<&Font> {
        self.lettering.get().and_then(Option::as_ref).or_else(|| self.loaded())
    }

    fn unusable(&self) -> ReadFontError {
        ReadFontError::Parse { path: self.path().to_owned(), index: self.index }
    }
}

impl FontFile {
    fn bytes(&self) -> Result<&Bytes, ReadFontError> {
        if let Some(bytes) = self.bytes.get() {
            return Ok(bytes);
        }
        let read = fs_err::read(&self.path)?;
        Ok(self.bytes.get_or_init(|| Bytes::new(read)))
    }
}

/// A face without what only running text needs: the tables of substitution and placing, and those of vertical lines. A
/// chart's renderer (usvg) opens the face for every word, and of a Chinese face reading those takes longer than drawing.
fn letters_of(file: &[u8], index: u32) -> Option<Vec<u8>> {
    const LEFT_OUT: [&[u8; 4]; 9] =
        [b"GSUB", b"GPOS", b"GDEF", b"JSTF", b"BASE", b"vhea", b"vmtx", b"VORG", b"DSIG"];
    let face = FontRef::from_index(file, index).ok()?;
    let mut letters = FontBuilder::new();
    for table in face.table_directory().table_records() {
        let tag = table.tag();
        if !LEFT_OUT.iter().any(|left_out| tag == Tag::new(left_out)) {
            letters.add_raw(tag, face.data_for_tag(tag)?.as_bytes());
        }
    }
    Some(letters.build())
}

/// SHA-256 of a file, read piece by piece.
fn digest_of(path: &Path) -> std::io::Result<sha2::digest::Output<Sha256>> {
    let mut file = fs_err::File::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hash.finalize()),
            n => hash.update(&piece[..n]),
        }
    }
}

/// A face of the scan, before it plays a role.
struct Candidate {
    id: fontdb::ID,
    path: PathBuf,
    index: u32,
    family: String,
    post_script_name: String,
    weight: u16,
    /// Rank of the folder: 0 is the home's own.
    place: usize,
}

/// Faces by folded name.
struct Candidates {
    by_family: BTreeMap<String, Vec<Candidate>>,
    by_post_script_name: BTreeMap<String, Candidate>,
}

impl Candidates {
    fn of(db: &fontdb::Database, preferred: &[PathBuf]) -> Candidates {
        let mut all =
            Candidates { by_family: BTreeMap::new(), by_post_script_name: BTreeMap::new() };
        let mut faces: Vec<(usize, &fontdb::FaceInfo, &Path)> = db
            .faces()
            .filter(|face| face.style == fontdb::Style::Normal)
            .filter_map(|face| match &face.source {
                fontdb::Source::File(path) | fontdb::Source::SharedFile(path, _) => {
                    let place = preferred.iter().position(|dir| path.starts_with(dir));
                    Some((place.unwrap_or(preferred.len()), face, path.as_path()))
                }
                fontdb::Source::Binary(_) => None,
            })
            .collect();
        // Folders are read in no fixed order; the choice between two files of one name must not change.
        faces.sort_by(|a, b| (a.0, a.2, a.1.index).cmp(&(b.0, b.2, b.1.index)));
        for (place, face, path) in faces {
            let candidate = || Candidate {
                id: face.id,
                path: path.to_owned(),
                index: face.index,
                family: face.families.first().map(|(name, _)| name.clone()).unwrap_or_default(),
                post_script_name: face.post_script_name.clone(),
                weight: labelled_weight(face.weight.0, &face.post_script_name),
                place,
            };
            let mut names: Vec<String> = face.families.iter().map(|(name, _)| fold(name)).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                all.by_family.entry(name).or_default().push(candidate());
            }
            all.by_post_script_name.entry(fold(&face.post_script_name)).or_insert_with(candidate);
        }
        all
    }

    /// The face for one entry of a role's list: a family (its regular weight), a family and ` Bold`,
    /// or a PostScript name.
    fn find(&self, asked: &str) -> Option<&Candidate> {
        let nearest = |family: &str, weight: u16| {
            let faces = self.by_family.get(&fold(family))?;
            faces.iter().min_by_key(|face| (face.weight.abs_diff(weight), face.place))
        };
        nearest(asked, 400).or_else(|| self.by_post_script_name.get(&fold(asked))).or_else(|| {
            nearest(asked.strip_suffix(" Bold")?, 700).filter(|face| face.weight >= 600)
        })
    }
}

impl Candidate {
    fn face(&self, files: &mut BTreeMap<PathBuf, Arc<FontFile>>) -> Face {
        let file = files.entry(self.path.clone()).or_insert_with(|| {
            Arc::new(FontFile {
                path: self.path.clone(),
                bytes: OnceLock::new(),
                sha256: OnceLock::new(),
            })
        });
        Face {
            family: self.family.clone(),
            post_script_name: self.post_script_name.clone(),
            weight: self.weight,
            file: Arc::clone(file),
            index: self.index,
            id: self.id,
            info: OnceLock::new(),
            font: OnceLock::new(),
            lettering: OnceLock::new(),
        }
    }
}

/// Fandol's bold faces say 400 in their tables and `-Bold` in their names.
fn labelled_weight(weight: u16, post_script_name: &str) -> u16 {
    if weight == 400 && post_script_name.ends_with("-Bold") { 700 } else { weight }
}

fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::labelled_weight;

    #[test]
    fn a_bold_face_that_calls_itself_regular_is_bold() {
        assert_eq!(labelled_weight(400, "FandolSong-Bold"), 700);
        assert_eq!(labelled_weight(400, "FandolSong-Regular"), 400);
        assert_eq!(labelled_weight(300, "LXGWWenKai-Light"), 300);
    }
}
