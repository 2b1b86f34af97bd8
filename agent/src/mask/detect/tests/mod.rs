//! All detectors together.

mod golden;

use super::*;

#[test]
fn every_detector_compiles_and_has_a_name_of_its_own() {
    let mut names: Vec<_> = all().map(|it| it.name).collect();
    assert!(names.len() <= 128, "a scanner holds no more");
    for detector in all() {
        assert!(!Scanner::new([detector]).is_empty(), "{}", detector.name);
        let lower = |it: &&str| **it == it.to_lowercase();
        assert!(detector.context.iter().all(lower), "{}", detector.name);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(detector.name.chars().all(plain), "{}", detector.name);
        assert!(std::ptr::eq(by_name(detector.name).unwrap(), detector));
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all().count());
}

/// A random number below a limit: xorshift, so that every run sees the same columns.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn hex(&mut self, digits: usize) -> String {
        (0..digits)
            .map(|_| format!("{:x}", self.below(16)))
            .collect()
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let at = usize::try_from(self.below(words.len() as u64)).unwrap();
        words[at]
    }
}

type Column = (&'static str, bool, fn(&mut Random, u64) -> String);

const WORDS: [&str; 12] = [
    "order", "late", "window", "Berlin", "red", "please", "return", "north", "Apple", "seven",
    "item", "car",
];

/// Columns that nobody's data is in: name, whether of numbers, values.
const CLEAN: [Column; 24] = [
    ("QUANTITY", true, |random, _| random.below(1000).to_string()),
    ("ID", true, |_, row| (100_000 + row).to_string()),
    ("ID9", true, |random, _| {
        (100_000_000 + random.below(900_000_000)).to_string()
    }),
    ("ORDER_KEY", true, |random, _| {
        (1_000_000_000 + random.below(9_000_000_000)).to_string()
    }),
    ("EVENT_ID", true, |random, _| {
        (10_u64.pow(15) + random.below(9 * 10_u64.pow(15))).to_string()
    }),
    ("EPOCH_S", true, |random, _| {
        (1_700_000_000 + random.below(90_000_000)).to_string()
    }),
    ("EPOCH_MS", true, |random, _| {
        (1_700_000_000_000 + random.below(90_000_000_000)).to_string()
    }),
    ("EPOCH_US", true, |random, _| {
        (1_700_000_000_000_000 + random.below(10_u64.pow(13))).to_string()
    }),
    ("SNOWFLAKE_ID", true, |random, row| {
        (10_u64.pow(18) + row * 4_194_304 + random.below(4096)).to_string()
    }),
    ("PRICE", true, |random, _| {
        format!("{}.{:02}", random.below(5000), random.below(100))
    }),
    ("RATIO", false, |random, _| {
        format!("0.{:016}", random.below(10_u64.pow(16)))
    }),
    ("CREATED_AT", false, |random, _| {
        format!(
            "2026-{:02}-{:02} {:02}:{:02}:{:02}.{:06}",
            1 + random.below(12),
            1 + random.below(28),
            random.below(24),
            random.below(60),
            random.below(60),
            random.below(1_000_000)
        )
    }),
    ("DAY", false, |random, _| {
        format!(
            "2026-{:02}-{:02}",
            1 + random.below(12),
            1 + random.below(28)
        )
    }),
    ("VERSION", false, |random, _| {
        format!(
            "{}.{}.{}",
            random.below(9),
            random.below(30),
            random.below(99)
        )
    }),
    ("BUILD", false, |random, _| {
        format!(
            "v{}.{}.{}-rc.{}",
            random.below(9),
            random.below(30),
            random.below(99),
            random.below(9)
        )
    }),
    ("UUID", false, |random, _| {
        format!(
            "{}-{}-4{}-a{}-{}",
            random.hex(8),
            random.hex(4),
            random.hex(3),
            random.hex(3),
            random.hex(12)
        )
    }),
    ("SHA256", false, |random, _| random.hex(64)),
    ("MD5", false, |random, _| random.hex(32)),
    ("STATUS", false, |random, _| {
        random
            .of(&["OPEN", "SHIPPED", "CLOSED", "404", "200"])
            .to_owned()
    }),
    ("ORDER_NO", false, |random, _| {
        format!("ORD-{:08}", random.below(100_000_000))
    }),
    ("SKU", false, |random, _| {
        format!(
            "{}{}-{:04}",
            random.of(&["AB", "XQ", "KT"]),
            random.below(99),
            random.below(10_000)
        )
    }),
    ("COUNTRY", false, |random, _| {
        random.of(&["DE", "US", "FR", "JP", "BRA"]).to_owned()
    }),
    ("NOTE", false, |random, _| {
        (0..8)
            .map(|_| random.of(&WORDS))
            .collect::<Vec<_>>()
            .join(" ")
    }),
    ("TEXT_ID", false, |random, _| {
        (10_u64.pow(11) + random.below(10_u64.pow(12))).to_string()
    }),
];

/// Finds of a single value in a column of texts that hold none, of a thousand: what a check digit and
/// an issuer's range let pass.
const STRAY_MAX: usize = 5;

#[test]
fn clean_columns_stay_clean() {
    use std::sync::Arc;

    use zeroize::Zeroizing;

    use crate::mask::content::Content;
    use crate::mask::key::MasterKey;
    use crate::mask::labels::Detection;
    use crate::mask::method::{Masking, Rule};

    let key = MasterKey::new(Zeroizing::new([7; 32]));
    let maskings = all().map(|detector| {
        let masking = Masking::new(
            detector.name.into(),
            0,
            Rule::default(),
            key.of(detector.name),
        );
        (detector, Arc::new(masking))
    });
    let content = Content::new(maskings.collect(), Detection::default());
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (name, are_numbers, value) in CLEAN {
        let values: Vec<String> = (0..1000).map(|row| value(&mut random, row)).collect();
        let hint = content.scanner().hint(name);
        for part in values.chunks(200) {
            let mut part = part.iter().map(String::as_str);
            let voted = content.vote(&mut part, &hint, are_numbers);
            let voted = voted.map(|it| &*it.label);
            assert_eq!(voted, None, "{name}, {}", values[0]);
        }
        if are_numbers {
            continue;
        }
        let mut hits = Vec::new();
        let stray = values.iter().filter(|value| {
            content.scanner().scan(value, &hint, 60, &mut hits);
            !hits.is_empty()
        });
        let stray = stray.count();
        assert!(stray <= STRAY_MAX, "{name}: {stray}, {}", values[0]);
    }
}
