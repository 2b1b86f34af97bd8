//! Cuts the frames of one session out of a recording.

use std::collections::{BTreeSet, VecDeque};

use super::find::{Found, User, user};
use super::{Scene, Shows, asked_in};
use crate::record::format::Kind;
use crate::record::told::Told;
use crate::record::walk::{Damage, Placed, Step};
use crate::telemetry::ErrorChain;

/// The scenes of a session, in the order of the recording.
#[derive(Debug)]
pub struct Film<W> {
    steps: W,
    found: Found,
    began: bool,
    ended: bool,
    was_opened: bool,
    user: Option<User>,
    /// Entries that were asked and have not ended.
    open: BTreeSet<u64>,
    /// Asks about what this session waits for.
    asks: BTreeSet<String>,
    /// Of the last frame read.
    last: (u64, u64, i64),
    scenes: VecDeque<Scene>,
}

impl<W: Iterator<Item = Step>> Film<W> {
    /// `steps` begin at or before the segment of the session's start.
    pub fn new(steps: W, found: Found) -> Self {
        Self {
            steps,
            found,
            began: false,
            ended: false,
            was_opened: false,
            user: None,
            open: BTreeSet::new(),
            asks: BTreeSet::new(),
            last: (0, 0, 0),
            scenes: VecDeque::new(),
        }
    }

    fn add(&mut self, shows: Shows, placed: &Placed, told: Told) {
        self.scenes.push_back(Scene {
            shows,
            segment: placed.segment,
            entry: placed.frame.entry,
            time: placed.frame.time_microseconds,
            told: Box::new(told),
        });
    }

    fn frame(&mut self, placed: &Placed) {
        self.began = self.began || placed.digest == self.found.start.digest;
        if !self.began {
            return;
        }
        self.last = (
            placed.segment,
            placed.frame.entry,
            placed.frame.time_microseconds,
        );
        let told = match Told::read(placed.frame.kind, &placed.frame.payload) {
            Ok(told) => told,
            Err(error) => {
                let message = format!("the frame is not one of ours: {}", ErrorChain(&error));
                let told = Told {
                    message: Some(message),
                    ..Told::default()
                };
                return self.add(Shows::Damage, placed, told);
            }
        };
        match placed.frame.kind {
            Kind::Decided => self.asked(placed, told),
            Kind::Ended if self.open.remove(&placed.frame.entry) => self.ended(placed, told),
            Kind::Ended => self.asked_and_ended(placed, told),
            Kind::Opened if self.is_ours(&told) => self.opened(placed, told),
            Kind::Closed if self.is_ours(&told) => {
                self.add(Shows::Closed, placed, told);
                self.close(true);
            }
            Kind::Ask | Kind::Vote | Kind::Grant => self.access(placed, told),
            Kind::Policy if self.found.session.is_some() => self.add(Shows::Policy, placed, told),
            Kind::Operator if self.found.session.is_some() => {
                self.add(Shows::Operator, placed, told);
            }
            Kind::Canary if self.found.session.is_some() => self.add(Shows::Canary, placed, told),
            Kind::Gap if self.found.session.is_some() || self.is_alone(placed) => {
                self.add(Shows::Gap, placed, told);
            }
            Kind::Opened
            | Kind::Closed
            | Kind::Policy
            | Kind::Operator
            | Kind::Canary
            | Kind::Gap
            | Kind::Checkpoint
            | Kind::Carried
            | Kind::Archived
            | Kind::Pruned => {}
        }
    }

    /// True of a frame of the session. Of an entry without a session only that entry is shown.
    fn is_ours(&self, told: &Told) -> bool {
        self.found.session.is_some() && told.session == self.found.session
    }

    fn is_alone(&self, placed: &Placed) -> bool {
        self.found.session.is_none() && placed.frame.entry == self.found.start.entry
    }

    fn opened(&mut self, placed: &Placed, told: Told) {
        let is_login = told.login == Some(self.found.start.entry);
        if self.was_opened || !(is_login || placed.digest == self.found.start.digest) {
            return self.close(false);
        }
        self.was_opened = true;
        self.add(Shows::Opened, placed, told);
    }

    fn asked(&mut self, placed: &Placed, told: Told) {
        if !(self.is_ours(&told) || self.is_alone(placed)) {
            return;
        }
        if !self.meets(placed, &told) {
            return;
        }
        self.open.insert(placed.frame.entry);
        self.asks
            .extend(told.approval.as_ref().map(|it| it.ask.clone()));
        self.add(Shows::Asked, placed, told);
    }

    /// Tells who it is at the first frame, where nothing else does. False if the id is another's now.
    fn meets(&mut self, placed: &Placed, told: &Told) -> bool {
        if self.was_opened {
            return true;
        }
        let by = told.caller.as_ref().map(user);
        match (&self.user, by) {
            (None, by) => {
                self.user = by;
                let joined = Told {
                    caller: told.caller.clone(),
                    session: told.session.clone(),
                    account: told.account.clone(),
                    credential: told.credential.clone(),
                    ..Told::default()
                };
                if self.user.is_some() {
                    self.add(Shows::Joined, placed, joined);
                }
                true
            }
            (Some(before), Some(by)) if *before != by => {
                self.close(false);
                false
            }
            (Some(_), _) => true,
        }
    }

    fn ended(&mut self, placed: &Placed, told: Told) {
        self.add(Shows::Ended, placed, told);
        if self.is_alone(placed) {
            self.ended = true;
        }
    }

    /// The one frame of something that was refused: what was asked comes first.
    fn asked_and_ended(&mut self, placed: &Placed, told: Told) {
        if !(self.is_ours(&told) || self.is_alone(placed)) || !self.meets(placed, &told) {
            return;
        }
        self.asks
            .extend(told.approval.as_ref().map(|it| it.ask.clone()));
        let ending = Told {
            outcome: told.outcome.clone(),
            reason: told.reason.clone(),
            query_id: told.query_id.clone(),
            rows: told.rows,
            bytes: told.bytes,
            duration_us: told.duration_us,
            stages: told.stages.clone(),
            error: told.error.clone(),
            ..Told::default()
        };
        let asked = Told {
            outcome: None,
            reason: None,
            query_id: None,
            rows: None,
            bytes: None,
            duration_us: None,
            stages: None,
            error: None,
            ..told
        };
        let took = ending.duration_us.and_then(|it| i64::try_from(it).ok());
        self.add(Shows::Asked, placed, asked);
        if let Some(scene) = self.scenes.back_mut() {
            scene.time = scene.time.saturating_sub(took.unwrap_or(0));
        }
        self.ended(placed, ending);
    }

    fn access(&mut self, placed: &Placed, told: Told) {
        let id = told.ask.as_ref().and_then(|it| it.get("id")?.as_str());
        let is_ours = asked_in(&told).is_some() && asked_in(&told) == self.found.session.as_deref()
            || id.is_some_and(|id| self.asks.contains(id));
        let ours = (
            self.user.as_ref(),
            told.grant.as_ref().and_then(|it| it.get("workload")),
        );
        let is_grant = match ours {
            (Some((workload, ..)), Some(granted)) => granted.as_str() == Some(workload),
            (Some(_) | None, _) => false,
        };
        if !(is_ours || is_grant || self.is_alone(placed)) {
            return;
        }
        let shows = match placed.frame.kind {
            Kind::Vote => Shows::Vote,
            Kind::Grant => Shows::Grant,
            Kind::Ask
            | Kind::Decided
            | Kind::Ended
            | Kind::Opened
            | Kind::Closed
            | Kind::Policy
            | Kind::Operator
            | Kind::Canary
            | Kind::Gap
            | Kind::Checkpoint
            | Kind::Carried
            | Kind::Archived
            | Kind::Pruned => Shows::Ask,
        };
        self.add(shows, placed, told);
    }

    fn damage(&mut self, damage: &Damage) {
        let mut message = format!("segment {}: {}", damage.segment, ErrorChain(&damage.error));
        if damage.is_tail {
            message.push_str(": it is being written, or the host stopped in between");
        }
        self.scenes.push_back(Scene {
            shows: Shows::Damage,
            segment: damage.segment,
            entry: self.last.1,
            time: self.last.2,
            told: Box::new(Told {
                message: Some(message),
                file: Some(damage.path.display().to_string()),
                ..Told::default()
            }),
        });
    }

    /// The last scenes: what was left open is said.
    fn close(&mut self, told: bool) {
        self.ended = true;
        let (segment, entry, time) = self.last;
        let mut last = |shows, entry| {
            self.scenes.push_back(Scene {
                shows,
                segment,
                entry,
                time,
                told: Box::new(Told {
                    session: self.found.session.clone(),
                    ..Told::default()
                }),
            });
        };
        for entry in std::mem::take(&mut self.open) {
            last(Shows::Unended, entry);
        }
        if !told && self.found.session.is_some() {
            last(Shows::Endless, entry);
        }
    }
}

impl<W: Iterator<Item = Step>> Iterator for Film<W> {
    type Item = Scene;

    fn next(&mut self) -> Option<Scene> {
        loop {
            if let Some(scene) = self.scenes.pop_front() {
                return Some(scene);
            }
            if self.ended {
                return None;
            }
            match self.steps.next() {
                Some(Step::Frame(placed)) => self.frame(&placed),
                Some(Step::Damage(damage)) => self.damage(&damage),
                None => self.close(false),
            }
        }
    }
}
