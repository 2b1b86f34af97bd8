//! Connections that only read.

use std::sync::{Arc, Mutex, PoisonError};

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::StoreError;

/// A few connections, opened when they are needed. No timer is in it: a reader waits as long as
/// the caller lets it.
#[derive(Clone, Debug)]
pub(super) struct Readers {
    options: SqliteConnectOptions,
    places: Arc<Semaphore>,
    idle: Idle,
}

type Idle = Arc<Mutex<Vec<SqliteConnection>>>;

/// One of them, on loan.
#[derive(Debug)]
pub(crate) struct Reader {
    connection: SqliteConnection,
    idle: Idle,
    _place: OwnedSemaphorePermit,
}

impl Readers {
    pub(super) fn new(options: &SqliteConnectOptions, count_max: usize) -> Self {
        Self {
            options: options.clone().pragma("query_only", "ON"),
            places: Arc::new(Semaphore::new(count_max)),
            idle: Idle::default(),
        }
    }

    pub(super) async fn reader(&self) -> Result<Reader, StoreError> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_closed| StoreError::Busy)?;
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let connection = match idle {
            Some(connection) => connection,
            None => SqliteConnection::connect_with(&self.options)
                .await
                .map_err(StoreError::failed)?,
        };
        Ok(Reader {
            connection,
            idle: Arc::clone(&self.idle),
            _place: place,
        })
    }
}

impl Reader {
    pub(crate) const fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Gives the connection to the next one. After a failure it is dropped instead.
    pub(crate) fn give_back(self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(self.connection);
    }
}
