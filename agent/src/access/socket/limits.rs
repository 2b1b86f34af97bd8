//! How much one user may ask of the socket, and all together.
//!
//! Agents and people have room of their own: an agent that runs as root, or floods the socket, must
//! not keep an operator from revoking.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::caller::Side;

/// Each may hold one connection while it waits for a decision.
const OPEN_MAX: usize = 192;
/// A user's terminals and scripts, or the agents that share a user.
const OPEN_PER_USER_MAX: u32 = 32;
/// A script that goes through a list of asks.
const BURST: u32 = 40;
/// A request each 100 ms: no person is faster, and a loop that asks without pause is held up.
const REFILL: Duration = Duration::from_millis(100);
/// Users that are remembered: each for four seconds after its last request.
const USERS_MAX: usize = 4096;

/// The room that is left.
#[derive(Debug, Default)]
pub(super) struct Limits {
    inside: Users,
    outside: Users,
}

/// The users of one side.
type Users = Arc<Mutex<HashMap<u32, Use>>>;

#[derive(Debug)]
struct Use {
    open: u32,
    /// Requests that may come at once.
    tokens: u32,
    refilled: Instant,
}

/// Room for one connection. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Room {
    users: Users,
    uid: u32,
}

impl Limits {
    /// Takes room for a request; `None` when there is none.
    pub(super) fn take(&self, side: Side, uid: u32) -> Option<Room> {
        let users = match side {
            Side::Inside => &self.inside,
            Side::Outside => &self.outside,
        };
        take(&mut lock(users), uid, Instant::now())?;
        let users = Arc::clone(users);
        Some(Room { users, uid })
    }
}

fn take(users: &mut HashMap<u32, Use>, uid: u32, now: Instant) -> Option<()> {
    if !users.contains_key(&uid) && users.len() >= USERS_MAX {
        users.retain(|_, it| !it.is_idle(now));
        if users.len() >= USERS_MAX {
            return None;
        }
    }
    let open: usize = users.values().map(|it| it.open as usize).sum();
    let it = users.entry(uid).or_insert(Use {
        open: 0,
        tokens: BURST,
        refilled: now,
    });
    it.refill(now);
    if open >= OPEN_MAX || it.open >= OPEN_PER_USER_MAX || it.tokens == 0 {
        return None;
    }
    it.open = it.open.saturating_add(1);
    it.tokens = it.tokens.saturating_sub(1);
    Some(())
}

impl Use {
    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.refilled);
        let earned = u32::try_from(passed.as_millis() / REFILL.as_millis()).unwrap_or(u32::MAX);
        if earned > 0 {
            self.tokens = self.tokens.saturating_add(earned).min(BURST);
            self.refilled = now;
        }
    }

    fn is_idle(&self, now: Instant) -> bool {
        self.open == 0 && now.saturating_duration_since(self.refilled) >= REFILL * BURST
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(it) = lock(&self.users).get_mut(&self.uid) {
            it.open = it.open.saturating_sub(1);
        }
    }
}

fn lock(users: &Mutex<HashMap<u32, Use>>) -> MutexGuard<'_, HashMap<u32, Use>> {
    users.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_user_that_asks_too_fast_waits() {
        let limits = Limits::default();
        for _ in 0..BURST {
            assert!(limits.take(Side::Inside, 7).is_some());
        }
        assert!(limits.take(Side::Inside, 7).is_none());
        assert!(limits.take(Side::Inside, 8).is_some(), "another user");
        assert!(limits.take(Side::Outside, 7).is_some(), "another side");
        tokio::time::advance(REFILL).await;
        assert!(limits.take(Side::Inside, 7).is_some());
        assert!(limits.take(Side::Inside, 7).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_has_a_part_of_the_room_and_a_side_has_its_own() {
        let limits = Limits::default();
        let mut held = Vec::new();
        for uid in 0..100 {
            for _ in 0..OPEN_PER_USER_MAX {
                held.extend(limits.take(Side::Inside, uid));
            }
            assert!(limits.take(Side::Inside, uid).is_none());
        }
        assert_eq!(held.len(), OPEN_MAX);
        assert!(limits.take(Side::Outside, 0).is_some());
        held.clear();
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(limits.take(Side::Inside, 99).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn users_are_forgotten() {
        let limits = Limits::default();
        for uid in 0..u32::try_from(USERS_MAX).unwrap() {
            assert!(limits.take(Side::Inside, uid).is_some());
        }
        assert!(limits.take(Side::Inside, u32::MAX).is_none());
        assert!(limits.take(Side::Outside, 0).is_some(), "room of its own");
        tokio::time::advance(REFILL * BURST).await;
        assert!(limits.take(Side::Inside, u32::MAX).is_some());
        assert_eq!(lock(&limits.inside).len(), 1);
    }
}
