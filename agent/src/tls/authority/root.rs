//! Makes and checks the authority's own certificate.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, GeneralSubtree,
    IsCa, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::super::SnowflakeNames;
use super::AuthorityError;
use super::leaf::{BACKDATED, date};

pub(super) struct Made {
    pub(super) pem: String,
    pub(super) key_pem: Zeroizing<String>,
}

/// Makes an authority that may sign for these names only.
pub(super) fn make(names: &SnowflakeNames, now: SystemTime) -> Result<Made, AuthorityError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(AuthorityError::Make)?;
    let certificate = parameters(names, now)?
        .self_signed(&key)
        .map_err(AuthorityError::Make)?;
    Ok(Made {
        pem: certificate.pem(),
        key_pem: Zeroizing::new(key.serialize_pem()),
    })
}

fn parameters(
    names: &SnowflakeNames,
    now: SystemTime,
) -> Result<CertificateParams, AuthorityError> {
    let not_before = now.checked_sub(BACKDATED).ok_or(AuthorityError::Clock)?;
    let not_after = now.checked_add(VALIDITY).ok_or(AuthorityError::Clock)?;
    let mut parameters = CertificateParams::default();
    parameters.not_before = date(not_before)?;
    parameters.not_after = date(not_after)?;
    parameters.distinguished_name = distinguished_name()?;
    // Leaves only: no authority below this one.
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    parameters.name_constraints = Some(NameConstraints {
        permitted_subtrees: names
            .all()
            .map(|name| GeneralSubtree::DnsName(name.to_owned()))
            .collect(),
        // A list of permitted DNS names says nothing about other kinds of names, so without these
        // a stolen key could sign for any address.
        excluded_subtrees: vec![
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([0; 4], 0)),
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix([0; 16], 0)),
        ],
    });
    Ok(parameters)
}

/// Distinct for every authority: of two with the same subject, of two hosts or of one host before
/// and after a reinstallation, a client that trusts both may try only the first.
fn distinguished_name() -> Result<DistinguishedName, AuthorityError> {
    let mut random = [0; 8];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_unspecified| AuthorityError::Random)?;
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Snowfence");
    name.push(
        DnType::CommonName,
        format!("Snowfence host CA {:016x}", u64::from_be_bytes(random)),
    );
    Ok(name)
}

/// Checks what webpki does not look at in a trust anchor, and gives its end.
pub(super) fn check(
    certificate: &CertificateDer<'_>,
    now: SystemTime,
) -> Result<SystemTime, AuthorityError> {
    let invalid = |rule| AuthorityError::Certificate { rule };
    let (rest, parsed) =
        X509Certificate::from_der(certificate).map_err(|_der| invalid("it is not X.509"))?;
    if !rest.is_empty() {
        return Err(invalid("bytes follow it"));
    }
    let constraints = parsed
        .basic_constraints()
        .map_err(|_der| invalid("an extension is cut"))?;
    if !constraints.is_some_and(|extension| extension.critical && extension.value.ca) {
        return Err(invalid("it is not an authority's"));
    }
    let names = parsed
        .name_constraints()
        .map_err(|_der| invalid("an extension is cut"))?;
    if !names.is_some_and(|extension| extension.critical) {
        return Err(invalid("it has no critical name constraints"));
    }
    let time = |seconds: i64| {
        let seconds = u64::try_from(seconds).map_err(|_negative| AuthorityError::Clock)?;
        SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_secs(seconds))
            .ok_or(AuthorityError::Clock)
    };
    let not_before = time(parsed.validity().not_before.timestamp())?;
    let not_after = time(parsed.validity().not_after.timestamp())?;
    if now < not_before || now >= not_after {
        return Err(AuthorityError::Expired);
    }
    Ok(not_after)
}

/// Whether a client that trusts the authority takes this certificate for the name.
pub(super) fn accepts(
    authority: &CertificateDer<'static>,
    leaf: &CertifiedKey,
    name: &str,
    now: SystemTime,
) -> Result<bool, AuthorityError> {
    let invalid = |rule| AuthorityError::Certificate { rule };
    let mut roots = RootCertStore::empty();
    roots
        .add(authority.clone())
        .map_err(|_der| invalid("it cannot be a root"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|_builder| invalid("it cannot be a root"))?;
    let end = leaf
        .cert
        .first()
        .ok_or_else(|| invalid("it signed nothing"))?;
    let server_name =
        ServerName::try_from(name.to_owned()).map_err(|_invalid| AuthorityError::NameRefused {
            name: name.to_owned(),
        })?;
    let since_1970 = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_err(|_before| AuthorityError::Clock)?;
    let now = UnixTime::since_unix_epoch(since_1970);
    Ok(verifier
        .verify_server_cert(end, &[], &server_name, &[], now)
        .is_ok())
}

/// Trusting a new authority means touching every client, so it lives as long as a host may.
const VALIDITY: Duration = Duration::from_secs(3650 * 24 * 60 * 60);
