//! `snowfence replay`.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use clap::Args;

use super::Which;
use super::film::{Frame, Shot};
use super::keys::{Key, Keys};
use super::screen::{Paint, span};
use super::when::Times;
use crate::cli::output::{Output, escape, one_line, remark};
use crate::record::replay::{Film, Found, Scene, Wanted, find};
use crate::record::walk::{Step, Walk};

/// A longer pause is not waited for, but said.
const PAUSE_MAX: Duration = Duration::from_secs(3);
/// A character of a statement, at the speed of the recording.
const TYPED: Duration = Duration::from_millis(18);
/// A statement is typed in this time at most.
const TYPED_MAX: Duration = Duration::from_secs(2);
/// Scenes that `b` goes back.
const SCENES_KEPT: usize = 1_000;
/// Where no terminal says how wide it is.
const COLUMNS: usize = 100;
const COLUMNS_MIN: usize = 40;
const LINE_CHARS_MAX: usize = 200;

/// Plays a recorded session as a film: what was asked, who allowed it, and what came back.
#[derive(Debug, Args)]
pub(in crate::cli) struct Replay {
    /// The session, for example `s123`
    #[arg(value_name = "SESSION", required_unless_present_any = ["entry", "last"])]
    session: Option<String>,
    /// The session that this entry belongs to, or the entry alone
    #[arg(long, value_name = "N", conflicts_with_all = ["session", "last"])]
    entry: Option<u64>,
    /// The session that began last
    #[arg(long, conflicts_with = "session")]
    last: bool,
    #[command(flatten)]
    which: Which,
    /// How fast: `1x`, `2.5x`, or `max` for no pauses
    #[arg(long, value_name = "SPEED", default_value = "1x", value_parser = speed)]
    speed: Speed,
    /// Waits for a key after each scene: Enter or space goes on, `b` back, `q` ends
    #[arg(long, conflicts_with = "json")]
    step: bool,
    #[command(flatten)]
    times: Times,
    /// Columns to draw in; without it, those of the terminal
    #[arg(long, value_name = "N")]
    width: Option<usize>,
    /// Prints one line of JSON for each scene
    #[arg(long)]
    json: bool,
}

/// How many times faster than it was; `None` for no pauses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speed(Option<f64>);

#[cfg(test)]
impl Speed {
    pub(super) const NONE: Self = Self(None);
}

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed(None));
    }
    let number = text.strip_suffix('x').unwrap_or(text).parse::<f64>().ok();
    let number = number.filter(|it| (0.01..=10_000.0).contains(it));
    number
        .map(|it| Speed(Some(it)))
        .ok_or_else(|| "a speed is written `1x`, `2.5x`, or `max`".to_owned())
}

impl Replay {
    pub(in crate::cli) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let dir = self.which.dir()?;
        let identities = self.which.identities()?;
        let wanted = match (&self.session, self.entry) {
            (Some(session), _) => Wanted::Session(session.clone()),
            (None, Some(entry)) => Wanted::Entry(entry),
            (None, None) => Wanted::Last,
        };
        let mut unread = 0_u64;
        let steps = Walk::new(&dir, &identities)?.inspect(|step| {
            unread += u64::from(matches!(step, Step::Damage(damage) if !damage.is_tail));
        });
        let Some(found) = find(steps, &wanted) else {
            let damaged = match unread {
                0 => String::new(),
                places => format!(", and it is damaged in {places} places"),
            };
            return Err(match wanted {
                Wanted::Session(session) => {
                    let session = one_line(&session, LINE_CHARS_MAX);
                    anyhow!("session `{session}` is not in `{}`{damaged}", dir.display())
                }
                Wanted::Entry(entry) => {
                    anyhow!("entry {entry} is not in `{}`{damaged}", dir.display())
                }
                Wanted::Last => anyhow!("there is no session in `{}`{damaged}", dir.display()),
            });
        };
        tell_others(&found);
        let walk = Walk::starting_at(&dir, &identities, found.start.segment)?;
        let scenes = Film::new(walk, found).filter(|scene| self.times.has(scene.time));
        if self.json {
            for scene in scenes {
                output.line(&escape(&scene.to_json()?.to_string()))?;
            }
            return Ok(());
        }
        let is_live = io::stdout().is_terminal() && output.is_stdout();
        let Speed(speed) = self.speed;
        // Without pauses no key is looked for, so Ctrl-C must stay what it is.
        let has_pauses = is_live && speed.is_some();
        let keys = if self.step || (has_pauses && io::stdin().is_terminal()) {
            Keys::stdin()?
        } else {
            Keys::None
        };
        let player = Player {
            frame: Frame {
                columns: self.width.unwrap_or_else(columns).max(COLUMNS_MIN),
                paint: Paint(output.has_colour()),
            },
            speed: if is_live { self.speed } else { Speed(None) },
            keys,
            output,
        };
        if self.step {
            player.step(scenes)
        } else {
            player.play(scenes)
        }
    }
}

/// Ids of sessions were given again by daemons of the first version.
fn tell_others(found: &Found) {
    if let (Some(session), false) = (&found.session, found.others.is_empty()) {
        let others = found.others.iter().map(u64::to_string);
        remark(&format!(
            "this is the last session `{}` of {}; the others begin at entries {} (`--entry N`)",
            one_line(session, LINE_CHARS_MAX),
            found.others.len() + 1,
            others.collect::<Vec<_>>().join(", ")
        ));
    }
}

fn columns() -> usize {
    terminal_size::terminal_size().map_or(COLUMNS, |(width, _height)| width.0.into())
}

/// Shows scenes to a person.
pub(super) struct Player<'a, 'o, 'w> {
    pub(super) frame: Frame,
    pub(super) speed: Speed,
    pub(super) keys: Keys<'a>,
    pub(super) output: &'o mut Output<'w>,
}

impl Player<'_, '_, '_> {
    /// Plays with the pauses as they were; a key ends a pause.
    pub(super) fn play(mut self, scenes: impl Iterator<Item = Scene>) -> Result<()> {
        let mut before: Option<i64> = None;
        let mut shown = false;
        for scene in scenes {
            if let Some(before) = before
                && self.pause(scene.time.saturating_sub(before))?
            {
                return Ok(());
            }
            before = Some(scene.time);
            let shot = self.frame.shot(&scene);
            if self.show(&shot)? {
                return Ok(());
            }
            shown = true;
        }
        if !shown {
            bail!("nothing of it is in that time");
        }
        Ok(())
    }

    /// Waits for a key after each scene.
    pub(super) fn step(mut self, scenes: impl Iterator<Item = Scene>) -> Result<()> {
        let mut shots: std::collections::VecDeque<Shot> = std::collections::VecDeque::new();
        let mut back = 0_usize;
        let mut scenes = scenes;
        loop {
            let at = shots.len().checked_sub(back).filter(|_| back > 0);
            let shot = match at.and_then(|at| shots.get(at)).cloned() {
                Some(shot) => {
                    back -= 1;
                    shot
                }
                None => {
                    let Some(scene) = scenes.next() else {
                        return Ok(());
                    };
                    let shot = self.frame.shot(&scene);
                    shots.push_back(shot.clone());
                    if shots.len() > SCENES_KEPT {
                        shots.pop_front();
                    }
                    shot
                }
            };
            self.print(&shot.before)?;
            self.print(&shot.typed)?;
            self.print(&shot.after)?;
            self.output.flush()?;
            match self.keys.key()? {
                Key::Next => {}
                // The scene that is shown is the last one but `back`.
                Key::Back => back = (back + 2).min(shots.len()),
                Key::Quit => return Ok(()),
            }
        }
    }

    fn print(&mut self, lines: &[String]) -> Result<()> {
        lines.iter().try_for_each(|line| self.output.line(line))
    }

    /// True if the viewer has seen enough.
    fn show(&mut self, shot: &Shot) -> Result<bool> {
        self.print(&shot.before)?;
        let Speed(Some(speed)) = self.speed else {
            self.print(&shot.typed)?;
            self.print(&shot.after)?;
            return Ok(false);
        };
        let characters = shot
            .typed
            .iter()
            .map(|line| line.chars().count())
            .sum::<usize>();
        let characters = u32::try_from(characters.max(1)).unwrap_or(u32::MAX);
        let each = TYPED.min(TYPED_MAX / characters).div_f64(speed);
        let mut hurried = false;
        for line in &shot.typed {
            for character in line.chars() {
                self.output.text(character.encode_utf8(&mut [0; 4]))?;
                if hurried || character == ' ' {
                    continue;
                }
                self.output.flush()?;
                match self.keys.pause(each)? {
                    Some(Key::Quit) => {
                        self.output.line("")?;
                        return Ok(true);
                    }
                    Some(Key::Next | Key::Back) => hurried = true,
                    None => {}
                }
            }
            self.output.line("")?;
        }
        self.print(&shot.after)?;
        self.output.flush()?;
        Ok(false)
    }

    /// True if the viewer has seen enough.
    fn pause(&mut self, microseconds: i64) -> Result<bool> {
        let microseconds = u64::try_from(microseconds).unwrap_or(0);
        let real = Duration::from_micros(microseconds);
        if real > PAUSE_MAX {
            let said = format!("   … {} …", span(microseconds));
            let said = self.frame.paint.dim(&said);
            self.output.line(&said)?;
        }
        let Speed(Some(speed)) = self.speed else {
            return Ok(false);
        };
        let pause = real.min(PAUSE_MAX).div_f64(speed);
        self.output.flush()?;
        Ok(self.keys.pause(pause)? == Some(Key::Quit))
    }
}
