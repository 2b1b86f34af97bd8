//! What Presidio calls what our detectors find.

/// The entities of Presidio 2.2 for a detector; empty where it has no recognizer that works by
/// patterns.
pub(super) fn of(detector: &str) -> &'static [&'static str] {
    let found = ENTITIES.iter().find(|(name, _)| *name == detector);
    found.map_or(&[], |(_, entities)| entities)
}

const ENTITIES: &[(&str, &[&str])] = &[
    ("au-medicare", &["AU_MEDICARE"]),
    ("au-tfn", &["AU_TFN"]),
    ("bitcoin", &["CRYPTO"]),
    ("ca-sin", &["CA_SIN"]),
    ("card", &["CREDIT_CARD"]),
    ("date-of-birth", &["DATE_TIME"]),
    ("de-steuer-id", &["DE_TAX_ID"]),
    ("dea", &["MEDICAL_LICENSE"]),
    ("email", &["EMAIL_ADDRESS"]),
    ("es-dni", &["ES_NIE", "ES_NIF"]),
    ("fi-hetu", &["FI_PERSONAL_IDENTITY_CODE"]),
    ("iban", &["IBAN_CODE"]),
    ("in-aadhaar", &["IN_AADHAAR"]),
    ("in-pan", &["IN_PAN"]),
    ("ipv4", &["IP_ADDRESS"]),
    ("ipv6", &["IP_ADDRESS"]),
    ("it-codice-fiscale", &["IT_FISCAL_CODE"]),
    ("kr-rrn", &["KR_RRN"]),
    ("mac", &["MAC_ADDRESS"]),
    ("mbi", &["US_MBI"]),
    ("npi", &["US_NPI"]),
    (
        "passport",
        &[
            "DE_PASSPORT",
            "ES_PASSPORT",
            "IN_PASSPORT",
            "IT_PASSPORT",
            "KR_PASSPORT",
            "PH_PASSPORT",
            "UK_PASSPORT",
            "US_PASSPORT",
            "ZA_PASSPORT",
        ],
    ),
    ("phone", &["PHONE_NUMBER"]),
    ("pl-pesel", &["PL_PESEL"]),
    ("se-personnummer", &["SE_PERSONNUMMER"]),
    ("sg-nric", &["SG_NRIC_FIN"]),
    ("uk-nhs", &["UK_NHS"]),
    ("uk-nino", &["UK_NINO"]),
    ("us-aba", &["ABA_ROUTING_NUMBER"]),
    ("us-driver-license", &["US_DRIVER_LICENSE"]),
    ("us-itin", &["US_ITIN"]),
    ("us-passport", &["US_PASSPORT"]),
    ("us-ssn", &["US_SSN"]),
    ("za-id", &["ZA_ID_NUMBER"]),
];
