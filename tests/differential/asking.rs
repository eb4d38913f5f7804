//! Makes one call, in this process or in a new one.
//!
//! A process that has made calls before remembers more than a new one. Neither may give a wrong answer.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use openlock_dev_bin::afterwards::Afterwards;
use openlock_dev_bin::call::Call;
use openlock_dev_bin::error::Error;
use openlock_dev_bin::in_process::Moment;
use openlock_dev_bin::model::cancellation::Cancellation;
use openlock_dev_bin::request::{Options, Request};
use openlock_dev_bin::resolve::{Outcome, get_dev_binary};
use serde::{Deserialize, Serialize};

/// The variable with the question, for a process that is started for one call.
const QUESTION: &str = "DEV_BIN_FUZZ_CALL";
const ANSWER: &str = "answer: ";

/// The options of one call.
#[derive(Serialize, Deserialize)]
pub(crate) struct Question {
    pub(crate) repo: PathBuf,
    pub(crate) cache: PathBuf,
    pub(crate) scope: String,
    pub(crate) features: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
}

/// The reasons for the build, if there was one, and the path of the binary; or the error if the workspace cannot be built.
pub(crate) type Answer = Result<(Option<String>, PathBuf), String>;

impl Question {
    /// Makes the call in this process.
    pub(crate) fn ask(&self) -> Answer {
        let options = Options {
            crate_name: Some("app".into()),
            repo: self.repo.clone(),
            cache_dir: self.cache.clone(),
            scope: Some(self.scope.clone()),
            features: self.features.clone(),
            env: self.env.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            ..Options::default()
        };
        let request = Request::try_from(options).unwrap();
        let (cancellation, afterwards) = (Cancellation::default(), Afterwards::default());
        let call = Call { cancellation: &cancellation, made: Moment::now(), emit: &|_| {}, afterwards: &afterwards };
        let came = get_dev_binary(&request, &call);
        afterwards.run();
        match came {
            Ok(binary) => {
                let reasons = (binary.outcome == Outcome::Built).then(|| format!("{:?}", binary.reasons));
                Ok((reasons, binary.entry.path))
            }
            Err(error @ (Error::BuildFailed { .. } | Error::NotACheckout { .. } | Error::UnknownBin { .. })) => {
                Err(error.to_string())
            }
            Err(error) => panic!("scope {}: {error}", self.scope),
        }
    }

    /// Makes the call in a new process.
    pub(crate) fn ask_elsewhere(&self) -> Answer {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "asking::one_call", "--ignored", "--nocapture", "--test-threads=1"])
            .env(QUESTION, serde_json::to_string(self).unwrap())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let answer = text.lines().find_map(|line| line.split_once(ANSWER)).map(|(_, answer)| answer);
        let answer = answer.unwrap_or_else(|| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)));
        serde_json::from_str(answer).unwrap()
    }
}

#[test]
#[ignore = "the other end of `ask_elsewhere`"]
fn one_call() {
    let question: Question = serde_json::from_str(&std::env::var(QUESTION).unwrap()).unwrap();
    println!("{ANSWER}{}", serde_json::to_string(&question.ask()).unwrap());
}
