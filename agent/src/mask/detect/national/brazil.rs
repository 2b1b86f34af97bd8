//! Brazil: cadastro de pessoas físicas (CPF).
//!
//! Receita Federal, "Cadastro de Pessoas Físicas": nine digits and two check digits MOD 11. One in a
//! hundred random numbers passes: eleven bare digits need a word near them.

use super::super::checksum::{digits, is_repeated, weighted};

use super::super::{Candidate, Confidence, Detector};
use super::confidence;

pub(super) static DETECTOR: Detector = Detector {
    name: "br-cpf",
    title: "Brazilian CPF",
    category: "TAX_IDENTIFIER",
    pattern: r"[0-9]{3}[.]?[0-9]{3}[.]?[0-9]{3}[-]?[0-9]{2}",
    check,
    context: &[
        "cpf",
        "cadastro de pessoas",
        "pessoa fisica",
        "pessoa física",
        "contribuinte",
    ],
    numeric: true,
};

fn check(candidate: &Candidate<'_>) -> Option<Confidence> {
    let all: [u8; 11] = digits(candidate.text)?;
    let [.., one, other] = all;
    let checks = [
        weighted(&all, &[10, 9, 8, 7, 6, 5, 4, 3, 2]),
        weighted(&all, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]),
    ];
    let checks = checks.map(|sum| sum * 10 % 11 % 10);
    let passes = checks == [u32::from(one), u32::from(other)] && !is_repeated(&all);
    passes.then(|| confidence(candidate, 45, 90)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{assert_absent, assert_found, assert_needs_context};
    use super::DETECTOR;

    #[test]
    fn br_cpf() {
        assert_found(&DETECTOR, "390.533.447-05");
        assert_needs_context(&DETECTOR, "39053344705");
        assert_absent(&DETECTOR, "231.002.999-00");
        assert_absent(&DETECTOR, "cpf 111.111.111-11");
    }
}
