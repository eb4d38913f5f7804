//! Rewrites brackets in ignore patterns, so that any matcher reads them as git does.
//!
//! Promises: each bracket expression is replaced by the bytes that git matches with it. Where git ignores case, it folds the
//! path to lower case. It does not fold the bytes in brackets, except in ranges and `[:upper:]`: `[A]` matches nothing
//! there, and `[!A]` everything. A matcher that folds both sides, as gix's does, cannot know that.
//! Does not promise: anything about a pattern outside of brackets.
//!
//! <https://github.com/git/git/blob/v2.50.0/wildmatch.c#L160-L257>

use std::iter::Peekable;

use gix::bstr::BString;

/// A pattern that matches nothing: git never matches a slash with a bracket.
const NOTHING: &[u8] = b"[/]";

/// Returns `pattern` with its brackets spelled out. `fold` is true if paths are folded to lower case.
pub(crate) fn spelled_out(pattern: &[u8], fold: bool) -> BString {
    let mut result = BString::default();
    let mut rest = pattern;
    while let Some((&byte, after)) = rest.split_first() {
        match (byte, after.split_first()) {
            (b'\\', Some((&escaped, after))) => {
                result.extend_from_slice(&[byte, escaped]);
                rest = after;
            }
            (b'[', _) => {
                let Some((set, after)) = Bracket::read(after, fold) else {
                    // git aborts the match here, so that no path matches.
                    result.extend_from_slice(NOTHING);
                    return result;
                };
                set.write(&mut result);
                rest = after;
            }
            _ => {
                result.push(byte);
                rest = after;
            }
        }
    }
    result
}

/// The bytes of a path that one bracket expression matches.
struct Bracket {
    takes: [bool; 256],
    fold: bool,
}

impl Bracket {
    /// Parses the expression that begins behind `[`. Returns it and the pattern behind its `]`, or none where git gives up.
    fn read(pattern: &[u8], fold: bool) -> Option<(Self, &[u8])> {
        let mut bracket = Self { takes: [false; 256], fold };
        let negated = matches!(pattern.first(), Some(b'!' | b'^'));
        let start = usize::from(negated);
        let mut bytes = pattern.iter().copied().enumerate().skip(start).peekable();
        let mut before = 0;
        loop {
            let (at, byte) = bytes.next()?;
            match byte {
                // Directly behind `[` or `[!`, it is a byte of the set.
                b']' if at > start => {
                    if negated {
                        bracket.takes.iter_mut().for_each(|takes| *takes = !*takes);
                    }
                    return Some((bracket, &pattern[at + 1..]));
                }
                b'-' if before != 0 && bytes.peek().is_some_and(|(_, next)| *next != b']') => {
                    bracket.take_range(before, escaped(&mut bytes)?);
                    before = 0;
                }
                b'[' if bytes.peek().is_some_and(|(_, next)| *next == b':') => {
                    let length = pattern[at + 2..].iter().position(|byte| *byte == b']')?;
                    match pattern[at + 2..at + 2 + length].strip_suffix(b":") {
                        Some(class) => {
                            bracket.take_class(class)?;
                            bytes.nth(length + 1);
                            before = 0;
                        }
                        None => before = bracket.take(byte),
                    }
                }
                b'\\' => before = bracket.take(bytes.next()?.1),
                byte => before = bracket.take(byte),
            }
        }
    }

    fn take(&mut self, byte: u8) -> u8 {
        self.takes[usize::from(byte)] = true;
        byte
    }

    fn take_range(&mut self, first: u8, last: u8) {
        for byte in 0..=u8::MAX {
            let is_within = |byte: u8| (first..=last).contains(&byte);
            if is_within(byte) || (self.fold && byte.is_ascii_lowercase() && is_within(byte.to_ascii_uppercase())) {
                self.take(byte);
            }
        }
    }

    fn take_class(&mut self, class: &[u8]) -> Option<()> {
        let takes: fn(u8) -> bool = match class {
            b"alnum" => |byte| byte.is_ascii_alphanumeric(),
            b"alpha" => |byte| byte.is_ascii_alphabetic(),
            b"blank" => |byte| matches!(byte, b' ' | b'\t'),
            b"cntrl" => |byte| byte.is_ascii_control(),
            b"digit" => |byte| byte.is_ascii_digit(),
            b"graph" => |byte| byte.is_ascii_graphic(),
            b"lower" => |byte| byte.is_ascii_lowercase(),
            b"print" => |byte| matches!(byte, b' '..=b'~'),
            b"punct" => |byte| byte.is_ascii_punctuation(),
            b"space" => |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'),
            b"upper" if self.fold => |byte| byte.is_ascii_lowercase(),
            b"upper" => |byte| byte.is_ascii_uppercase(),
            b"xdigit" => |byte| byte.is_ascii_hexdigit(),
            _ => return None,
        };
        for byte in (0..=u8::MAX).filter(|byte| takes(*byte)) {
            self.take(byte);
        }
        Some(())
    }

    /// Writes the expression as a list of bytes, without those that no path has: NUL, and capital letters if paths are
    /// folded.
    fn write(&self, pattern: &mut BString) {
        let is_in_path = |byte: &u8| *byte != b'/' && !(self.fold && byte.is_ascii_uppercase());
        let is_taken = |byte: &u8| self.takes[usize::from(*byte)] && is_in_path(byte);
        let mut taken = (1..=u8::MAX).filter(is_taken).peekable();
        if taken.peek().is_none() {
            return pattern.extend_from_slice(NOTHING);
        }
        pattern.push(b'[');
        for byte in taken {
            if byte.is_ascii_punctuation() {
                pattern.push(b'\\');
            }
            pattern.push(byte);
        }
        pattern.push(b']');
    }
}

/// Returns the next byte, or the byte that it escapes.
fn escaped(bytes: &mut Peekable<impl Iterator<Item = (usize, u8)>>) -> Option<u8> {
    match bytes.next()?.1 {
        b'\\' => bytes.next().map(|(_, byte)| byte),
        byte => Some(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_hold_what_git_takes_of_a_folded_path() {
        for (pattern, expected) in [
            ("a*?B", "a*?B"),
            ("\\[A-C]x", "\\[A-C]x"),
            ("x[abA]y", "x[ab]y"),
            ("[A-C]", "[abc]"),
            ("[Y-b]", "[\\[\\\\\\]\\^\\_\\`abyz]"),
            ("[A]", "[/]"),
            ("[]b]", "[\\]b]"),
            ("[a\\-c]", "[\\-ac]"),
            ("[b-]", "[\\-b]"),
            ("[[:upper:]]", "[abcdefghijklmnopqrstuvwxyz]"),
            ("[[:digit:]x]", "[0123456789x]"),
            ("[[:x]", "[\\:\\[x]"),
            ("a[[:nothing:]]b", "a[/]"),
            ("a[b", "a[/]"),
        ] {
            assert_eq!(spelled_out(pattern.as_bytes(), true), expected, "{pattern}");
        }
    }

    #[test]
    fn a_path_that_is_not_folded_has_capital_letters() {
        for (pattern, expected) in [("[A]", "[A]"), ("[A-C]", "[ABC]"), ("[[:x]", "[\\:\\[x]")] {
            assert_eq!(spelled_out(pattern.as_bytes(), false), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_left_out_of_brackets_is_all_the_rest() {
        let spelled_out = spelled_out(b"[!A]", true);
        assert!(spelled_out.contains(&b'a') && !spelled_out.contains(&b'A') && !spelled_out.contains(&b'/'));
    }
}
