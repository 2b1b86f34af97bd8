//! Why segments are not shipped.

use std::io;
use std::path::PathBuf;

use crate::credential::SecretError;
use crate::record::keep::metrics::Reason;
use crate::tls::client::ConnectorError;

/// What went wrong; it is tried again for ever.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    #[error("cannot read or write `{}`", path.display())]
    Local {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot {operation} at the object store")]
    Store {
        operation: &'static str,
        #[source]
        source: object_store::Error,
    },
    #[error(
        "`{key}` is in the object store with other contents; it is left as it is, and nothing is \
         deleted here: look whose it is, or give `[record.ship]` another prefix in `url`"
    )]
    Conflict { key: String },
    #[error("`{key}` is not in the object store as it was sent")]
    Differs { key: String },
    #[error("the directory to ship to, `{}`, is not there", path.display())]
    NoDirectory { path: PathBuf },
    #[error("cannot read the secret of `[record.ship]`")]
    Secret(#[source] SecretError),
    #[error("cannot set up TLS to the object store")]
    Tls(#[source] ConnectorError),
}

impl ShipError {
    pub(in crate::record::keep) fn reason(&self) -> Reason {
        match self {
            Self::Local { .. } | Self::Secret(_) | Self::Tls(_) => Reason::Local,
            Self::NoDirectory { .. } => Reason::Unreachable,
            Self::Conflict { .. } => Reason::Conflict,
            Self::Differs { .. } => Reason::Differs,
            Self::Store { source, .. } => {
                let is_refused = matches!(
                    source,
                    object_store::Error::PermissionDenied { .. }
                        | object_store::Error::Unauthenticated { .. }
                );
                if is_refused {
                    Reason::Refused
                } else {
                    Reason::Unreachable
                }
            }
        }
    }
}
