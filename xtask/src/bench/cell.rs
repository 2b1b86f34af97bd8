//! What is measured, and on which ways.

/// One thing that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cell {
    /// The median of 200 statements with one row.
    Select,
    /// 100,000 rows, most of them in chunks.
    Fetch,
    /// Connect, log in, close.
    Login,
    /// The system call `connect()` to a port that nobody redirects.
    Connect,
}

/// How the client reaches what it measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// In the enforced scope: through us.
    Inside,
    /// Below our programs but not in the scope.
    Beside,
    /// As if we were not there.
    Direct,
    /// The same again: what differs from [`Way::Direct`] is noise.
    Control,
}

impl Cell {
    pub(super) const ALL: &[Self] = &[Self::Select, Self::Fetch, Self::Login, Self::Connect];

    /// Names the cell, for the report and for the client's script.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Fetch => "fetch",
            Self::Login => "login",
            Self::Connect => "connect",
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Select => "SELECT 1, p50 of 200",
            Self::Fetch => "fetch of 100,000 rows",
            Self::Login => "connect + login + close",
            Self::Connect => "connect() to another port, p50",
        }
    }

    pub(super) const fn ways(self) -> &'static [Way] {
        match self {
            // A driver does not notice the microsecond that the hook takes beside the scope.
            Self::Select | Self::Fetch | Self::Login => &[Way::Inside, Way::Direct, Way::Control],
            Self::Connect => &[Way::Inside, Way::Beside, Way::Direct, Way::Control],
        }
    }
}

impl Way {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Inside => "inside",
            Self::Beside => "beside",
            Self::Direct => "direct",
            Self::Control => "control",
        }
    }
}
