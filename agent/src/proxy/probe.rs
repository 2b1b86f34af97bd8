//! Looks at the certificate behind a name before bytes pass to it.
//!
//! A client could own a DNS name that points to Snowflake, put that name into its hello, ignore
//! the certificate and speak to Snowflake past us. TLS 1.3 hides the certificate from whoever
//! only passes bytes, so we ask for it ourselves, once per (address, name).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::tls::SnowflakeNames;

/// More destinations than a workload has; beyond it the map starts anew, which costs one
/// handshake each and never passes anything unseen.
const PROBES_MAX: usize = 4096;
/// A destination that does not finish a handshake in this time serves no client either.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// What stands behind a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    Other,
    Snowflake,
}

/// The certificate could not be looked at.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeError {
    #[error("the destination did not finish a handshake within {0} s")]
    Timeout(u64),
    #[error("cannot connect to the destination")]
    Connect(#[source] std::io::Error),
    #[error("the destination presented no certificate that can be read")]
    NoCertificate,
    #[error("the server name is not one that a handshake can carry")]
    Name,
    #[error("the crypto provider offers no protocol version")]
    Provider(#[source] rustls::Error),
}

/// Findings, remembered.
#[derive(Debug, Default)]
pub(super) struct Probes {
    seen: Mutex<HashMap<(SocketAddr, String), Finding>>,
}

impl Probes {
    /// What the certificate at `address` says for `name`.
    pub(super) async fn look(
        &self,
        address: SocketAddr,
        name: &str,
        names: &SnowflakeNames,
    ) -> Result<Finding, ProbeError> {
        let key = (address, name.to_owned());
        if let Some(finding) = self
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
        {
            return Ok(*finding);
        }
        let certificate = tokio::time::timeout(PROBE_TIMEOUT, certificate_of(address, name))
            .await
            .map_err(|_elapsed| ProbeError::Timeout(PROBE_TIMEOUT.as_secs()))??;
        let finding = judge(&certificate, names)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= PROBES_MAX {
            seen.clear();
        }
        seen.insert(key, finding);
        Ok(finding)
    }
}

fn judge(certificate: &CertificateDer<'_>, names: &SnowflakeNames) -> Result<Finding, ProbeError> {
    let (_rest, parsed) =
        X509Certificate::from_der(certificate).map_err(|_invalid| ProbeError::NoCertificate)?;
    let alternatives = parsed
        .subject_alternative_name()
        .map_err(|_invalid| ProbeError::NoCertificate)?
        .map(|extension| extension.value.general_names.clone())
        .unwrap_or_default();
    let mut claimed: Vec<&str> = alternatives
        .iter()
        .filter_map(|name| {
            if let GeneralName::DNSName(dns) = name {
                Some(*dns)
            } else {
                None
            }
        })
        .collect();
    claimed.extend(
        parsed
            .subject()
            .iter_common_name()
            .filter_map(|name| name.as_str().ok()),
    );
    let snowflake = claimed.iter().any(|name| {
        let name = name.strip_prefix("*.").unwrap_or(name).to_ascii_lowercase();
        // `*.snowflakecomputing.com` leaves the bare suffix, which a label in front makes a name.
        names.contains(&name) || names.contains(&format!("x.{name}"))
    });
    Ok(if snowflake {
        Finding::Snowflake
    } else {
        Finding::Other
    })
}

async fn certificate_of(
    address: SocketAddr,
    name: &str,
) -> Result<CertificateDer<'static>, ProbeError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(ProbeError::Provider)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Onlooker(provider)))
        .with_no_client_auth();
    let server_name = ServerName::try_from(name.to_owned()).map_err(|_invalid| ProbeError::Name)?;
    let stream = TcpStream::connect(address)
        .await
        .map_err(ProbeError::Connect)?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(server_name, stream)
        .await
        .map_err(ProbeError::Connect)?;
    let (_stream, session) = stream.get_ref();
    let chain = session
        .peer_certificates()
        .ok_or(ProbeError::NoCertificate)?;
    Ok(chain
        .first()
        .ok_or(ProbeError::NoCertificate)?
        .clone()
        .into_owned())
}

/// Accepts whatever is shown: nothing is ever sent over this connection, the certificate is only
/// looked at. The signature is checked, so that a certificate cannot be borrowed.
#[derive(Debug)]
struct Onlooker(Arc<CryptoProvider>);

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
