//! Real drivers, the same suite twice: directly against the stand-in, and through the daemon.
//!
//! Rows, types and errors must be the same. `cargo xtask setup` installs the drivers; a driver that
//! is not there fails its test, because a test that is skipped proves nothing.

#[cfg(test)]
mod held;
#[cfg(test)]
mod masked;
#[cfg(test)]
mod suite;

#[cfg(test)]
mod drivers {
    //! One test for each driver, so that they run side by side and fail one by one.

    use crate::suite::check;

    #[test]
    fn python_connector_4_sees_no_difference() {
        check("py48");
    }

    #[test]
    fn python_connector_3_sees_no_difference() {
        check("py317");
    }

    #[test]
    fn python_connector_5_sees_no_difference() {
        check("py52");
    }

    #[test]
    fn node_sdk_sees_no_difference() {
        check("node");
    }

    #[test]
    fn adbc_sees_no_difference() {
        check("adbc");
    }

    #[test]
    fn jdbc_sees_no_difference() {
        check("jdbc");
    }

    #[test]
    fn rust_connector_sees_no_difference() {
        check("rust");
    }
}
