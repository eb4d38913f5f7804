//! Signed texts: a payload, and the signatures of those who vouch for it.
//!
//! Promises: what is signed is a domain, the key that the payload answers, and the payload, so that a payload cannot be given
//! out as another kind of object, or under another key. A payload is handed out only when a trusted key signed it.
//! Does not promise: that a payload is the newest. A writer of the store may put an older one back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::keys::{PrivateKey, PublicKey};

/// The kinds of payloads that are signed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Domain {
    /// A manifest of a team key.
    Manifest,
    /// A path set of a weak key.
    Set,
}

impl Domain {
    fn message(self, key: &str, payload: &[u8]) -> Vec<u8> {
        let domain = match self {
            Self::Manifest => "dev-bin-remote/1/manifest",
            Self::Set => "dev-bin-remote/1/set",
        };
        [domain.as_bytes(), &[0], key.as_bytes(), &[0], payload].concat()
    }
}

/// A payload and its signatures, as they lie in a store.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Envelope {
    payload: String,
    signatures: Vec<Signed>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
struct Signed {
    key: String,
    signature: String,
}

/// A payload that trusted keys signed.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The bytes that were signed.
    pub(crate) payload: Vec<u8>,
    /// The trusted keys that signed them: one at least.
    pub(crate) signers: Vec<PublicKey>,
}

impl Envelope {
    /// Signs a payload with each of the keys.
    pub(crate) fn seal(domain: Domain, key: &str, payload: &[u8], signers: &[PrivateKey]) -> Self {
        let message = domain.message(key, payload);
        let signatures = signers
            .iter()
            .map(|signer| Signed { key: signer.public().to_string(), signature: signer.sign(&message) })
            .collect();
        Self { payload: STANDARD.encode(payload), signatures }
    }

    /// Returns the payload if at least one of the trusted keys signed it, as what it is here, under this key.
    pub(crate) fn open(&self, domain: Domain, key: &str, trusted: &[PublicKey]) -> Option<Opened> {
        let payload = STANDARD.decode(&self.payload).ok()?;
        let message = domain.message(key, &payload);
        let mut signers = Vec::new();
        for trusted in trusted {
            let name = trusted.to_string();
            let signed = |signed: &Signed| signed.key == name && trusted.made(&signed.signature, &message);
            if !signers.contains(trusted) && self.signatures.iter().any(signed) {
                signers.push(*trusted);
            }
        }
        (!signers.is_empty()).then_some(Opened { payload, signers })
    }

    /// Adds the signatures of another envelope with the same payload.
    pub(crate) fn join(&mut self, other: &Self) {
        if self.payload == other.payload {
            let missing =
                other.signatures.iter().filter(|signed| !self.signatures.iter().any(|own| own.key == signed.key));
            let missing: Vec<_> = missing.cloned().collect();
            self.signatures.extend(missing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> (tempfile::TempDir, [PrivateKey; 2]) {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let create = |name| PrivateKey::create(&directory.path().join(name)).expect("the file is new");
        let keys = [create("one"), create("two")];
        (directory, keys)
    }

    #[test]
    fn an_envelope_opens_for_its_domain_key_and_signers_alone() {
        let (_directory, [one, two]) = keys();
        let (one_public, two_public) = (one.public(), two.public());
        let sealed = Envelope::seal(Domain::Manifest, "k", b"payload", &[one]);
        let both = {
            let mut both = sealed.clone();
            both.join(&Envelope::seal(Domain::Manifest, "k", b"payload", &[two]));
            both
        };
        let changed = Envelope { payload: STANDARD.encode(b"qayload"), ..sealed.clone() };
        let renamed = Envelope {
            signatures: vec![Signed { key: two_public.to_string(), ..sealed.signatures[0].clone() }],
            ..sealed.clone()
        };
        let unsigned = Envelope { signatures: Vec::new(), ..sealed.clone() };
        for (name, envelope, domain, key, trusted, signers) in [
            ("as it was sealed", &sealed, Domain::Manifest, "k", vec![one_public], 1),
            ("another domain", &sealed, Domain::Set, "k", vec![one_public], 0),
            ("another key", &sealed, Domain::Manifest, "l", vec![one_public], 0),
            ("another signer", &sealed, Domain::Manifest, "k", vec![two_public], 0),
            ("no key is trusted", &sealed, Domain::Manifest, "k", vec![], 0),
            ("one of two is trusted", &both, Domain::Manifest, "k", vec![two_public], 1),
            ("both are trusted", &both, Domain::Manifest, "k", vec![one_public, two_public, one_public], 2),
            ("another payload", &changed, Domain::Manifest, "k", vec![one_public], 0),
            ("under another's name", &renamed, Domain::Manifest, "k", vec![one_public, two_public], 0),
            ("without signatures", &unsigned, Domain::Manifest, "k", vec![one_public], 0),
        ] {
            let opened = envelope.open(domain, key, &trusted);
            assert_eq!(opened.map_or(0, |opened| opened.signers.len()), signers, "{name}");
        }
    }
}
