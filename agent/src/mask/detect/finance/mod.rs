//! Payment cards, accounts and routing numbers, vehicles, wallets.
//!
//! BICs are not here: they name a bank, not a person, and any upper-case word of eight letters with a
//! country in its middle looks like one.

mod bitcoin;
mod card;
mod ethereum;
mod iban;
mod us_aba;
mod vin;

use super::Detector;

pub static ALL: &[&Detector] = &[
    &bitcoin::DETECTOR,
    &card::DETECTOR,
    &ethereum::DETECTOR,
    &iban::DETECTOR,
    &us_aba::DETECTOR,
    &vin::DETECTOR,
];
