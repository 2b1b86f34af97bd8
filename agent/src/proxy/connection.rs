//! One connection: whose it is, where it wanted to go, and who serves it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::hangup::Hangup;
use super::metrics::{ConnectionKind, OpenConnection};
use super::{passthrough, pipeline, services::Services};
use crate::config::{Account, OtherTls, Scope, Unnamed};
use crate::identity::process::Caller;
use crate::identity::{Principal, PrincipalKey};
use crate::kernel::{self, Flow};
use crate::policy;
use crate::shutdown::{DRAIN_TIMEOUT, Shutdown};
use crate::tls::hello::{self, Hello, HelloError};
use crate::tls::{Peeked, Prefixed};

/// A connection whose requests are served.
#[derive(Debug)]
pub(super) struct Connection {
    pub id: u64,
    pub principal: Principal,
    pub key: PrincipalKey,
    /// The name of the TLS handshake, lower case.
    pub server_name: String,
    /// `None` when no `[[account]]` has this host: every request is then refused.
    pub account: Option<Account>,
    /// Where the client wanted to go; where the upstream leg goes.
    pub original: SocketAddr,
    /// Of the scope: whether what policy denies is refused, or only recorded.
    pub mode: policy::Mode,
}

/// Between two requests of a client: above the 75 s that pooled drivers expect, and Go's pool
/// keeps connections for 30 minutes.
const HEADER_TIMEOUT: Duration = Duration::from_secs(1900);
/// Request line and headers; the largest seen from a driver is 2 KiB, tokens included.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// Accepts until the daemon ends, then waits for open connections up to the drain limit.
pub async fn serve(listener: TcpListener, services: Arc<Services>, mut shutdown: Shutdown) {
    let mut connections = JoinSet::new();
    loop {
        // `accept` and `wait` are cancel-safe; a finished connection that is not joined in this
        // turn is joined in the next.
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_ended) = connections.join_next() => continue,
            () = shutdown.wait() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: the next connection may end and free one.
                tracing::error!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(room) = services.state.room.take() else {
            services.metrics.hangup(Hangup::Limit);
            reset(&stream);
            continue;
        };
        let services = Arc::clone(&services);
        let shutdown = shutdown.clone();
        connections.spawn(async move {
            let _room = room;
            let _open = OpenConnection::new(&services.metrics);
            Box::pin(handle(stream, peer, &services, shutdown)).await;
        });
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
        tracing::warn!("connections were still open when the drain limit passed");
    }
}

async fn handle(stream: TcpStream, peer: SocketAddr, services: &Arc<Services>, shutdown: Shutdown) {
    let id = services.next_connection();
    let flow = match take_flow(&stream, peer, services) {
        Ok(Some(flow)) => flow,
        Ok(None) => {
            services.hang_up(id, None, None, Hangup::NoFlow);
            return reset(&stream);
        }
        Err(error) => {
            tracing::error!(error = %error, "cannot take a flow");
            services.hang_up(id, None, None, Hangup::NoFlow);
            return reset(&stream);
        }
    };
    let principal = match identify(&flow, services).await {
        Ok(principal) => principal,
        Err(error) => {
            tracing::warn!(%error, tgid = flow.tgid, "connection not identified");
            services.hang_up(id, None, None, Hangup::Identity);
            return reset(&stream);
        }
    };
    let Some(_share) = services.state.shares.take(principal.key()) else {
        services.hang_up(id, Some(&principal), None, Hangup::Limit);
        return reset(&stream);
    };
    let mut server_name = None;
    let name = &mut server_name;
    let served = classify(stream, id, &flow, &principal, name, services, shutdown);
    if let Err(hangup) = Box::pin(served).await {
        services.hang_up(id, Some(&principal), server_name, hangup);
    }
}

fn take_flow(
    stream: &TcpStream,
    peer: SocketAddr,
    services: &Services,
) -> anyhow::Result<Option<Flow>> {
    stream.set_nodelay(true)?;
    let cookie = kernel::netns_cookie(stream)?;
    Ok(services.flows.take(peer, stream.local_addr()?, cookie)?)
}

async fn identify(flow: &Flow, services: &Services) -> anyhow::Result<Principal> {
    let cgroup = kernel::cgroup_path(flow.cgroup_id)?;
    let caller = Caller {
        tgid: flow.tgid,
        uid: flow.uid,
        gid: flow.gid,
        comm: flow.comm.clone(),
        start_time_ns: flow.start_time_ns,
        exe_inode: flow.exe_inode,
        exe_device: flow.exe_device,
    };
    Ok(services
        .identifier
        .identify(caller, &cgroup, flow.netns_cookie)
        .await?)
}

async fn classify(
    stream: TcpStream,
    id: u64,
    flow: &Flow,
    principal: &Principal,
    server_name: &mut Option<String>,
    services: &Arc<Services>,
    shutdown: Shutdown,
) -> Result<(), Hangup> {
    let scope = services.scope_of(flow).ok_or(Hangup::ScopeGone)?;
    let Peeked { stream, outcome } =
        hello::peek(stream, services.config.limits.hello_timeout).await;
    if let Ok(hello) = &outcome {
        server_name.clone_from(&hello.server_name);
    }
    match outcome {
        Ok(Hello {
            server_name: Some(name),
            encrypted_client_hello,
            ..
        }) if services.names.contains(&name) => {
            // An encrypted hello cannot reach Snowflake past us: we answer as the outer name.
            tracing::trace!(encrypted_client_hello, "hello for an account");
            services.metrics.connection(ConnectionKind::Snowflake);
            let connection = Connection {
                id,
                principal: principal.clone(),
                key: principal.key(),
                account: services.account_of(&name),
                server_name: name,
                original: flow.original,
                mode: scope.mode,
            };
            Box::pin(terminate(stream, connection, services, shutdown)).await
        }
        Ok(Hello {
            server_name: Some(name),
            encrypted_client_hello: false,
            ..
        }) => pass_named(stream, &name, flow, scope, services, shutdown).await,
        Ok(Hello { .. }) => {
            pass_unnamed(stream, flow, scope, services, Hangup::Unnamed, shutdown).await
        }
        Err(HelloError::NotTls { looks_like_http }) => {
            let hangup = if looks_like_http {
                Hangup::Http
            } else {
                Hangup::NotTls
            };
            pass_unnamed(stream, flow, scope, services, hangup, shutdown).await
        }
        Err(HelloError::Timeout { .. } | HelloError::Truncated { .. } | HelloError::Read(_)) => {
            Err(Hangup::HelloTimeout)
        }
        Err(HelloError::TooLong | HelloError::Malformed { .. }) => Err(Hangup::HelloMalformed),
    }
}

async fn pass_named(
    stream: Prefixed<TcpStream>,
    name: &str,
    flow: &Flow,
    scope: &Scope,
    services: &Services,
    shutdown: Shutdown,
) -> Result<(), Hangup> {
    if scope.other_tls == OtherTls::Deny {
        return Err(Hangup::OtherDenied);
    }
    if services.is_known_address(flow.original.ip()) {
        return Err(Hangup::KnownAddress);
    }
    let known = |address: SocketAddr| services.is_known_address(address.ip());
    let server = passthrough::dial_name(
        name,
        flow.original.port(),
        &services.names,
        &services.state.probes,
        known,
    )
    .await?;
    services.metrics.connection(ConnectionKind::Passed);
    passthrough::splice(stream, server, &services.metrics, shutdown).await;
    Ok(())
}

async fn pass_unnamed(
    mut stream: Prefixed<TcpStream>,
    flow: &Flow,
    scope: &Scope,
    services: &Services,
    hangup: Hangup,
    shutdown: Shutdown,
) -> Result<(), Hangup> {
    let listed = scope.unnamed == Unnamed::PassListed
        && scope
            .unnamed_networks
            .iter()
            .any(|network| contains(*network, flow.original));
    if !listed {
        if hangup == Hangup::Http {
            super::reply::plain_http(&mut stream).await;
        }
        return Err(hangup);
    }
    if services.is_known_address(flow.original.ip()) {
        return Err(Hangup::KnownAddress);
    }
    let server = passthrough::dial(flow.original).await?;
    services.metrics.connection(ConnectionKind::Passed);
    passthrough::splice(stream, server, &services.metrics, shutdown).await;
    Ok(())
}

fn contains((network, prefix): (std::net::IpAddr, u8), address: SocketAddr) -> bool {
    use std::net::IpAddr;
    match (network, address.ip().to_canonical()) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let shift = 32_u32.saturating_sub(u32::from(prefix));
            (network.to_bits() ^ address.to_bits())
                .checked_shr(shift)
                .unwrap_or(0)
                == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let shift = 128_u32.saturating_sub(u32::from(prefix));
            (network.to_bits() ^ address.to_bits())
                .checked_shr(shift)
                .unwrap_or(0)
                == 0
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

async fn terminate(
    stream: Prefixed<TcpStream>,
    connection: Connection,
    services: &Arc<Services>,
    mut shutdown: Shutdown,
) -> Result<(), Hangup> {
    let stream = services
        .terminator
        .accept(stream, &connection.server_name)
        .await
        .map_err(|error| {
            if error.is_distrust() {
                tracing::warn!(
                    workload = connection.principal.workload.name,
                    tgid = connection.principal.workload.tgid,
                    exe = ?connection.principal.workload.exe,
                    "the client does not trust our authority, run `snowfence trust install`"
                );
                Hangup::ClientDoesNotTrust
            } else {
                tracing::info!(%error, server_name = connection.server_name, "no handshake");
                Hangup::Handshake
            }
        })?;
    let connection = Arc::new(connection);
    let service = service_fn(|request| {
        let connection = Arc::clone(&connection);
        let services = Arc::clone(services);
        async move {
            Ok::<_, std::convert::Infallible>(
                Box::pin(pipeline::handle(connection, services, request)).await,
            )
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    // The connection future is polled to its end in both arms, so no response is cut.
    let served = tokio::select! {
        served = &mut serving => served,
        () = shutdown.wait() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        services.broken_http(&connection, &error);
    }
    Ok(())
}

/// Closes with RST: the peer must see an error, not an orderly end.
fn reset(stream: &TcpStream) {
    if let Err(error) = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "connection closed without reset");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(network: &str, prefix: u8, address: &str, expected: bool) {
        let address: SocketAddr = address.parse().unwrap();
        assert_eq!(
            contains((network.parse().unwrap(), prefix), address),
            expected,
            "{network}"
        );
    }

    #[test]
    fn a_network_contains_the_addresses_below_its_prefix() {
        check("10.1.0.0", 16, "10.1.2.3:443", true);
        check("10.1.0.0", 16, "10.2.2.3:443", false);
        check("10.1.0.0", 16, "[::ffff:10.1.2.3]:443", true);
        check("10.1.2.3", 32, "10.1.2.4:443", false);
        check("0.0.0.0", 0, "10.1.2.4:443", true);
        check("fd00::", 8, "[fd12::1]:443", true);
        check("fd00::", 8, "[fe80::1]:443", false);
        check("0.0.0.0", 0, "[fe80::1]:443", false);
    }
}
