//! Certificates that are read again when their files are other ones, so that nobody has to be started anew for them.

use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::credentials::{CredentialsError, Files, Material};

/// How often files are looked at, at most. Connections that are there stay as they are.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What TLS needs, as its files have it.
#[derive(Debug)]
pub(crate) struct Kept {
    files: Files,
    now: Mutex<Now>,
}

#[derive(Debug)]
struct Now {
    material: Arc<Material>,
    /// When each file was changed last, as of the last look.
    changed: Vec<Option<SystemTime>>,
    looked: Instant,
    /// Why other files than the ones in use can't be used, until somebody tells it.
    trouble: Option<String>,
}

impl Kept {
    pub(crate) fn read(files: &Files) -> Result<Self, CredentialsError> {
        // What is written while they are read is seen with the next look.
        let changed = changed(files);
        let material = Arc::new(Material::read(files)?);
        let now = Now { material, changed, looked: Instant::now(), trouble: None };
        Ok(Self { files: files.clone(), now: Mutex::new(now) })
    }

    /// What is in use now. Files that can't be used, or are somebody else's, are not: they may be about to be replaced.
    pub(crate) fn material(&self) -> Arc<Material> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.looked.elapsed() >= LOOK_EVERY {
            now.looked = Instant::now();
            let changed = changed(&self.files);
            if changed != now.changed {
                now.changed = changed;
                now.trouble = self.renew(&mut now.material).err();
            }
        }
        Arc::clone(&now.material)
    }

    fn renew(&self, material: &mut Arc<Material>) -> Result<(), String> {
        let new = Material::read(&self.files).map_err(|error| error.to_string())?;
        let holder = |material: &Material| material.own.as_ref().map(|own| own.holder.clone());
        if holder(&new) != holder(material) {
            return Err("it is of another role or name".to_owned());
        }
        *material = Arc::new(new);
        Ok(())
    }

    /// Why changed files aren't used, once.
    pub(crate) fn take_trouble(&self) -> Option<String> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).trouble.take()
    }
}

fn changed(files: &Files) -> Vec<Option<SystemTime>> {
    let own = files.own.iter().flat_map(|(certificate, key)| [certificate, key]);
    let paths = std::iter::once(&files.authority).chain(own);
    paths.map(|path| fs::metadata(path).and_then(|found| found.modified()).ok()).collect()
}
