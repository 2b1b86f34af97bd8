//! TLS towards Snowflake, with the certificate verified in full.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// Why there is no connector.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    #[error("cannot read the roots in `{}`", path.display())]
    Roots {
        path: PathBuf,
        #[source]
        source: pem::Error,
    },
    #[error("`{}` holds no certificate", path.display())]
    NoCertificate { path: PathBuf },
    #[error("a certificate in `{}` cannot be a root", path.display())]
    NotARoot {
        path: PathBuf,
        #[source]
        source: rustls::Error,
    },
    #[error("there is no root to trust: the system's store is empty and none is configured")]
    NoRoots,
    #[error("cannot set up the TLS client")]
    Setup(#[source] rustls::Error),
}

/// Makes a connector that trusts the system's roots and those in the files.
///
/// There is no way to turn verification off: a test server brings its root in a file.
pub fn connector(ca_files: &[PathBuf]) -> Result<TlsConnector, ConnectorError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(%error, "cannot read a part of the system's roots");
    }
    // The system's store may hold old certificates that webpki does not take: the rest serves.
    let (_added, ignored) = roots.add_parsable_certificates(system.certs);
    if ignored > 0 {
        tracing::debug!(ignored, "some of the system's roots cannot be used");
    }
    for path in ca_files {
        add_file(&mut roots, path)?;
    }
    if roots.is_empty() {
        return Err(ConnectorError::NoRoots);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(ConnectorError::Setup)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::in_memory_sessions(SERVERS_MAX);
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Unlike the system's, a configured file must be right in every part: someone relies on it.
fn add_file(roots: &mut RootCertStore, path: &PathBuf) -> Result<(), ConnectorError> {
    let cannot_read = |source| ConnectorError::Roots {
        path: path.clone(),
        source,
    };
    let mut count = 0_usize;
    for certificate in CertificateDer::pem_file_iter(path).map_err(cannot_read)? {
        roots
            .add(certificate.map_err(cannot_read)?)
            .map_err(|source| ConnectorError::NotARoot {
                path: path.clone(),
                source,
            })?;
        count += 1;
    }
    if count == 0 {
        return Err(ConnectorError::NoCertificate { path: path.clone() });
    }
    Ok(())
}

/// Account hosts and chunk storage hosts whose sessions are kept for resumption.
const SERVERS_MAX: usize = 256;
