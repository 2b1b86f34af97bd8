//! What can go wrong when people are to be told.

use thiserror::Error;

use crate::credential::SecretError;
use crate::upstream::ConnectError;

/// Why a receiver cannot be told. Nothing of an address that is a secret is in it.
#[derive(Debug, Error)]
pub enum NotifyError {
    #[error("two receivers of notifications are called `{name}`")]
    Twice { name: String },
    #[error("there are more than {count_max} receivers of notifications")]
    TooMany { count_max: usize },
    #[error("the address of `{name}` is neither https nor http to this host's loopback")]
    Url { name: String },
    #[error("cannot get the secret of `{name}`")]
    Secret {
        name: String,
        #[source]
        source: SecretError,
    },
    #[error("cannot connect")]
    Connect(#[source] ConnectError),
    #[error("cannot connect")]
    Loopback(#[source] std::io::Error),
    #[error("the receiver broke the connection")]
    Reset(#[source] hyper::Error),
    #[error("the receiver did not answer in time")]
    Timeout,
    #[error("the receiver answered with HTTP status {0}")]
    Status(u16),
    #[error("the event cannot be read from the outbox")]
    Unreadable,
    #[error("the request cannot be made")]
    Request(#[source] http::Error),
}
