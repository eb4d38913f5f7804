//! Tells which shared libraries an ELF file needs of the machine that it runs on, and whether a machine has them.
//!
//! Promises: a library counts as found only where the loader looks: in its list, or, where there is none, in its own
//! directories. Its file exists, and is for the processor of this process.
//! Does not promise: to find each library that a loader finds. It knows no `LD_LIBRARY_PATH`, and no library that was added
//! since `ldconfig` last ran.
//!
//! <https://man7.org/linux/man-pages/man8/ld.so.8.html>

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;

use super::elf::{Image, Machine};
use super::libraries::{SYSTEM_CACHE, directory_of};

/// The directories in which loaders look that have no list.
const OF_THE_LOADER: [&str; 5] = ["/lib", "/usr/local/lib", "/usr/lib", "/lib64", "/usr/lib64"];

/// Returns what the file at `path` needs: its loader and those of its libraries that lie at fixed places by their paths, and
/// all other libraries by name. A library that is found relative to the file itself is left out.
pub(super) fn of(path: &Path) -> Vec<String> {
    let Ok(Some(image)) = Image::read(path) else { return Vec::new() };
    let needed = image.needed.iter().map(|text| text.bytes.clone());
    let needed = needed.filter_map(|name| at_fixed_place(&name, &image, path));
    image.interpreter.iter().cloned().chain(needed).filter_map(|name| String::from_utf8(name).ok()).collect()
}

/// Returns the path of a library that the run path of `image` leads to, or its name; none if it goes along with the file.
fn at_fixed_place(name: &[u8], image: &Image, path: &Path) -> Option<Vec<u8>> {
    if name.contains(&b'/') {
        return name.starts_with(b"/").then(|| name.to_vec());
    }
    let entries = image.run_path.iter().flat_map(|run_path| run_path.text.bytes.split(|byte| *byte == b':'));
    for (directory, is_relative) in entries.filter_map(|entry| directory_of(entry, path)) {
        let library = directory.join(OsStr::from_bytes(name));
        if is_for(&library, image.machine) {
            return (!is_relative).then(|| library.into_os_string().into_encoded_bytes());
        }
    }
    Some(name.to_vec())
}

/// True if a program of this machine finds the loader or the library that [`of`] calls `name`.
pub(super) fn is_found(name: &str) -> bool {
    let this = std::env::current_exe().ok().and_then(|path| Image::read(&path).ok().flatten());
    let Some(machine) = this.map(|image| image.machine) else { return false };
    if name.starts_with('/') {
        return is_for(Path::new(name), machine);
    }
    let places = match fs::read(SYSTEM_CACHE) {
        Ok(cache) => listed(&cache, name),
        Err(_) => OF_THE_LOADER.iter().map(|directory| Path::new(directory).join(name)).collect(),
    };
    places.iter().any(|path| is_for(path, machine))
}

/// Returns the paths of the libraries called `name` in the loader's list, which has each as a string that ends with a NUL.
fn listed(cache: &[u8], name: &str) -> Vec<PathBuf> {
    let end = format!("/{name}\0");
    let paths = cache.find_iter(&end).map(|at| {
        let start = cache[..at].rfind_byte(0).map_or(0, |before| before + 1);
        PathBuf::from(OsStr::from_bytes(&cache[start..at + end.len() - 1]))
    });
    paths.collect()
}

/// True if the file at `path` is for `machine`.
fn is_for(path: &Path, machine: Machine) -> bool {
    path.is_file() && Image::read(path).is_ok_and(|image| image.is_some_and(|image| image.machine == machine))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_the_loader_has_paths_by_the_names_of_libraries() {
        let cache = b"glibc-ld.so.cache1.1\0\x03\0libz.so.1\0/lib/x/libz.so.1\0/opt/y/libz.so.1\0/lib/xlibz.so.1.2\0";
        let paths = ["/lib/x/libz.so.1", "/opt/y/libz.so.1"].map(PathBuf::from);
        assert_eq!(listed(cache, "libz.so.1"), paths);
        assert!(listed(cache, "libx.so").is_empty() && listed(b"", "libz.so.1").is_empty());
    }

    #[test]
    fn this_process_finds_its_own_libraries_and_no_others() {
        let own = of(&std::env::current_exe().unwrap());
        for name in &own {
            assert!(is_found(name), "{name}");
        }
        assert!(!is_found("libnone.so.1") && !is_found("/lib/libnone.so.1") && !is_found("/etc/passwd"));
    }
}
