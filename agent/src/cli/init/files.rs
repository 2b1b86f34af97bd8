//! Where `init` puts what, and who may read it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// The paths of an installation.
#[derive(Debug)]
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(super) fn below(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    pub(super) fn config(&self) -> PathBuf {
        self.path("etc/snowfence/snowfence.toml")
    }

    pub(super) fn policy(&self) -> PathBuf {
        self.path("etc/snowfence/policies/first.cedar")
    }

    pub(super) fn labels(&self) -> PathBuf {
        self.path("etc/snowfence/policies/labels.toml")
    }

    /// The settings that differ from the defaults because of where the root is.
    pub(super) fn sections(&self) -> String {
        if self.root == Path::new("/") {
            return String::new();
        }
        let quoted = |path: &str| toml::Value::from(self.path(path).display().to_string());
        format!(
            "\n[tls]\nca_dir = {}\n\n[policy]\ndir = {}\n\n[record]\ndir = {}\nkey_file = {}\nindex = {}\n\n[admin]\nsocket = {}\n\n[mask]\nkey_file = {}\n",
            quoted("var/lib/snowfence/ca"),
            quoted("etc/snowfence/policies"),
            quoted("var/lib/snowfence/record"),
            quoted("var/lib/snowfence/host.key"),
            quoted("var/lib/snowfence/index.db"),
            quoted("run/snowfence/admin.sock"),
            quoted("var/lib/snowfence/mask.key"),
        )
    }

    pub(super) fn refuse_existing(&self) -> Result<()> {
        for path in [self.config(), self.policy(), self.labels()] {
            if fs::symlink_metadata(&path).is_ok() {
                bail!(
                    "`{}` is there already; `--force` replaces it",
                    path.display()
                );
            }
        }
        Ok(())
    }

    /// Makes the directories that are missing; what is there keeps its owner and mode.
    pub(super) fn create_directories(&self) -> Result<()> {
        for (path, mode) in DIRECTORIES {
            let path = self.path(path);
            let made = DirBuilder::new().recursive(true).mode(mode).create(&path);
            made.with_context(|| format!("making `{}`", path.display()))?;
        }
        Ok(())
    }

    pub(super) fn write_config(&self, text: &str, force: bool) -> Result<()> {
        write(&self.config(), text, 0o600, force)
    }

    pub(super) fn write_policy(&self, text: &str, force: bool) -> Result<()> {
        write(&self.policy(), text, 0o644, force)
    }

    pub(super) fn write_labels(&self, text: &str, force: bool) -> Result<()> {
        write(&self.labels(), text, 0o644, force)
    }
}

/// Policies are no secret: whoever is refused may read why. Secrets and recordings are root's.
const DIRECTORIES: [(&str, u32); 5] = [
    ("etc/snowfence", 0o755),
    ("etc/snowfence/policies", 0o755),
    ("etc/snowfence/secrets", 0o700),
    ("var/lib/snowfence", 0o755),
    ("var/lib/snowfence/record", 0o700),
];

/// Writes a file whole or not at all, with its mode from the first byte on.
fn write(path: &Path, text: &str, mode: u32, replace: bool) -> Result<()> {
    let whole = || -> io::Result<()> {
        let fresh = path.with_added_extension("new");
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        if replace {
            fs::rename(&fresh, path)?;
        } else {
            // Unlike rename, fails if somebody made the file meanwhile.
            fs::hard_link(&fresh, path)?;
            fs::remove_file(&fresh)?;
        }
        path.parent()
            .map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    };
    whole().with_context(|| format!("writing `{}`", path.display()))
}
