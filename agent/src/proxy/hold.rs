//! A statement waits for people, and its driver waits with it.

use std::sync::Arc;

use super::connection::Connection;
use super::opening::Exchange;
use super::refusal::{Reason, Refusal};
use super::services::Services;
use crate::policy::{Hold, Permit};

/// Waits until people have decided; gives the permit that their approval leads to.
pub(super) async fn wait(
    _connection: &Connection,
    _services: &Arc<Services>,
    hold: Hold,
    _exchange: &mut Exchange,
) -> Result<Permit, Refusal> {
    std::future::ready(Err(Refusal::new(Reason::DeniedByPolicy, hold.message))).await
}
