//! However it was cut into pieces, the index of a recording is the same.

use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};
use serde_json::json;

use super::recording::{Recording, pack};
use super::{catch_up, dump, finds_fit, rebuilt};
use crate::record::index::Index;

#[derive(Clone, Debug)]
enum Step {
    Open(u8),
    Close(u8),
    Decide {
        session: u8,
        text: u8,
        table: u8,
    },
    /// The one of the open entries that is `at` in their list.
    End {
        at: u8,
        rows: u8,
        masked: u8,
    },
    Refuse {
        session: u8,
        text: u8,
        held: bool,
    },
    Rotate,
    Pass(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0..4_u8).prop_map(Step::Open),
        1 => (0..4_u8).prop_map(Step::Close),
        5 => (0..4_u8, 0..6_u8, 0..3_u8)
            .prop_map(|(session, text, table)| Step::Decide { session, text, table }),
        5 => any::<(u8, u8, u8)>().prop_map(|(at, rows, masked)| Step::End { at, rows, masked }),
        2 => (0..4_u8, 0..6_u8, any::<bool>())
            .prop_map(|(session, text, held)| Step::Refuse { session, text, held }),
        1 => Just(Step::Rotate),
        1 => any::<u16>().prop_map(Step::Pass),
    ]
}

fn record(version: u16, steps: &[Step]) -> Recording {
    let mut recording = Recording::of_version(version);
    let mut open = Vec::new();
    let table = |table: u8| format!("SHOP.PUBLIC.T{table}");
    for step in steps {
        match step {
            Step::Open(session) if version > 1 => recording.open(&format!("s{session}"), "etl"),
            Step::Close(session) if version > 1 => {
                recording.close(&format!("s{session}"), "logout");
            }
            Step::Open(_) | Step::Close(_) => {}
            Step::Decide {
                session,
                text,
                table: at,
            } => {
                let (session, text) = (format!("s{session}"), format!("select c{text} from t"));
                open.push(recording.allow(&session, "etl", &text, &table(*at)));
            }
            Step::End { at, rows, masked } => {
                if open.is_empty() {
                    continue;
                }
                let number = open.remove(usize::from(*at) % open.len());
                let masked = match masked % 3 {
                    0 => json!({}),
                    1 => json!({"pii.email": masked}),
                    _ => json!({"pii.email": masked, "pci.card": 1}),
                };
                recording.end(number, u64::from(*rows), &masked);
            }
            Step::Refuse {
                session,
                text,
                held,
            } => {
                let (session, text) = (format!("s{session}"), format!("drop c{text}"));
                let verdict = if *held { "hold" } else { "deny" };
                recording.refuse(&session, "bot", &text, &table(*text_table(&text)), verdict);
            }
            Step::Rotate => recording.rotate(),
            Step::Pass(seconds) => recording.clock += i64::from(*seconds) - 100,
        }
    }
    recording
}

fn text_table(text: &str) -> &u8 {
    if text.len().is_multiple_of(2) { &0 } else { &1 }
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]

    #[test]
    fn an_index_that_grew_is_the_one_that_was_made_at_once(
        version in 1..=2_u16,
        steps in prop::collection::vec(step(), 1..60),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), any::<bool>()), 0..8),
    ) {
        let recording = record(version, &steps);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcome = runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("index.db");
            let segments = dir.path().join("record");
            std::fs::create_dir(&segments).unwrap();
            let mut index = Index::open(&path, true, false).await.unwrap();
            let mut cuts: Vec<_> = cuts
                .iter()
                .map(|(at, reopen, packs)| (at.index(recording.len()) + 1, *reopen, *packs))
                .collect();
            cuts.sort_unstable();
            for (cut, reopen, packs) in cuts {
                recording.write_to(&segments, cut);
                catch_up(&segments, &mut index).await.unwrap();
                if reopen {
                    index.close().await.unwrap();
                    index = Index::open(&path, true, true).await.unwrap();
                }
                let first = recording.segments.first().map_or(0, Vec::len);
                if packs && cut > first && segments.join("0000000000000001.sfr").exists() {
                    pack(&segments, 1, None);
                }
            }
            recording.write_all_to(&segments);
            catch_up(&segments, &mut index).await.unwrap();
            finds_fit(&mut index).await;
            let grown = dump(&mut index).await;
            let made = dump(&mut rebuilt(&segments).await).await;
            (grown, made)
        });
        prop_assert_eq!(outcome.0, outcome.1);
    }
}
