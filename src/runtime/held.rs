//! Finds paths of the build's output in a binary, which the binary may read when it runs.
//!
//! Promises: each place in the loaded parts of a file at which such a path begins is found. The path is followed as far as
//! files of its name exist. Three kinds do not count: the names of generated sources, which panics print; the run paths of
//! a binary that loads no libraries by itself; and debug information.
//! Does not promise: to find a path that a program puts together.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;

use super::output::OutputDirectories;

/// The extensions of files whose names are compiled in, since panics and assertions print them.
const SOURCES: [&str; 15] = ["rs", "c", "cc", "cpp", "cxx", "C", "h", "hh", "hpp", "hxx", "inc", "m", "mm", "S", "s"];

/// The number of bytes that are read at once, and of those that are read again with the next piece. No path is longer.
const PIECE: usize = 1024 * 1024;
const LONGEST_PATH: usize = 4096;

/// Returns the files and directories of `output` that the loaded parts of `files` name.
pub(super) fn of<'f>(
    files: impl Iterator<Item = &'f Path>,
    output: &OutputDirectories,
) -> io::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let files = files.map(|file| Ok((file, Parts::of(file)?))).collect::<io::Result<Vec<_>>>()?;
    let loads = files.iter().any(|(_, parts)| parts.loads);
    for (path, parts) in files {
        let file = File::open(path)?;
        let is_read = |at: u64| loads || !parts.run_paths.iter().any(|run_path| run_path.contains(&at));
        for part in &parts.loaded {
            pieces(&file, part, |at, piece, may_begin| {
                for root in &output.roots {
                    let bytes = root.as_os_str().as_encoded_bytes();
                    let places = piece.find_iter(bytes).take_while(|place| *place < may_begin);
                    let places = places.filter(|place| is_read(at + *place as u64));
                    found.extend(places.filter_map(|place| named(root, &piece[place + bytes.len()..], output)));
                }
            })?;
        }
    }
    Ok(found)
}

/// Calls `look` for each piece of a part of a file, with the offset of the piece in the file, its bytes, and the number of
/// them at which a path may begin. A path that begins later is in the next piece, too.
fn pieces(mut file: &File, part: &Range<u64>, mut look: impl FnMut(u64, &[u8], usize)) -> io::Result<()> {
    file.seek(SeekFrom::Start(part.start))?;
    let mut rest = file.take(part.end - part.start);
    let (mut at, mut kept) = (part.start, 0);
    let mut buffer = vec![0; PIECE + LONGEST_PATH];
    loop {
        let mut end = kept;
        while end < buffer.len() {
            match rest.read(&mut buffer[end..])? {
                0 => break,
                count => end += count,
            }
        }
        if end < buffer.len() {
            look(at, &buffer[..end], end);
            return Ok(());
        }
        look(at, &buffer, PIECE);
        buffer.copy_within(PIECE.., 0);
        (at, kept) = (at + PIECE as u64, LONGEST_PATH);
    }
}

/// Returns the path that begins with `root` and continues with `rest`; the end of the path is not marked. A file in an
/// `OUT_DIR` stands for its directory, since the program may go from it to its neighbours.
fn named(root: &Path, rest: &[u8], output: &OutputDirectories) -> Option<PathBuf> {
    let (mut path, mut rest) = (root.to_owned(), rest);
    while let Some((b'/' | b'\\', after)) = rest.split_first() {
        let names = fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let names = names.filter(|name| after.starts_with(name.as_encoded_bytes()));
        let Some(name) = names.max_by_key(|name| name.len()) else { break };
        rest = &after[name.len()..];
        path.push(name);
    }
    let is_source = path.extension().and_then(|extension| extension.to_str()).is_some_and(|it| SOURCES.contains(&it));
    if (is_source && path.is_file()) || output.is_cargos_own(&path) {
        return None;
    }
    let is_scripts = output.out_dirs.iter().any(|out_dir| path.starts_with(out_dir));
    if is_scripts && path.is_file() { path.parent().map(Path::to_owned) } else { Some(path) }
}

/// The parts of a file that are read, and the parts of them that are run paths.
struct Parts {
    loaded: Vec<Range<u64>>,
    run_paths: Vec<Range<u64>>,
    loads: bool,
}

impl Parts {
    fn of(path: &Path) -> io::Result<Self> {
        #[cfg(all(unix, not(target_vendor = "apple")))]
        if let Some(image) = super::elf::Image::read(path)? {
            let run_paths = image.run_path.iter().map(|run_path| run_path.text.range()).collect();
            return Ok(Self { loaded: image.loaded, run_paths, loads: image.loads });
        }
        let whole = 0..fs::metadata(path)?.len();
        Ok(Self { loaded: vec![whole], run_paths: Vec::new(), loads: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::build_units::{ScriptRun, Units};

    #[test]
    #[allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
    fn a_path_is_followed_wherever_it_stands_and_as_far_as_there_is_something() {
        let guard = tempfile::tempdir().unwrap();
        let root = dunce::canonicalize(guard.path()).unwrap();
        let out_dir = root.join("target/release/build/hello-1/out");
        fs::create_dir_all(out_dir.join("data")).unwrap();
        fs::create_dir_all(root.join("target/release/assets")).unwrap();
        for file in ["generated.rs", "data/word", "data/word.txt"] {
            fs::write(out_dir.join(file), "").unwrap();
        }
        fs::write(root.join("target/CACHEDIR.TAG"), "").unwrap();
        let scripts = vec![ScriptRun { package_id: String::new(), out_dir: out_dir.clone() }];
        let executable = root.join("target/release/hello");
        let output = OutputDirectories::of(&Units { scripts, executable, ..Units::default() }, &root);
        let cases = [
            ("build/hello-1/out", Some("build/hello-1/out")),
            ("build/hello-1/out/gone.txt", Some("build/hello-1/out")),
            ("build/hello-1/out/generated.rs", None),
            ("build/hello-1/out/data/word.txtand more", Some("build/hello-1/out/data")),
            ("build/hello-1", None),
            ("assets/", Some("assets")),
            ("deps", None),
        ];
        for (text, wanted) in cases {
            for before in [0, 100, PIECE - 7, PIECE, PIECE + LONGEST_PATH - 7] {
                let path = root.join("binary");
                let text = root.join("target/release").join(text).into_os_string().into_encoded_bytes();
                fs::write(&path, [vec![0; before], text, vec![0; 3 * PIECE]].concat()).unwrap();
                let found = of(std::iter::once(&*path), &output).unwrap();
                let wanted = wanted.map(|wanted| root.join("target/release").join(wanted));
                assert_eq!(found, wanted.into_iter().collect(), "after {before} bytes");
            }
        }
    }
}
