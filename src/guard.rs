//! Noticing that inputs were changed while cargo read them.
//!
//! Promises: what is published was built from inputs that nobody wrote to between the look before the build and the
//! look after it, equal bytes or not: something may have been changed and changed back in between.
//! Does not promise: to tell which of the two contents cargo read. The answer to a disturbance is to build again.

use std::time::SystemTime;

use crate::event::MissReason;
use crate::inventory::{Inventory, NamedFile};
use crate::reasons;
use crate::tree::{FileInput, Kind, TreePath};

/// What happened to the inputs during a build.
#[derive(Debug, Default)]
pub(crate) struct Disturbance {
    /// What differs, in words.
    pub(crate) changed: Vec<String>,
    /// What was written to, and is as it was.
    pub(crate) touched: Vec<String>,
}

impl Disturbance {
    /// Compares the looks before and after a build. Of a file that a path set names, `known` has what it was before the
    /// build; where nobody looked at it then, it was touched if it was written to `since` the build began.
    pub(crate) fn between<'a>(
        before: &Inventory,
        after: &Inventory,
        known: impl Fn(&TreePath) -> Option<&'a FileInput>,
        since: SystemTime,
    ) -> Self {
        let mut found = Self::default();
        let before_outside = Inventory { outside: after.outside.clone(), ..before.clone() };
        found.changed.extend(reasons::between(&before_outside, after).iter().map(MissReason::summary));
        let touched = after.tree.touched_files(&before.tree);
        found.touched.extend(touched.into_iter().map(|(path, _)| path.to_string()));
        for NamedFile { file, .. } in &after.named {
            let then = before.named.iter().find(|then| then.file.path == file.path);
            if then.is_some_and(|then| then.file.same_content(file) && then.file.stat != file.stat) {
                found.touched.push(file.path.to_string());
            }
        }
        for file in &after.outside {
            match known(&file.path) {
                // The tree has the link, and the path set what it leads to.
                Some(then) if then.kind == Kind::Symlink && file.kind != Kind::Symlink => {}
                Some(then) if !then.same_content(file) => found.changed.push(format!("{} changed", file.path)),
                Some(then) if then.stat != file.stat => found.touched.push(file.path.to_string()),
                Some(_) => {}
                None if file.stat.is_younger_than(since) => found.touched.push(file.path.to_string()),
                None => {}
            }
        }
        found
    }

    pub(crate) fn is_none(&self) -> bool {
        self.changed.is_empty() && self.touched.is_empty()
    }

    /// One sentence for a person.
    pub(crate) fn summary(&self) -> String {
        match (self.changed.as_slice(), self.touched.first()) {
            ([], None) => "another cargo replaced the binary".into(),
            ([], Some(path)) => format!("{path} was written to"),
            (changed, _) => changed.join(", "),
        }
    }
}
