//! Reads the dynamic section of an ELF file, and replaces a string in it.
//!
//! Promises: an edit has the length of the string that it replaces, and changes no string that anything else in the file
//! names. So nothing moves, neither segments nor debug information, whatever linker or `strip` made the file.
//! Does not promise: to make room. A string that is too short for the new one stays as it is.
//!
//! <https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.dynamic.html>

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use gix::bstr::ByteSlice;
use object::elf;
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym};
use object::read::{self, FileKind, ReadCache, ReadRef};
use object::{Endian, Endianness};

use crate::model::companions::Edit;

/// Functions by which a program loads a library that it names itself.
const LOADERS: [&[u8]; 2] = [b"dlopen", b"dlmopen"];

/// An executable or a shared library.
#[derive(Debug)]
pub(super) struct Image {
    /// The machine that it is for. Loaders pass over libraries for other machines.
    pub(super) machine: Machine,
    /// The path of its loader, if it is an executable with shared libraries.
    pub(super) interpreter: Option<Vec<u8>>,
    /// The libraries that it is linked with, in order.
    pub(super) needed: Vec<Text>,
    /// Its own name as a library.
    pub(super) soname: Option<Vec<u8>>,
    /// The directories in which its libraries are looked for.
    pub(super) run_path: Option<RunPath>,
    /// True if it also loads libraries by itself.
    pub(super) loads: bool,
    /// True if its loader expands `$ORIGIN` in the name of a library. musl's does not.
    pub(super) expands_names: bool,
    /// The versions of libraries' symbols that it needs, such as `GLIBC_2.34`.
    pub(super) versions: Vec<Vec<u8>>,
    /// The ranges of the file that a process has in memory.
    pub(super) loaded: Vec<Range<u64>>,
    /// The offsets of all strings that anything in the file names, as often as they are named.
    starts: Vec<u64>,
}

/// The class, the byte order and the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Machine(bool, bool, u16);

/// A string of the dynamic section.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) bytes: Vec<u8>,
    /// Its offset in the file.
    at: u64,
    /// True if it is not the end of a longer string.
    is_whole: bool,
}

/// `DT_RUNPATH`, or `DT_RPATH` if that is missing. Loaders have the same order.
#[derive(Clone, Debug)]
pub(super) struct RunPath {
    pub(super) text: Text,
    /// True for `DT_RPATH`, which also applies to the libraries that are loaded from it.
    pub(super) is_inherited: bool,
}

impl Image {
    /// Reads the file at `path`; none if it is no ELF file, or one that cannot be understood.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let data = ReadCache::new(File::open(path)?);
        let image = match FileKind::parse(&data) {
            Ok(FileKind::Elf32) => Self::of::<elf::FileHeader32<Endianness>>(&data),
            Ok(FileKind::Elf64) => Self::of::<elf::FileHeader64<Endianness>>(&data),
            _ => return Ok(None),
        };
        if let Err(error) = &image {
            tracing::debug!(%error, path = %path.display(), "not understood");
        }
        Ok(image.ok())
    }

    fn of<Elf: FileHeader>(data: &ReadCache<File>) -> read::Result<Self> {
        let header = Elf::parse(data)?;
        let endian = header.endian()?;
        let segments = header.program_headers(endian, data)?;
        let loaded = segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD);
        let loaded = loaded.map(|segment| segment.file_range(endian)).map(|(offset, size)| offset..offset + size);
        let interpreter = segments.iter().find_map(|segment| segment.interpreter(endian, data).ok().flatten());
        let is_for_musl = interpreter.is_some_and(|path| path.find("musl").is_some());
        let mut image = Self {
            machine: Machine(header.is_type_64(), endian.is_big_endian(), header.e_machine(endian).0),
            interpreter: interpreter.map(<[u8]>::to_vec),
            needed: Vec::new(),
            soname: None,
            run_path: None,
            loads: false,
            versions: Vec::new(),
            expands_names: !is_for_musl,
            loaded: loaded.collect(),
            starts: Vec::new(),
        };
        let sections = header.sections(endian, data)?;
        let Some((entries, link)) = sections.dynamic(endian, data)? else { return Ok(image) };
        let strings = sections.section(link)?;
        let strings = Strings { bytes: strings.data(endian, data)?, offset: strings.sh_offset(endian).into() };
        for entry in entries.iter().take_while(|entry| entry.tag(endian) != elf::DT_NULL) {
            image.take(entry.tag(endian), entry.val(endian), &strings);
        }
        image.take_symbols::<Elf, _>(endian, data, &sections, &strings)?;
        image.take_versions::<Elf, _>(endian, data, &sections, &strings)?;
        Ok(image)
    }

    fn take(&mut self, tag: elf::DynamicTag, value: u64, strings: &Strings<'_>) {
        let is_run_path = matches!(tag, elf::DT_RPATH | elf::DT_RUNPATH);
        match tag {
            elf::DT_NEEDED => self.needed.extend(strings.text(value)),
            elf::DT_SONAME => self.soname = strings.text(value).map(|text| text.bytes),
            _ if is_run_path && self.run_path.as_ref().is_none_or(|known| known.is_inherited) => {
                let run_path = |text| RunPath { text, is_inherited: tag == elf::DT_RPATH };
                self.run_path = strings.text(value).map(run_path).or(self.run_path.take());
            }
            elf::DT_AUXILIARY | elf::DT_FILTER | elf::DT_CONFIG | elf::DT_DEPAUDIT | elf::DT_AUDIT => {}
            _ if is_run_path => {}
            _ => return,
        }
        self.starts.push(strings.offset + value);
    }

    fn take_symbols<'data, Elf: FileHeader, R: ReadRef<'data>>(
        &mut self,
        endian: Elf::Endian,
        data: R,
        sections: &SectionTable<'data, Elf, R>,
        strings: &Strings<'data>,
    ) -> read::Result<()> {
        for symbol in sections.symbols(endian, data, elf::SHT_DYNSYM)?.iter() {
            let name = u64::from(symbol.st_name(endian));
            self.starts.push(strings.offset + name);
            let is_loader = || strings.text(name).is_some_and(|name| LOADERS.contains(&name.bytes.as_slice()));
            self.loads |= symbol.is_undefined(endian) && is_loader();
        }
        Ok(())
    }

    fn take_versions<'data, Elf: FileHeader, R: ReadRef<'data>>(
        &mut self,
        endian: Elf::Endian,
        data: R,
        sections: &SectionTable<'data, Elf, R>,
        strings: &Strings<'data>,
    ) -> read::Result<()> {
        let mut names = Vec::new();
        if let Some((mut needs, _)) = sections.gnu_verneed(endian, data)? {
            while let Some((need, mut versions)) = needs.next()? {
                names.push(need.vn_file.get(endian));
                while let Some(version) = versions.next()? {
                    names.push(version.vna_name.get(endian));
                    self.versions.extend(strings.text(version.vna_name.get(endian).into()).map(|text| text.bytes));
                }
            }
        }
        if let Some((mut definitions, _)) = sections.gnu_verdef(endian, data)? {
            while let Some((_, mut versions)) = definitions.next()? {
                while let Some(version) = versions.next()? {
                    names.push(version.vda_name.get(endian));
                }
            }
        }
        self.starts.extend(names.into_iter().map(|name| strings.offset + u64::from(name)));
        Ok(())
    }

    /// Returns the edit that replaces `text` by `new`, if `new` fits and nothing else in the file uses `text`.
    pub(super) fn edit(&self, text: &Text, new: &[u8]) -> Option<Edit> {
        let place = text.range();
        let users = self.starts.iter().filter(|start| place.contains(start)).count();
        let mut bytes = new.to_vec();
        bytes.resize(text.bytes.len(), 0);
        (text.is_whole && users == 1 && new.len() <= text.bytes.len()).then_some(Edit { offset: text.at, bytes })
    }
}

impl Text {
    /// Returns its range in the file.
    pub(super) fn range(&self) -> Range<u64> {
        self.at..self.at + self.bytes.len() as u64
    }
}

/// The string table of the dynamic section.
struct Strings<'data> {
    bytes: &'data [u8],
    /// Its offset in the file.
    offset: u64,
}

impl Strings<'_> {
    fn text(&self, at: u64) -> Option<Text> {
        let start = usize::try_from(at).ok()?;
        let rest = self.bytes.get(start..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        let is_whole = start == 0 || self.bytes[start - 1] == 0;
        Some(Text { bytes: rest[..end].to_vec(), at: self.offset + at, is_whole })
    }
}
