//! What every connection is served with, built once by [`crate::app`].

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dashless::KnownAddresses;
use serde::Serialize;

use super::connection::Connection;
use super::hangup::Hangup;
use super::metrics::Metrics;
use super::probe::Probes;
use crate::clock;
use crate::config::{Account, Config, Scope};
use crate::credential::Credentials;
use crate::http::BodyLimits;
use crate::identity::{Identifier, Principal};
use crate::kernel::{Flow, Flows, Kernel};
use crate::policy;
use crate::record::{self, Ending, Opening, Outcome, Recorder};
use crate::session::{Chunks, Registry, Results};
use crate::sql::Analyst;
use crate::tls::{SnowflakeNames, Terminator};
use crate::upstream::{Upstream, UpstreamSession};
