//! `snowfence labels scan`.
