//! Round trips over the socket, with peers of every kind.
