//! Leaf certificates: short-lived, one per server name, cached.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls::crypto::ring::sign::any_ecdsa_type;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;

use super::AuthorityError;

/// A certificate with its key, and the time in which we hand it out.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) key: Arc<CertifiedKey>,
    not_before: SystemTime,
    renew_at: SystemTime,
}

/// Signs for the name, whatever it is: that it may be signed for was decided before.
pub(super) fn make(
    issuer: &Issuer<'_, KeyPair>,
    name: &str,
    now: SystemTime,
) -> Result<Leaf, AuthorityError> {
    let not_before = now.checked_sub(BACKDATED).ok_or(AuthorityError::Clock)?;
    let not_after = not_before
        .checked_add(VALIDITY)
        .ok_or(AuthorityError::Clock)?;
    let renew_at = not_before
        .checked_add(VALIDITY / 2)
        .ok_or(AuthorityError::Clock)?;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(AuthorityError::Make)?;

    let mut parameters = CertificateParams::default();
    parameters.not_before = date(not_before)?;
    parameters.not_after = date(not_after)?;
    // The name is in the SAN alone: a common name ends at 64 characters, a host name at 253.
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, "Snowfence leaf");
    parameters.distinguished_name = subject;
    let text = name.try_into().map_err(AuthorityError::Make)?;
    parameters.subject_alt_names = vec![SanType::DnsName(text)];
    // Explicit, because only then is the subject key identifier written.
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters.use_authority_key_identifier_extension = true;

    let certificate = parameters
        .signed_by(&key, issuer)
        .map_err(AuthorityError::Make)?;
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let signer = any_ecdsa_type(&private).map_err(AuthorityError::Key)?;
    let key = CertifiedKey::new(vec![certificate.der().clone()], signer);
    Ok(Leaf {
        key: Arc::new(key),
        not_before,
        renew_at,
    })
}

/// The leaves that were handed out; the oldest goes first.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    by_name: HashMap<String, Leaf>,
    order: VecDeque<String>,
}

impl Leaves {
    /// The leaf for the name, unless half of its life is over, or the clock went back behind it.
    pub(super) fn fresh(&self, name: &str, now: SystemTime) -> Option<Arc<CertifiedKey>> {
        let leaf = self.by_name.get(name)?;
        (leaf.not_before <= now && now < leaf.renew_at).then(|| Arc::clone(&leaf.key))
    }

    pub(super) fn insert(&mut self, name: String, leaf: Leaf) {
        if self.by_name.insert(name.clone(), leaf).is_some() {
            return;
        }
        self.order.push_back(name);
        if self.order.len() > LEAVES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_name.remove(&oldest);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }
}

/// The date in the type that certificates are made with.
pub(super) fn date(time: SystemTime) -> Result<OffsetDateTime, AuthorityError> {
    let since_1970 = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_err(|_before| AuthorityError::Clock)?;
    if since_1970 >= YEAR_9999 {
        return Err(AuthorityError::Clock);
    }
    Ok(rcgen::date_time_ymd(1970, 1, 1) + since_1970)
}

/// A client whose clock is behind ours by less than this still takes a fresh certificate.
pub(super) const BACKDATED: Duration = Duration::from_secs(60 * 60);

/// Drivers that check revocation excuse certificates of at most five days from having a list of
/// revoked ones. The last second counts too.
const VALIDITY: Duration = Duration::from_secs(5 * 24 * 60 * 60 - 1);

/// Hosts of one fleet's accounts number in the tens; a client that makes names up costs itself a
/// handshake per name and us about 2 KiB per entry.
pub(super) const LEAVES_MAX: usize = 1024;

/// Dates in certificates have four digits for the year.
const YEAR_9999: Duration = Duration::from_secs(253_370_764_800);
