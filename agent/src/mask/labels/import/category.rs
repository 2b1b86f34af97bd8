//! The label of each category of Snowflake's classification.
//!
//! Categories are those of the docs ("Native semantic categories"). Those of a country, such as
//! `US_SSN` or `UK_PASSPORT`, go to the label of the same category without it.

/// Category and label.
pub(super) const CATEGORIES: [(&str, &str); 43] = [
    ("ADMINISTRATIVE_AREA_1", QUASI),
    ("ADMINISTRATIVE_AREA_2", QUASI),
    ("AGE", QUASI),
    ("BANK_ACCOUNT", "pii.bank-account"),
    ("CITY", QUASI),
    ("COUNTRY", QUASI),
    ("COUNTY", QUASI),
    ("DATE_OF_BIRTH", "pii.birth-date"),
    ("DRIVERS_LICENSE", "pii.driver-license"),
    ("EMAIL", "pii.email"),
    ("ETHNICITY", "pii.sensitive"),
    ("GENDER", QUASI),
    ("IBAN", "pii.bank-account"),
    ("IMEI", "pii.device"),
    ("IP_ADDRESS", "pii.network"),
    ("LAT_LONG", QUASI),
    ("LATITUDE", QUASI),
    ("LONGITUDE", QUASI),
    ("MARITAL_STATUS", QUASI),
    ("MEDICAL_DATA", "phi.health"),
    ("MEDICARE_NUMBER", "phi.identity"),
    ("NAME", "pii.name"),
    ("NATIONAL_IDENTIFIER", "pii.national-id"),
    ("NATIONAL_INSURANCE_NUMBER", "pii.national-id"),
    ("NRIC", "pii.national-id"),
    ("OCCUPATION", QUASI),
    ("PASSPORT", "pii.passport"),
    ("PAYMENT_CARD", "pci.card"),
    ("PHONE_NUMBER", "pii.phone"),
    ("POSTAL_CODE", QUASI),
    ("SALARY", "pii.sensitive"),
    ("SOCIAL_INSURANCE_NUMBER", "pii.national-id"),
    ("SSN", "pii.national-id"),
    ("STATE_OR_TERRITORY", QUASI),
    ("STREET_ADDRESS", "pii.address"),
    ("TAX_FILE_NUMBER", "pii.tax-id"),
    ("TAX_IDENTIFIER", "pii.tax-id"),
    ("TAX_IDENTIFICATION_NUMBER", "pii.tax-id"),
    ("VIN", "pii.vehicle"),
    ("YEAR_OF_BIRTH", QUASI),
    // What detectors call their finds where Snowflake has no name for them.
    ("CRYPTO_ADDRESS", "pii.wallet"),
    ("MAC_ADDRESS", "pii.device"),
    ("SECRET", "secret.key"),
];

/// Alone it names nobody, together with others it does.
const QUASI: &str = "pii.quasi-identifier";

/// The rest of a label's name has this many characters at most.
const SLUG_CHARS_MAX: usize = 24;

/// The label of a semantic category. One that is not known is a label of its own: that Snowflake
/// found something is reason enough.
pub(super) fn semantic(value: &str) -> Option<String> {
    let value = value.trim().to_ascii_uppercase();
    if value.is_empty() {
        return None;
    }
    let known = |name: &str| {
        let mut categories = CATEGORIES.iter();
        categories.find(|(category, _)| *category == name)
    };
    let country = value
        .split_once('_')
        .filter(|(country, _)| country.len() == 2);
    let found = known(&value).or_else(|| known(country?.1));
    Some(found.map_or_else(
        || format!("snowflake.{}", slug(&value)),
        |(_, label)| (*label).to_owned(),
    ))
}

/// The label of a privacy category.
pub(super) fn privacy(value: &str) -> Option<String> {
    let label = match value.trim().to_ascii_uppercase().as_str() {
        "" => return None,
        "IDENTIFIER" => "pii.identifier",
        "QUASI_IDENTIFIER" => QUASI,
        "SENSITIVE" | "SENSITIVE_INFORMATION" => "pii.sensitive",
        other => return Some(format!("snowflake.{}", slug(other))),
    };
    Some(label.to_owned())
}

/// The label of a tag of one's own: `tag.pii-level.high`.
pub(super) fn own(tag: &str, value: &str) -> String {
    match slug(value) {
        value if value.is_empty() => format!("tag.{}", slug(tag)),
        value => format!("tag.{}.{value}", slug(tag)),
    }
}

/// Of a label that no pack has.
pub(super) fn rank(label: &str) -> u16 {
    if label == QUASI { 5 } else { 20 }
}

/// What of a name can stand in a label's.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(SLUG_CHARS_MAX);
    slug.trim_end_matches('-').to_owned()
}
