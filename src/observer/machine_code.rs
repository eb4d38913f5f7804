//! Finds out by its machine code whether a program calls the system past the C library.
//!
//! Promises: each instruction that calls the system is found in what a file marks as code. On x86-64 its two bytes may also
//! be a part of another instruction. The instructions before them tell which of both they are.
//! Does not promise: to see code that a program makes when it runs, or that it hides.

use std::path::Path;

use gix::bstr::ByteSlice;
use object::read::elf::{ElfSegment64, FileHeader};
use object::{Endianness, Object, ObjectSection, ObjectSegment, SectionKind, SegmentFlags, elf};

use crate::fs::files;

/// True if the file at `path` has an instruction that calls the system. False for a file that is no program.
pub(super) fn calls_the_system(path: &Path) -> bool {
    files::read(path).is_ok_and(|bytes| in_program(&bytes).unwrap_or(false))
}

fn in_program(bytes: &[u8]) -> object::Result<bool> {
    let file = object::read::elf::ElfFile64::<Endianness>::parse(bytes)?;
    let processor = file.elf_header().e_machine(file.endian());
    let has = match processor {
        elf::EM_X86_64 => has_syscall,
        elf::EM_AARCH64 => has_svc,
        _ => return Ok(false),
    };
    let mut code = file.sections().filter(|section| section.kind() == SectionKind::Text).peekable();
    if code.peek().is_some() {
        return Ok(code.any(|section| section.data().is_ok_and(has)));
    }
    // A program without sections has its code in the segments that are loaded to be executed.
    let is_code = |segment: &ElfSegment64<'_, '_, Endianness>| match segment.flags() {
        SegmentFlags::Elf { p_flags, .. } => p_flags.0 & elf::PF_X.0 != 0,
        _ => false,
    };
    Ok(file.segments().filter(is_code).any(|segment| segment.data().is_ok_and(has)))
}

/// True if `code` has the instruction `svc #0` of 64-bit ARM, where each instruction has four bytes.
fn has_svc(code: &[u8]) -> bool {
    code.chunks_exact(4).any(|instruction| instruction == [0x01, 0x00, 0x00, 0xd4])
}

const SYSCALL: [u8; 2] = [0x0f, 0x05];

/// True if `code` has the instruction `syscall`. Decodes the code from several offsets before its two bytes. Whatever the
/// offset, decoding falls into step with the real instructions within a few of them. At least half of the offsets must lead
/// to an instruction that begins at the two bytes.
fn has_syscall(code: &[u8]) -> bool {
    code.find_iter(&SYSCALL).any(|at| {
        const NEAREST: usize = 16;
        const FARTHEST: usize = 80;
        let starts = at.saturating_sub(FARTHEST)..at.saturating_sub(NEAREST).max(1);
        let (count, found) = starts
            .map(|start| leads_to(code, start, at))
            .fold((0, 0), |(count, found), leads| (count + 1, found + usize::from(leads)));
        found * 2 >= count
    })
}

/// True if an instruction begins at `end`, provided that one begins at `start`.
fn leads_to(code: &[u8], start: usize, end: usize) -> bool {
    let mut at = start;
    while at < end {
        // Bytes that are no instruction are skipped, as data among code is.
        at += length(&code[at..]).unwrap_or(1);
    }
    at == end
}

/// Returns the length in bytes of the first instruction of x86-64 code; none if it begins with no instruction.
///
/// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, appendix A:
/// <https://www.intel.com/content/www/us/en/developer/articles/technical/intel-sdm.html>
fn length(code: &[u8]) -> Option<usize> {
    let is_prefix = |byte: &u8| matches!(byte, 0x26 | 0x2e | 0x36 | 0x3e | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3);
    let mut at = code.iter().take_while(|byte| is_prefix(byte)).count();
    let prefixes = &code[..at];
    let (is_short, is_short_address) = (prefixes.contains(&0x66), prefixes.contains(&0x67));
    let is_wide = matches!(code.get(at)?, 0x48..=0x4f);
    at += usize::from(matches!(code.get(at)?, 0x40..=0x4f));
    let word = if is_short && !is_wide { 2 } else { 4 };
    let opcode = *code.get(at)?;
    at += 1;
    let (has_operand, immediate) = match opcode {
        0xc5 => return vex(code, at + 1, 1),
        0xc4 => return vex(code, at + 2, code.get(at)? & 0x1f),
        0x62 => return vex(code, at + 3, code.get(at)? & 0x07),
        0x0f => {
            let opcode = *code.get(at)?;
            at += 1;
            match opcode {
                0x38 => return operand(code, at + 1, 0),
                0x3a => return operand(code, at + 1, 1),
                0x04 | 0x0a | 0x0c | 0x24..=0x27 | 0x36 | 0x39 | 0x3b..=0x3f => return None,
                0x05..=0x09 | 0x0b | 0x0e | 0x30..=0x37 | 0x77 | 0xa0..=0xa2 | 0xa8..=0xaa | 0xc8..=0xcf => (false, 0),
                0x80..=0x8f => (false, 4),
                0x0f | 0x70..=0x73 | 0xa4 | 0xac | 0xba | 0xc2 | 0xc4..=0xc6 => (true, 1),
                _ => (true, 0),
            }
        }
        0x06 | 0x07 | 0x0e | 0x16 | 0x17 | 0x1e | 0x1f | 0x27 | 0x2f | 0x37 | 0x3f => return None,
        0x60 | 0x61 | 0x82 | 0x9a | 0xce | 0xd4..=0xd6 | 0xea => return None,
        0x00..=0x3f => match opcode & 7 {
            4 => (false, 1),
            5 => (false, word),
            _ => (true, 0),
        },
        0x68 | 0xa9 => (false, word),
        0x69 | 0x81 | 0xc7 => (true, word),
        0x6a | 0x70..=0x7f | 0xa8 | 0xb0..=0xb7 | 0xcd | 0xe0..=0xe7 | 0xeb => (false, 1),
        0x6b | 0x80 | 0x83 | 0xc0 | 0xc1 | 0xc6 => (true, 1),
        0x63 | 0x84..=0x8f | 0xd0..=0xd3 | 0xd8..=0xdf | 0xfe | 0xff => (true, 0),
        0xa0..=0xa3 => (false, if is_short_address { 4 } else { 8 }),
        0xb8..=0xbf => (false, if is_wide { 8 } else { word }),
        0xc2 | 0xca => (false, 2),
        0xc8 => (false, 3),
        0xe8 | 0xe9 => (false, 4),
        // Two of the eight instructions under each opcode have an immediate operand.
        0xf6 | 0xf7 => {
            let has_number = code.get(at)? & 0x38 <= 0x08;
            let size = if opcode == 0xf6 { 1 } else { word };
            (true, if has_number { size } else { 0 })
        }
        _ => (false, 0),
    };
    if has_operand { operand(code, at, immediate) } else { whole(code, at + immediate) }
}

/// Returns where an instruction ends whose VEX or EVEX prefix names the opcode table `table`.
fn vex(code: &[u8], at: usize, table: u8) -> Option<usize> {
    let opcode = *code.get(at)?;
    let has_number = table == 3 || table == 1 && matches!(opcode, 0x70..=0x73 | 0xc2 | 0xc4..=0xc6);
    if table == 1 && opcode == 0x77 {
        return whole(code, at + 1);
    }
    if matches!(table, 1..=3 | 5 | 6) { operand(code, at + 1, usize::from(has_number)) } else { None }
}

/// Returns where an instruction ends whose operand begins at `at` and is followed by `immediate` bytes.
fn operand(code: &[u8], at: usize, immediate: usize) -> Option<usize> {
    let operand = *code.get(at)?;
    let (kind, base) = (operand >> 6, operand & 7);
    let is_scaled = kind != 3 && base == 4;
    let is_absolute = kind == 0 && if is_scaled { code.get(at + 1)? & 7 == 5 } else { base == 5 };
    let displacement = match kind {
        1 => 1,
        2 => 4,
        _ if is_absolute => 4,
        _ => 0,
    };
    whole(code, at + 1 + usize::from(is_scaled) + displacement + immediate)
}

fn whole(code: &[u8], end: usize) -> Option<usize> {
    (end <= code.len()).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_is_as_long_as_it_is() {
        for (bytes, text) in [
            (&[0x0f, 0x05][..], "syscall"),
            (&[0x55], "push rbp"),
            (&[0x48, 0x89, 0xe5], "mov rbp, rsp"),
            (&[0x48, 0x8d, 0x05, 1, 2, 3, 4], "lea rax, [rip + x]"),
            (&[0x8b, 0x44, 0x24, 0x10], "mov eax, [rsp + 16]"),
            (&[0x8b, 0x04, 0x25, 1, 2, 3, 4], "mov eax, [x]"),
            (&[0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8], "movabs rax, x"),
            (&[0x66, 0xb8, 1, 2], "mov ax, x"),
            (&[0xf6, 0x45, 0xf8, 0x01], "test byte [rbp - 8], 1"),
            (&[0xf7, 0xd8], "neg eax"),
            (&[0xf7, 0xc1, 1, 2, 3, 4], "test ecx, x"),
            (&[0x0f, 0x84, 1, 2, 3, 4], "je x"),
            (&[0x66, 0x0f, 0x70, 0xc0, 0xee], "pshufd xmm0, xmm0, x"),
            (&[0x66, 0x0f, 0x3a, 0x0f, 0xc1, 0x08], "palignr xmm0, xmm1, 8"),
            (&[0xc5, 0xf8, 0x77], "vzeroupper"),
            (&[0xc4, 0xe3, 0x7d, 0x39, 0xc1, 0x01], "vextracti128 xmm1, ymm0, 1"),
            (&[0x62, 0xf1, 0x7c, 0x48, 0x28, 0x07], "vmovaps zmm0, [rdi]"),
            (&[0xf2, 0x0f, 0x10, 0x84, 0xc8, 1, 2, 3, 4], "movsd xmm0, [rax + 8 * rcx + x]"),
            (&[0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0], "nop word cs:[rax + rax]"),
            (&[0xe8, 1, 2, 3, 4], "call x"),
        ] {
            let mut code = bytes.to_vec();
            code.extend([0x90; 16]);
            assert_eq!(length(&code), Some(bytes.len()), "{text}");
        }
        assert_eq!((length(&[0x06]), length(&[0xe8, 1]), length(&[])), (None, None, None));
    }

    #[test]
    fn the_bytes_count_as_an_instruction_and_not_within_one() {
        let filler: Vec<u8> = [0x48, 0x89, 0xe5, 0x8b, 0x44, 0x24, 0x10, 0x55].repeat(16);
        for (bytes, is_there) in [
            (&[0x0f, 0x05][..], true),
            (&[0xb8, 0x39, 0, 0, 0, 0x0f, 0x05, 0xc3], true),
            (&[0xe8, 0x0f, 0x05, 0, 0], false),
            (&[0x48, 0x8d, 0x05, 0x10, 0x0f, 0x05, 0x00], false),
            (&[0x81, 0xc1, 0, 0x0f, 0x05, 0], false),
        ] {
            let code = [&filler, bytes, &filler].concat();
            assert_eq!(has_syscall(&code), is_there, "{bytes:x?}");
        }
        assert!(has_syscall(&[0x0f, 0x05]));
        assert!(has_svc(&[0x1f, 0x20, 0x03, 0xd5, 0x01, 0x00, 0x00, 0xd4]));
        assert!(!has_svc(&[0x1f, 0x20, 0x03, 0x01, 0x00, 0x00, 0xd4, 0xd5]));
    }
}
