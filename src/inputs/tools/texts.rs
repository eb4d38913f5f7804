//! Finds paths in texts: the parts of a flag or a value that may be paths, and the files that a linker script includes.
//!
//! Promises: a path in a flag or a value is among its parts, whatever option precedes it and whatever separators it
//! contains.
//! Does not promise: that a part is a path. Only the file system tells.

/// Returns the parts of `text` that may be paths. A part begins after a separator, and ends at the next one or at the end
/// of the text, since a path may contain separators. Each part also joins without a leading option of one letter.
pub(crate) fn parts(text: &str) -> Vec<&str> {
    let is_separator = |character: char| matches!(character, '=' | ',' | ':' | '@' | ';' | ' ');
    let starts = std::iter::once(0).chain(text.match_indices(is_separator).map(|(at, separator)| at + separator.len()));
    let mut parts = Vec::new();
    for start in starts {
        let rest = &text[start..];
        let first = rest.split(is_separator).next().unwrap_or(rest);
        for part in [rest, first] {
            let joined = part.strip_prefix('-').and_then(|option| option.get(1..)).unwrap_or("");
            parts.extend([part, joined]);
        }
    }
    parts.retain(|part| !part.is_empty() && !part.starts_with('-'));
    parts.sort_unstable();
    parts.dedup();
    parts
}

/// True if `part` is meant as a path, even if no file is there: it has a directory or an extension.
pub(crate) fn looks_like_path(part: &str) -> bool {
    let is_extension = |extension: &str| {
        !extension.is_empty()
            && extension.chars().all(|character| character.is_ascii_alphanumeric())
            && extension.contains(|character: char| character.is_ascii_alphabetic())
    };
    let has_extension =
        || part.rsplit_once('.').is_some_and(|(stem, extension)| !stem.is_empty() && is_extension(extension));
    part.contains('/') || (cfg!(windows) && part.contains('\\')) || has_extension()
}

/// Returns the files that a linker script includes.
///
/// <https://sourceware.org/binutils/docs/ld/File-Commands.html>
pub(crate) fn included(script: &str) -> Vec<&str> {
    let is_between = |character: char| character.is_whitespace() || matches!(character, '(' | ')' | ',' | '"' | ';');
    let mut words = script.split(is_between).filter(|word| !word.is_empty()).peekable();
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "INCLUDE" => found.extend(words.peek()),
            // The list ends at the first word that is no path.
            "INPUT" | "GROUP" | "STARTUP" => {
                while let Some(word) = words.next_if(|word| looks_like_path(word) || *word == "AS_NEEDED") {
                    found.extend(Some(word).filter(|word| looks_like_path(word)));
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_text_are_what_may_be_paths() {
        assert_eq!(parts("-Tlink.x"), ["link.x"]);
        assert!(parts("--version-script=a.map").contains(&"a.map"));
        assert!(parts("x=lib/libx.rlib").contains(&"lib/libx.rlib"));
        assert!(parts("-plugin-opt=a=b.ld").contains(&"a=b.ld"));
        for (text, is_path) in
            [("a/b", true), ("link.x", true), ("x86-64-v3", false), ("1.2", false), (".text", false), ("thin", false)]
        {
            assert_eq!(looks_like_path(text), is_path, "{text}");
        }
    }

    #[test]
    fn linker_scripts_take_in_what_they_say() {
        let script = "INCLUDE memory.x\nINPUT(a.o, \"b.o\") SECTIONS { .text : { *(.text.start) } }\nGROUP ( AS_NEEDED ( c.so ) )";
        assert_eq!(included(script), ["memory.x", "a.o", "b.o", "c.so"]);
    }
}
