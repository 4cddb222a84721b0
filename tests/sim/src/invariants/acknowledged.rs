//! What was acknowledged to a client stays. Of what nobody answered either may be: it is never taken to be absent.

use std::collections::BTreeMap;

use throng_control::{Digest, State};

use super::Broken;

const NAME: &str = "acknowledged proposals survive";

/// Manifests that clients added.
#[derive(Default)]
pub(crate) struct Acknowledged {
    manifests: BTreeMap<Digest, bool>,
}

impl Acknowledged {
    /// A client proposes it.
    pub(crate) fn proposed(&mut self, digest: Digest) {
        self.manifests.entry(digest).or_insert(false);
    }

    /// It was acknowledged.
    pub(crate) fn acknowledged(&mut self, digest: Digest) {
        self.manifests.insert(digest, true);
    }

    /// What was acknowledged by now.
    pub(crate) fn so_far(&self) -> Vec<Digest> {
        self.manifests.iter().filter(|(_, is_acknowledged)| **is_acknowledged).map(|(digest, _)| *digest).collect()
    }

    /// A state that must have what was acknowledged before it was asked for.
    pub(crate) fn seen(&self, node: u64, before: &[Digest], state: &State) -> Result<(), Broken> {
        if let Some(lost) = before.iter().find(|digest| state.manifest(digest).is_none()) {
            return Err((NAME, format!("manifest {lost} was acknowledged, and node {node} lacks it")));
        }
        let invented = state.manifests().find(|manifest| !self.manifests.contains_key(&manifest.digest));
        match invented {
            Some(invented) => Err((NAME, format!("nobody has proposed manifest {}", invented.digest))),
            None => Ok(()),
        }
    }

    /// How many proposals there were, and how many were acknowledged.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.manifests.len(), self.manifests.values().filter(|is_acknowledged| **is_acknowledged).count())
    }
}
