//! The keys of who is told of asks and grants.

use super::Section;
use super::keys::{default, required};

pub(in crate::config) static WEBHOOK: Section = Section {
    heading: "[[webhook]]",
    doc: "A receiver of what happens to asks and grants, as signed JSON (see [access.md](access.md)).",
    keys: &[
        required(
            "name",
            "string",
            "Names its place in the outbox: under another name it starts afresh.",
        ),
        required(
            "url",
            "URL",
            "`https://…`, or `http://` to an address of this host's loopback.",
        ),
        required("secret", "secret", "The key of the signature."),
        default(
            "events",
            "array of events",
            "[]",
            "What it is told of: `ask_opened`, `break_glass` …; empty: everything.",
        ),
        default(
            "redact",
            "boolean",
            "true",
            "Whether strings and numbers in statements become `?`.",
        ),
    ],
};

pub(in crate::config) static SLACK: Section = Section {
    heading: "[[slack]]",
    doc: "A Slack channel that is told what people must decide or know of.",
    keys: &[
        required(
            "name",
            "string",
            "Names its place in the outbox: under another name it starts afresh.",
        ),
        required(
            "url",
            "secret",
            "The address of the incoming webhook; whoever knows it can post, so it is a secret.",
        ),
        default(
            "events",
            "array of events",
            "[]",
            "What is posted; empty: asks, their decisions, break-glass, and grants given, ending or revoked.",
        ),
        default(
            "redact",
            "boolean",
            "true",
            "Whether strings and numbers in statements become `?`.",
        ),
    ],
};
