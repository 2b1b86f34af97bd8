//! Which id of a query is whose: ours towards the client, the upstream's towards the upstream.
//!
//! An operation is translated before anyone judges it, so what is judged is what is sent.

use super::super::caller::Caller;
use super::super::connection::Connection;
use super::super::opening::Exchange;
use super::super::refusal::Refusal;
use super::super::services::Services;
use super::words;
use crate::snowflake::{Abort, Operation, QueryId};

/// Puts the upstream's ids in the place of ours, for those who own them. An id of ours that is not
/// the caller's stays as it is, and is refused like every other that is not theirs.
pub(in crate::proxy) fn translate(
    connection: &Connection,
    services: &Services,
    caller: &Caller,
    operation: Operation,
    exchange: &mut Exchange,
) -> Result<Operation, Refusal> {
    let Some(session) = caller.session() else {
        return Ok(operation);
    };
    let held = |id: &QueryId| {
        let owned = services
            .results
            .may_use(id, &connection.key, &session.account);
        owned.then(|| services.state.holds.by_id(id)).flatten()
    };
    let known = |id: &QueryId| Some(held(id)?.upstream().ok_or(()));
    let mut translated = |id: QueryId| match known(&id) {
        Some(Ok(upstream)) => {
            exchange.shown_as(id);
            upstream
        }
        Some(Err(())) | None => id,
    };
    Ok(match operation {
        // The first answer is given out here.
        Operation::Result(id) if held(&id).is_some_and(|held| held.has_answer()) => {
            Operation::Result(id)
        }
        Operation::Result(id) => Operation::Result(translated(id)),
        Operation::Monitor(id) => Operation::Monitor(translated(id)),
        Operation::Abort(Abort::Query(id)) => Operation::Abort(Abort::Query(translated(id))),
        Operation::ApiResult { handle, partition }
            if partition == 0 && held(&handle).is_some_and(|held| held.has_answer()) =>
        {
            Operation::ApiResult { handle, partition }
        }
        Operation::ApiResult { handle, partition } => Operation::ApiResult {
            handle: translated(handle),
            partition,
        },
        Operation::ApiCancel(handle) => Operation::ApiCancel(translated(handle)),
        Operation::Query(mut query) => {
            rename_all(&mut query.text, known).map_err(|id| words::names_waiting(id.as_str()))?;
            Operation::Query(query)
        }
        other @ (Operation::Login(_)
        | Operation::Renew
        | Operation::Heartbeat
        | Operation::Close
        | Operation::Abort(Abort::Request(_))
        | Operation::Telemetry
        | Operation::Chunk { .. }) => other,
    })
}

/// Puts the upstream's ids in the place of ours where a text names the result of a query by a
/// literal: `RESULT_SCAN('…')`, `DESCRIBE RESULT '…'`. Both have the same length, so nothing moves.
/// The same text elsewhere is data and stays.
///
/// `known` gives nothing for an id that is not one of ours, and an error for one that the upstream
/// does not know yet.
fn rename_all(
    text: &mut String,
    known: impl Fn(&QueryId) -> Option<Result<QueryId, ()>>,
) -> Result<(), QueryId> {
    let mut places = Vec::new();
    for (at, _) in text.match_indices(OURS) {
        let before = text.get(..at).and_then(|before| before.strip_suffix('\''));
        let id = text.get(at..at + ID_BYTES).and_then(QueryId::parse);
        let closed = text
            .get(at + ID_BYTES..)
            .is_some_and(|it| it.starts_with('\''));
        let (Some(before), Some(id), true) = (before, id, closed) else {
            continue;
        };
        if !names_result(before) {
            continue;
        }
        match known(&id) {
            None => {}
            Some(Ok(upstream)) => places.push((at, upstream)),
            Some(Err(())) => return Err(id),
        }
    }
    for (at, upstream) in places {
        text.replace_range(at..at + ID_BYTES, upstream.as_str());
    }
    Ok(())
}

/// Whether what stands before a literal makes it the name of a result.
fn names_result(before: &str) -> bool {
    let before = before.trim_end().to_ascii_uppercase();
    if let Some(function) = before.strip_suffix('(') {
        let function = function.trim_end();
        return TAKE_QUERY_ID.iter().any(|name| function.ends_with(name));
    }
    let mut words = before.split_ascii_whitespace().rev();
    words.next() == Some("RESULT") && matches!(words.next(), Some("DESC" | "DESCRIBE"))
}

/// Functions whose argument is a query id.
const TAKE_QUERY_ID: [&str; 4] = [
    "GET_QUERY_OPERATOR_STATS",
    "RESULT_SCAN",
    "SYSTEM$CANCEL_QUERY",
    "SYSTEM$ESTIMATE_QUERY_ACCELERATION",
];

/// How our ids begin (`QueryId::of_entry`).
const OURS: &str = "00000000-0000-0000-";
const ID_BYTES: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;

    const UPSTREAM: &str = "01b00000-0000-0000-0000-000000000001";

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let known = |id: &QueryId| {
            (*id == QueryId::of_entry(17)).then(|| QueryId::parse(UPSTREAM).ok_or(()))
        };
        let mut renamed = text.to_owned();
        rename_all(&mut renamed, known).unwrap();
        assert_eq!(renamed, expected);
    }

    #[test]
    fn the_name_of_a_result_becomes_the_upstreams() {
        let ours = QueryId::of_entry(17);
        let ours = ours.as_str();
        for (before, after) in [
            ("select * from table(result_scan('", "'))"),
            ("select * from table(RESULT_SCAN (  '", "'))"),
            ("describe result '", "'"),
            ("DESC  RESULT\n'", "' "),
            ("select system$cancel_query('", "')"),
        ] {
            check(
                &format!("{before}{ours}{after}"),
                &format!("{before}{UPSTREAM}{after}"),
            );
        }
        let twice = |id: &str| {
            format!("select * from table(result_scan('{id}')) union all table(result_scan('{id}'))")
        };
        check(&twice(ours), &twice(UPSTREAM));
    }

    #[test]
    fn the_same_text_elsewhere_is_data() {
        let ours = QueryId::of_entry(17);
        let other = QueryId::of_entry(18);
        for text in [
            format!("insert into log values ('{}')", ours.as_str()),
            format!("select * from table(result_scan('{}'))", other.as_str()),
            format!("select * from table(result_scan('{}", ours.as_str()),
            format!("select * from table(result_scan({}))", ours.as_str()),
            "select '00000000-0000-0000-é'".to_owned(),
            OURS.to_owned(),
        ] {
            check(&text, &text);
        }
    }

    #[test]
    fn a_result_that_is_not_there_yet_is_told_apart() {
        let id = QueryId::of_entry(17);
        let mut text = format!("select * from table(result_scan('{}'))", id.as_str());
        assert_eq!(rename_all(&mut text, |_| Some(Err(()))), Err(id));
    }
}
