//! Which objects are touched, and what decides.
