//! Takes steps.

use std::fs;
use std::time::{Duration, SystemTime};

use super::form::{Form, Thing, Times, set_modified};
use super::step::Step;
use super::workspace::Checkout;
use super::world::World;

impl World {
    pub(crate) fn take(&mut self, step: &Step) {
        match step {
            Step::Put { path, form, times, is_built } => {
                self.thing(path).forms[*form].put(&self.at(path), *times);
                if path.ends_with("Cargo.toml") {
                    self.attempt(self.repo(), "cargo", &["update", "--workspace", "--offline", "--quiet"]);
                }
                if *is_built {
                    self.own_build();
                }
            }
            Step::Delete { path } => _ = fs::remove_file(self.at(path)),
            Step::Touch { path } => {
                let path = self.at(path);
                if path.is_file() {
                    set_modified(&path, SystemTime::now());
                }
            }
            Step::Swap { paths: [one, other] } => {
                let [one, other, between] = [*one, *other, "../between"].map(|path| self.at(path));
                fs::rename(&one, &between).unwrap();
                fs::rename(&other, one).unwrap();
                fs::rename(between, other).unwrap();
            }
            Step::Move { paths } => {
                let [one, other] = paths.map(|path| self.at(path));
                // A state is known by its files. So no directory is left empty, which a script could list.
                if one.exists() {
                    fs::create_dir_all(other.parent().unwrap()).unwrap();
                    _ = fs::rename(&one, other);
                    _ = fs::remove_dir(one.parent().unwrap());
                }
            }
            Step::Commit => self.commit(),
            Step::Amend => _ = self.git(&["commit", "--quiet", "--amend", "--allow-empty", "--message", "amended"]),
            Step::Restore => _ = self.git(&["checkout", "--quiet", "--", "."]),
            Step::Stash { build_between } => {
                if self.git(&["stash", "push", "--quiet"]).is_some() {
                    if *build_between {
                        self.own_build();
                    }
                    self.git(&["stash", "pop", "--quiet"]);
                }
            }
            Step::OwnBuild => self.own_build(),
            Step::OtherCheckout { which, carrying } => self.go_to(*which, *carrying),
            Step::SharedTarget { shared } => self.shared_target = *shared,
            Step::Branch { which } => self.switch(*which),
            Step::Variable { name, value } => _ = self.values.insert(name, *value),
            Step::Features { enabled } => self.enabled = *enabled,
            Step::Settle => std::thread::sleep(Duration::from_millis(2_050)),
        }
    }

    fn thing(&self, path: &str) -> &Thing {
        self.workspace.things.iter().find(|thing| thing.path == path).unwrap()
    }

    fn go_to(&mut self, which: usize, carrying: bool) {
        let form = |world: &Self, thing: &Thing| Form::at(&world.at(&thing.path));
        let carried: Vec<Form> = self.workspace.things.iter().map(|thing| form(self, thing)).collect();
        self.current = which;
        for (thing, carried) in self.workspace.things.iter().zip(carried).filter(|_| carrying) {
            if form(self, thing) != carried {
                carried.put(&self.at(&thing.path), Times::Now);
            }
        }
    }

    fn own_build(&self) {
        self.cargo_build().output().unwrap();
    }

    /// Commits, and switches to a branch that may be new. Two worktrees of one repository cannot be on the same branch.
    fn switch(&self, which: u8) {
        self.commit();
        let branch = match self.workspace.checkouts[self.current] {
            Checkout::LinkedWorktree => format!("branch{which}-{}", self.current),
            _ => format!("branch{which}"),
        };
        if self.git(&["checkout", "--quiet", &branch]).is_none() {
            self.git(&["checkout", "--quiet", "-b", &branch]).unwrap();
        }
    }

    /// Restores a state that builds. Few steps alone would do so.
    pub(crate) fn mend(&mut self) {
        for thing in &self.workspace.things {
            let path = self.at(&thing.path);
            if thing.forms[0] == Form::Absent || !thing.forms.contains(&Form::at(&path)) {
                thing.forms[0].put(&path, Times::Now);
            }
        }
        self.values.values_mut().for_each(|value| *value = 0);
    }
}
