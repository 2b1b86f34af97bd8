//! `snowfence ask`.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;

use super::access::{Access, EXIT_STATUS, ask_id, cell, duration, until, whole};
use super::output::{Output, one_line};
use crate::access::socket::client::{Client, ClientError};
use crate::access::socket::{NewRoleAsk, Offer};
use crate::access::{Ask, AskId, AskState};
use crate::clock;

/// Asks for a role, from inside the agent's own cgroup.
///
/// Without a role: the roles that may be asked for.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub(super) struct AskCommand {
    /// The role.
    #[arg(requires_all = ["duration", "reason"])]
    role: Option<String>,
    /// How long it is needed, from its first use: `30m`.
    #[arg(long = "for", value_name = "TIME", value_parser = duration, requires = "role")]
    duration: Option<Duration>,
    /// What it is needed for: whoever decides reads it.
    #[arg(long, value_name = "TEXT", requires = "role")]
    reason: Option<String>,
    /// The account, if there are several.
    #[arg(long, value_name = "NAME", requires = "role")]
    account: Option<String>,
    /// Waits for the decision; exit status 0 only if it is a yes.
    #[arg(long, requires = "role")]
    wait: bool,
    /// Takes an ask back.
    #[arg(long, value_name = "ID", value_parser = ask_id, conflicts_with = "role")]
    withdraw: Option<AskId>,
    #[command(flatten)]
    access: Access,
}

impl AskCommand {
    pub(super) fn run(self, output: &mut Output<'_>) -> Result<()> {
        let access = &self.access;
        if let Some(id) = &self.withdraw {
            let ask = access.call(async |client| client.withdraw(id).await)?;
            return match access.json {
                true => output.json(&ask),
                false => output.line(&format!("{id} is {}.", ask.state.name())),
            };
        }
        let (Some(role), Some(duration), Some(reason)) = (self.role, self.duration, self.reason)
        else {
            let offers = access.call(async |client| client.roles().await)?;
            return match access.json {
                true => output.json(&offers),
                false => print_offers(&offers, output),
            };
        };
        let new = NewRoleAsk {
            role,
            for_seconds: duration.as_secs(),
            reason,
            account: self.account,
        };
        let ask = access.call(async |client| client.ask(&new).await)?;
        if !self.wait {
            return print(&ask, access.json, output);
        }
        if !access.json {
            print(&ask, false, output)?;
        }
        let ask = access.call(async |client| decided(client, ask).await)?;
        finish(&ask, access.json, output)
    }
}

/// One question after the other, each as long as the daemon holds it.
const WAIT: Duration = Duration::from_secs(50);

/// Follows an ask until it is decided or over.
pub(super) async fn decided(client: &Client, mut ask: Ask) -> Result<Ask, ClientError> {
    while ask.state == AskState::Open {
        ask = client.find(&ask.id, WAIT).await?;
    }
    Ok(ask)
}

/// Prints what became of an ask; anything but a yes is a failure.
pub(super) fn finish(ask: &Ask, json: bool, output: &mut Output<'_>) -> Result<()> {
    print(ask, json, output)?;
    match ask.state {
        AskState::Open | AskState::Approved | AskState::Used => Ok(()),
        AskState::Denied | AskState::Expired | AskState::Withdrawn | AskState::Void => {
            let no = ask.votes.iter().find(|vote| !vote.approves);
            let why = no.and_then(|vote| vote.note.as_deref()).unwrap_or_default();
            match one_line(why, NOTE_CHARS_MAX) {
                why if why.is_empty() => bail!("{} is {}", ask.id, ask.state.name()),
                why => bail!("{} is {}: {why}", ask.id, ask.state.name()),
            }
        }
    }
}

const NOTE_CHARS_MAX: usize = 1_000;

/// Prints what an asker wants to know: the id, who decides, what to do.
pub(super) fn print(ask: &Ask, json: bool, output: &mut Output<'_>) -> Result<()> {
    if json {
        return output.json(ask);
    }
    let id = &ask.id;
    match ask.state {
        AskState::Open => {
            let approvers: Vec<String> = ask.approvers.iter().map(|it| cell(it)).collect();
            let people = match ask.approvals {
                1 => "one member".to_owned(),
                people => format!("{people} members"),
            };
            output.line(&format!(
                "{id} waits for {people} of {}; it expires {}.",
                approvers.join(" or "),
                until(ask.expires, clock::now())
            ))?;
            output.line(&format!("Follow it with `snowfence asks {id} --wait`."))
        }
        AskState::Approved => {
            let how = match ask.break_glass {
                true => "approved by nobody, and everybody is told",
                false => "approved",
            };
            match &ask.grant {
                Some(grant) => output.line(&format!("{id} is {how}: {grant}.")),
                None => output.line(&format!("{id} is {how}.")),
            }
        }
        AskState::Denied
        | AskState::Expired
        | AskState::Withdrawn
        | AskState::Void
        | AskState::Used => output.line(&format!("{id} is {}.", ask.state.name())),
    }
}

fn print_offers(offers: &[Offer], output: &mut Output<'_>) -> Result<()> {
    if offers.is_empty() {
        return output.line("This workload may ask for no role.");
    }
    let mut rows = vec![
        ["ROLE", "LONGEST", "APPROVALS", "BY"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(offers.iter().map(|offer| {
        let by = match offer.break_glass {
            true => "nobody (break-glass: everybody is told)".to_owned(),
            false => cell(&offer.approvers.join(", ")),
        };
        vec![
            cell(&offer.role),
            whole(Duration::from_secs(offer.longest_seconds)),
            offer.approvals.to_string(),
            by,
        ]
    }));
    output.table(&rows)?;
    output.line("")?;
    output.line("Ask with `snowfence ask ROLE --for 30m --reason TEXT`.")
}
