//! What is asked of the index, and what it answers.

use serde_json::json;

use super::rebuilt;
use super::recording::{Recording, START};
use crate::record::index::query::{By, Filter, Glob, MARK_BEGIN, MARK_END, TablePattern, Words};
use crate::record::index::{Index, Verdict};

async fn index(recording: &Recording) -> Index {
    let dir = tempfile::tempdir().unwrap();
    recording.write_all_to(dir.path());
    rebuilt(dir.path()).await
}

fn shop() -> Recording {
    let mut recording = Recording::new();
    recording.open("s1", "etl-nightly");
    recording.open("s2", "agent");
    let one = recording.allow(
        "s1",
        "etl-nightly",
        "select email from users where id = 1",
        "SHOP.PUBLIC.USERS",
    );
    recording.end(one, 10, &json!({"pii.email": 10}));
    recording.clock = 3_600;
    let two = recording.allow(
        "s2",
        "agent",
        "insert into orders values (1)",
        "SHOP.PUBLIC.ORDERS",
    );
    recording.end(two, 1, &json!({}));
    recording.refuse(
        "s2",
        "agent",
        "drop table users",
        "SHOP.PUBLIC.USERS",
        "deny",
    );
    recording.clock = 7_200;
    recording.refuse(
        "s2",
        "agent",
        "delete from orders",
        "SHOP.PUBLIC.ORDERS",
        "hold",
    );
    recording.close("s1", "logout");
    recording
}

async fn found(index: &mut Index, words: &str, filter: &Filter) -> Vec<String> {
    let words = Words::parse(words).unwrap();
    let hits = index.search(&words, filter, 100).await.unwrap();
    hits.into_iter().map(|hit| hit.statement).collect()
}

#[tokio::test]
async fn words_are_found_and_marked() {
    let mut index = index(&shop()).await;
    let all = Filter::default();
    let (select, insert) = (
        "select email from users where id = 1",
        "insert into orders values (1)",
    );
    let (drop, delete) = ("drop table users", "delete from orders");
    for (words, expected) in [
        ("users", vec![drop, select]),
        ("USERS", vec![drop, select]),
        ("from orders", vec![delete]),
        ("orders", vec![delete, insert]),
        ("\"from users\"", vec![select]),
        ("\"users from\"", vec![]),
        ("ord*", vec![delete, insert]),
        ("\"into ord\"*", vec![insert]),
        ("ord", vec![]),
        ("nothing", vec![]),
    ] {
        assert_eq!(found(&mut index, words, &all).await, expected, "{words}");
    }
    let words = Words::parse("drop").unwrap();
    let hit = index.search(&words, &all, 1).await.unwrap().pop().unwrap();
    assert_eq!(
        hit.marked,
        format!("{MARK_BEGIN}drop{MARK_END} table users")
    );
    assert_eq!((hit.verdict, hit.outcome), (Some("deny"), Some("refusal")));
    assert_eq!(
        (hit.session.as_deref(), hit.workload.as_deref()),
        (Some("s2"), Some("agent"))
    );
    assert_eq!(hit.time.as_second(), START + 3_600);
}

#[tokio::test]
async fn no_word_is_taken_for_a_query() {
    let mut recording = shop();
    let evil = "select 'a\" OR text:\"b' -- near(x) \u{1b}[2J";
    recording.refuse("s1", "etl", evil, "SHOP.PUBLIC.X", "deny");
    let mut index = index(&recording).await;
    for words in [
        "a\"\"b",
        "text:drop",
        "drop OR nothing",
        "NOT drop",
        "NEAR(drop users)",
        "^drop",
        "-drop",
        "{text}:drop",
        "'; DROP TABLE entries; --",
        "drop + users",
        "(drop",
        "*drop",
        "d*p",
        "\u{0}drop",
        "drop AND",
        "$1",
        "%s",
        "_",
        "\u{fffd}",
    ] {
        let Ok(words) = Words::parse(words) else {
            continue;
        };
        index.search(&words, &Filter::default(), 9).await.unwrap();
    }
    assert_eq!(
        found(&mut index, "drop OR nothing", &Filter::default())
            .await
            .len(),
        0
    );
    assert_eq!(
        found(&mut index, "'; DROP TABLE users; --", &Filter::default())
            .await
            .len(),
        1
    );
    assert_eq!(found(&mut index, "near", &Filter::default()).await, [evil]);
}

#[expect(clippy::too_many_lines, reason = "one table of filters")]
#[tokio::test]
async fn filters_let_through_what_fits() {
    let mut index = index(&shop()).await;
    let all = Filter::default;
    let table = |name| Some(TablePattern::parse(name).unwrap());
    let hour = |hours: i64| Some((START + hours * 3_600) * 1_000);
    for (filter, words, sessions) in [
        (all(), 4, vec!["s2", "s1"]),
        (
            Filter {
                workload: Some(Glob::new("etl-*")),
                ..all()
            },
            1,
            vec!["s1"],
        ),
        (
            Filter {
                user: Some(Glob::new("ann@*")),
                ..all()
            },
            4,
            vec!["s2", "s1"],
        ),
        (
            Filter {
                user: Some(Glob::new("bob")),
                ..all()
            },
            0,
            vec![],
        ),
        (
            Filter {
                account: Some(Glob::new("acct.*")),
                ..all()
            },
            4,
            vec!["s2", "s1"],
        ),
        (
            Filter {
                verdict: Some(Verdict::Deny),
                ..all()
            },
            1,
            vec!["s2"],
        ),
        (
            Filter {
                verdict: Some(Verdict::Hold),
                ..all()
            },
            1,
            vec!["s2"],
        ),
        (
            Filter {
                label: Some(Glob::new("pii.*")),
                ..all()
            },
            1,
            vec!["s1"],
        ),
        (
            Filter {
                label: Some(Glob::new("pci.*")),
                ..all()
            },
            0,
            vec![],
        ),
        (
            Filter {
                table: table("users"),
                ..all()
            },
            2,
            vec!["s2", "s1"],
        ),
        (
            Filter {
                table: table("shop.*.orders"),
                ..all()
            },
            2,
            vec!["s2"],
        ),
        (
            Filter {
                table: table("other.*.*"),
                ..all()
            },
            0,
            vec![],
        ),
        (
            Filter {
                since: hour(1),
                ..all()
            },
            3,
            vec!["s2", "s1"],
        ),
        (
            Filter {
                until: hour(0),
                ..all()
            },
            1,
            vec!["s2", "s1"],
        ),
        (
            Filter {
                since: hour(3),
                ..all()
            },
            0,
            vec![],
        ),
    ] {
        let hits = found(&mut index, "users", &filter).await.len()
            + found(&mut index, "orders", &filter).await.len();
        assert_eq!(hits, words, "{filter:?}");
        let listed = index.sessions(&filter, false, 9).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|it| it.session.as_str()).collect();
        assert_eq!(listed, sessions, "{filter:?}");
    }
    let open = index.sessions(&all(), true, 9).await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].session.as_str(), open[0].is_open), ("s2", true));
}

#[tokio::test]
async fn common_words_give_the_newest_like_rare_ones() {
    let mut recording = Recording::new();
    for at in 0..24_000_u64 {
        let text = format!("select common_{} from t{}", at % 3, at % 5_000);
        recording.refuse("s1", "etl", &text, &format!("A.B.T{}", at % 10), "deny");
    }
    let mut index = index(&recording).await;
    let filter = Filter {
        table: Some(TablePattern::parse("t7").unwrap()),
        ..Filter::default()
    };
    for (words, filter, expected) in [
        ("select", Filter::default(), [24_000, 23_999, 23_998]),
        ("t4999", Filter::default(), [20_000, 15_000, 10_000]),
        ("select", filter.clone(), [23_998, 23_988, 23_978]),
        ("common_0", filter, [23_998, 23_968, 23_938]),
    ] {
        let words = Words::parse(words).unwrap();
        let hits = index.search(&words, &filter, 3).await.unwrap();
        assert_eq!(
            hits.iter().map(|it| it.entry).collect::<Vec<_>>(),
            expected,
            "{words:?}"
        );
    }
}

#[tokio::test]
async fn statistics_count_what_was_asked() {
    let mut index = index(&shop()).await;
    let all = index
        .statistics((None, None), Some(By::Workload), 9)
        .await
        .unwrap();
    assert_eq!(
        (
            all.all.statements,
            all.all.allowed,
            all.all.held,
            all.all.denied
        ),
        (4, 2, 1, 1)
    );
    assert_eq!((all.all.rows, all.all.masked), (Some(11), Some(10)));
    assert_eq!(all.refusals, [("denied".to_owned(), 2)]);
    assert_eq!(all.tables_denied, [("SHOP.PUBLIC.USERS".to_owned(), 1)]);
    let names: Vec<_> = all
        .groups
        .iter()
        .map(|it| (it.name.as_str(), it.statements))
        .collect();
    assert_eq!(names, [("agent", 3), ("etl-nightly", 1)]);
    let p50 = all.groups[1].p50_us.unwrap();
    assert!(p50.abs_diff(5_010) * 16 <= 5_010, "{p50}");
    for (by, expected) in [
        (By::Account, vec![("acct.snowflakecomputing.com", 4)]),
        (
            By::Table,
            vec![("SHOP.PUBLIC.ORDERS", 2), ("SHOP.PUBLIC.USERS", 2)],
        ),
        (By::Label, vec![("pii.email", 1)]),
        (By::Verdict, vec![("allow", 2), ("deny", 1), ("hold", 1)]),
        (By::Day, vec![("2026-11-20", 4)]),
        (
            By::Hour,
            vec![
                ("2026-11-20T10:00Z", 1),
                ("2026-11-20T09:00Z", 2),
                ("2026-11-20T08:00Z", 1),
            ],
        ),
    ] {
        let found = index.statistics((None, None), Some(by), 9).await.unwrap();
        let names: Vec<_> = found
            .groups
            .iter()
            .map(|it| (it.name.as_str(), it.statements))
            .collect();
        assert_eq!(names, expected, "{by:?}");
    }
    let since = Some((START + 5_000) * 1_000);
    let late = index.statistics((since, None), None, 9).await.unwrap();
    assert_eq!(late.all.statements, 3, "the hour around the time counts");
}
