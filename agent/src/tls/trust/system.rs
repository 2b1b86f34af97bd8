//! The system's certificate store.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::super::files;
use super::{Authority, Effect, Kind, Outcome, TrustError};

/// How one family of distributions keeps its store. Paths are relative to the root directory.
struct Layout {
    /// Our certificate's place among those that the administrator adds.
    anchor: &'static str,
    /// Makes the bundle from the anchors.
    program: &'static str,
    bundle: &'static str,
    /// What makes the program forget what it knew. Debian's looks only at names, so that hash links
    /// of a certificate that was replaced under its name, or removed, would stay.
    fresh: &'static [&'static str],
    /// The program's options for a root directory other than `/`, each followed by a path.
    directories: &'static [(&'static str, &'static str)],
}

pub(super) fn install(authority: &Authority, root: &Path) -> Outcome {
    with_layout(root, |layout, anchor| {
        let before = state(layout, authority, root, anchor)?;
        if before == Effect::Unchanged {
            return Ok(before);
        }
        files::write(anchor, authority.pem.as_bytes(), 0o644).map_err(TrustError::File)?;
        refresh(layout, root, before == Effect::Outdated)?;
        if state(layout, authority, root, anchor)? != Effect::Unchanged {
            return Err(TrustError::NotTakenUp {
                program: layout.program.to_owned(),
            });
        }
        Ok(if before == Effect::Absent {
            Effect::Added
        } else {
            Effect::Replaced
        })
    })
}

pub(super) fn remove(root: &Path) -> Outcome {
    with_layout(root, |layout, anchor| {
        let ours = certificates(anchor);
        match std::fs::remove_file(anchor) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Effect::Absent),
            Err(source) => {
                return Err(TrustError::Io {
                    what: "remove the certificate",
                    source,
                });
            }
        }
        refresh(layout, root, true)?;
        let trusted = certificates(&root.join(layout.bundle));
        if trusted.iter().any(|certificate| ours.contains(certificate)) {
            return Err(TrustError::NotTakenUp {
                program: layout.program.to_owned(),
            });
        }
        Ok(Effect::Removed)
    })
}

pub(super) fn status(authority: &Authority, root: &Path) -> Outcome {
    with_layout(root, |layout, anchor| {
        state(layout, authority, root, anchor)
    })
}

fn with_layout(
    root: &Path,
    act: impl FnOnce(&Layout, &Path) -> Result<Effect, TrustError>,
) -> Outcome {
    let layout = LAYOUTS.iter().find(|layout| {
        let anchors = Path::new(layout.anchor).parent();
        anchors.is_some_and(|anchors| root.join(anchors).is_dir())
            && root.join(layout.program).is_file()
    });
    match layout {
        Some(layout) => {
            let anchor = root.join(layout.anchor);
            let result = act(layout, &anchor);
            Outcome {
                kind: Kind::System,
                path: anchor,
                result,
            }
        }
        None => Outcome {
            kind: Kind::System,
            path: root.to_owned(),
            result: Err(TrustError::NoSystemStore),
        },
    }
}

/// Looks at the anchor and at the bundle: an anchor that never reached the bundle is of no use.
fn state(
    layout: &Layout,
    authority: &Authority,
    root: &Path,
    anchor: &Path,
) -> Result<Effect, TrustError> {
    let text = match std::fs::read(anchor) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Effect::Absent),
        Err(source) => {
            return Err(TrustError::Io {
                what: "read the certificate",
                source,
            });
        }
    };
    let in_bundle = certificates(&root.join(layout.bundle)).contains(&authority.der);
    let is_current = text == authority.pem.as_bytes() && in_bundle;
    Ok(if is_current {
        Effect::Unchanged
    } else {
        Effect::Outdated
    })
}

/// The certificates in a file, as far as it can be read.
fn certificates(path: &Path) -> Vec<CertificateDer<'static>> {
    let Ok(found) = CertificateDer::pem_file_iter(path) else {
        return Vec::new();
    };
    found.filter_map(Result::ok).collect()
}

/// Runs the distribution's program with nothing of our environment.
fn refresh(layout: &Layout, root: &Path, fresh: bool) -> Result<(), TrustError> {
    let program = root.join(layout.program);
    let mut command = Command::new(&program);
    if fresh {
        command.args(layout.fresh);
    }
    if root != Path::new("/") {
        for (option, directory) in layout.directories {
            command.arg(option).arg(root.join(directory));
        }
    }
    let status = command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|source| TrustError::Io {
            what: "run the store's program",
            source,
        })?;
    if status.success() {
        Ok(())
    } else {
        Err(TrustError::Refresh {
            program: program.display().to_string(),
            status,
        })
    }
}

const LAYOUTS: [Layout; 2] = [
    // Debian, Ubuntu, Alpine.
    Layout {
        anchor: "usr/local/share/ca-certificates/snowfence.crt",
        program: "usr/sbin/update-ca-certificates",
        bundle: "etc/ssl/certs/ca-certificates.crt",
        fresh: &["--fresh"],
        directories: &[
            ("--certsconf", "etc/ca-certificates.conf"),
            ("--certsdir", "usr/share/ca-certificates"),
            ("--localcertsdir", "usr/local/share/ca-certificates"),
            ("--etccertsdir", "etc/ssl/certs"),
            ("--hooksdir", "etc/ca-certificates/update.d"),
        ],
    },
    // Red Hat, Fedora, Amazon Linux.
    Layout {
        anchor: "etc/pki/ca-trust/source/anchors/snowfence.crt",
        program: "usr/bin/update-ca-trust",
        bundle: "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        fresh: &[],
        directories: &[],
    },
];
