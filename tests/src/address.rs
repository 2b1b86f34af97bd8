//! Loopback addresses of our own, so that test runs side by side share no port.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Result, bail};

/// `127.77.n.0/24`, held until it is dropped.
#[derive(Debug)]
pub struct Block {
    number: u8,
    /// The claim is a bound socket: the kernel gives it back however this process ends.
    _claim: TcpListener,
}

impl Block {
    /// Claims a block that nobody else on this host holds.
    ///
    /// # Errors
    /// When all 254 are taken.
    pub fn claim() -> Result<Self> {
        for number in 1..=254 {
            if let Ok(claim) = TcpListener::bind((address(number, 1), CLAIM_PORT)) {
                return Ok(Self {
                    number,
                    _claim: claim,
                });
            }
        }
        bail!("no block of 127.77.0.0/16 is free: are many test runs left over?")
    }

    /// The stand-in's account host.
    #[must_use]
    pub const fn account(&self) -> Ipv4Addr {
        address(self.number, 10)
    }

    /// The stand-in's chunk storage.
    #[must_use]
    pub const fn storage(&self) -> Ipv4Addr {
        address(self.number, 11)
    }

    /// A host that has nothing to do with Snowflake, for tests of what passes.
    #[must_use]
    pub const fn stranger(&self) -> Ipv4Addr {
        address(self.number, 12)
    }

    /// The stand-in's control port.
    #[must_use]
    pub fn control(&self) -> SocketAddr {
        SocketAddr::from((address(self.number, 10), 8080))
    }

    /// Where the daemon's metrics are scraped.
    #[must_use]
    pub fn metrics(&self) -> SocketAddr {
        SocketAddr::from((address(self.number, 2), 9464))
    }
}

const fn address(number: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 77, number, host)
}

/// Discard: below the ephemeral ports, and nothing serves it on 127.77.0.0/16.
const CLAIM_PORT: u16 = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_blocks_never_share_an_address() {
        let (one, other) = (Block::claim().unwrap(), Block::claim().unwrap());
        assert_ne!(one.account(), other.account());
    }
}
