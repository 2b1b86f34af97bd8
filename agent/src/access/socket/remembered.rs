//! What the recording keeps of operators besides the votes and grants that they leave behind: what was
//! refused to them, and what leaves no trace of its own.

use http::StatusCode;

use super::Counter;
use super::caller::Caller;
use super::people::Speaker;
use super::refused::Refused;
use crate::access::rows::cut;
use crate::access::{Desk, Operator};
use crate::policy::rights::Person;
use crate::record::event::OperatorAction;

/// A role and a workload; what is longer is none, and has not been checked where it is refused.
const OBJECT_BYTES_MAX: usize = 512;

impl Counter {
    /// The desk, for what a person does at it.
    pub(super) fn desk_of(&self, person: &Person) -> Desk {
        self.desk.operated_by(Operator {
            name: person.name.clone(),
            uid: person.uid,
        })
    }

    /// Records that an action was refused or failed; what nobody could have meant is left out. It has
    /// no effect that it would have to be durable before.
    pub(super) fn refusing<T>(
        &self,
        caller: &Caller,
        action: &str,
        object: &str,
        outcome: Result<T, Refused>,
    ) -> Result<T, Refused> {
        if let Err(refused) = &outcome
            && let Some(word) = word(refused.status)
        {
            let message = Some(refused.message.clone());
            self.desk
                .note(told(caller, action, object, (word, message)));
        }
        outcome
    }

    /// Records what was done, before whoever wanted it is told.
    pub(super) async fn done(
        &self,
        caller: &Caller,
        action: &str,
        object: &str,
    ) -> Result<(), Refused> {
        let done = told(caller, action, object, ("done", None));
        Ok(self.desk.record(done).await?)
    }
}

/// `None` for a request that says nothing sensible.
fn word(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::BAD_REQUEST => None,
        status if status.is_server_error() => Some("failed"),
        _ => Some("refused"),
    }
}

fn told(
    caller: &Caller,
    action: &str,
    object: &str,
    (outcome, message): (&'static str, Option<String>),
) -> OperatorAction {
    let (operator, uid) = match caller {
        Caller::Agent(principal) => {
            let workload = &principal.workload;
            (format!("workload {}", workload.name), workload.uid)
        }
        Caller::Person(Speaker { person, .. }) => (person.name.clone(), person.uid),
    };
    OperatorAction {
        action: action.to_owned(),
        operator,
        uid: Some(uid),
        object: Some(cut(object, OBJECT_BYTES_MAX)),
        outcome,
        message,
    }
}
