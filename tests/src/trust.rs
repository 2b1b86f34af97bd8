//! Trust in the stand-in's authority, so that a client can reach it without Snowfence between.
//!
//! Trust in Snowfence's own authority is the product's work: tests run `snowfence trust` for it.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};

use crate::mounts::Mounts;

/// Adds the certificate to the namespace's system bundle.
///
/// # Errors
/// When the bundle cannot be written.
pub fn system(mounts: &Mounts, certificate: &Path) -> Result<()> {
    append(&mounts.bundle(), certificate)
}

/// Adds the certificate to the certifi bundle of a virtual environment, in the namespace only.
/// An environment without certifi has nothing to add to.
///
/// # Errors
/// When the bundle cannot be copied or written.
pub fn certifi(mounts: &mut Mounts, venv: &Path, certificate: &Path) -> Result<()> {
    let Some(package) = find_certifi(venv)? else {
        return Ok(());
    };
    let copy = mounts.bind_copy(&copy_name(venv), &package)?;
    append(&copy.join("cacert.pem"), certificate)
}

fn append(bundle: &Path, certificate: &Path) -> Result<()> {
    let text = fs::read_to_string(certificate)
        .with_context(|| format!("cannot read {}", certificate.display()))?;
    File::options()
        .append(true)
        .open(bundle)
        .and_then(|mut file| file.write_all(format!("\n{text}").as_bytes()))
        .with_context(|| format!("cannot append to {}", bundle.display()))
}

fn find_certifi(venv: &Path) -> Result<Option<PathBuf>> {
    let lib = venv.join("lib");
    for entry in fs::read_dir(&lib).with_context(|| format!("cannot list {}", lib.display()))? {
        let entry = entry.with_context(|| format!("cannot list {}", lib.display()))?;
        let package = entry.path().join("site-packages/certifi");
        if package.join("cacert.pem").is_file() {
            return Ok(Some(package));
        }
    }
    Ok(None)
}

/// One copy per virtual environment.
fn copy_name(venv: &Path) -> String {
    format!("certifi{}", venv.display().to_string().replace('/', "-"))
}

/// Reads the first certificate's PEM text, to look for it in another file.
///
/// # Errors
/// When the file holds none.
pub fn first_certificate(path: &Path) -> Result<String> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (_, rest) = text
        .split_once(BEGIN)
        .ok_or_else(|| anyhow!("no certificate in the file"))?;
    let (body, _) = rest
        .split_once(END)
        .ok_or_else(|| anyhow!("half a certificate"))?;
    Ok(format!("{BEGIN}{body}{END}"))
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
