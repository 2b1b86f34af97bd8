//! The table of the recording.

use super::Section;
use super::keys::{default, optional, required};

pub(in crate::config) static RECORD: Section = Section {
    heading: "[record]",
    doc: "The recording of every operation; see [the record](record.md).",
    keys: &[
        default(
            "dir",
            "path",
            "\"/var/lib/snowfence/record\"",
            "Holds the segments.",
        ),
        default(
            "durability",
            "`before-forward`",
            "\"before-forward\"",
            "A decision is on disk before the upstream sees a byte.",
        ),
        default(
            "segment_bytes_max",
            "size",
            "\"64 MiB\"",
            "When the next segment begins.",
        ),
        default(
            "segment_age_max",
            "duration",
            "\"1h\"",
            "When the next segment begins although this one is not full.",
        ),
        default(
            "reserve_bytes",
            "size",
            "\"512 MiB\"",
            "When the file system of `dir` has less free space, nothing new is let through.",
        ),
        default(
            "key_file",
            "path",
            "\"/var/lib/snowfence/host.key\"",
            "Signs the recording; made at the first start. Auditors need the `.pub` beside it.",
        ),
        default(
            "index",
            "path, or `off`",
            "\"/var/lib/snowfence/index.db\"",
            "The SQLite file for `snowfence sessions`, `search` and `stats`. Can be deleted at any time: it is made again from the segments.",
        ),
        default(
            "index_text",
            "boolean",
            "true",
            "Statements are in the index, which `snowfence search` needs. The index is not encrypted, so with `encrypt_to` the default is `false`.",
        ),
        default(
            "literals",
            "`detected`, `none` or `all`",
            "\"detected\"",
            "Which literals and bound values are recorded: `detected` all but those that detectors find, `none` none, `all` all.",
        ),
        default(
            "rows_max",
            "integer",
            "20",
            "Rows of each result that are recorded, masked. 0 records none.",
        ),
        default(
            "rows_bytes_max",
            "size",
            "\"64 KiB\"",
            "Of the recorded rows of one result.",
        ),
        default(
            "compression_level",
            "integer",
            "3",
            "zstd, 1 to 19, for segments that are closed.",
        ),
        default(
            "encrypt_to",
            "list of recipients",
            "[]",
            "age public keys (`age1…`); segments that are closed are encrypted to them.",
        ),
        optional(
            "keep_age_max",
            "duration",
            "Older segments are deleted, such as `90d`; with `[record.ship]` only once they are shipped.",
        ),
        optional(
            "keep_bytes_max",
            "size",
            "The oldest segments beyond it are deleted; with `[record.ship]` only once they are shipped.",
        ),
        optional("ship", "table", "Where closed segments are copied to."),
    ],
};

pub(in crate::config) static SHIP: Section = Section {
    heading: "[record.ship]",
    doc: "Where closed segments are copied to; see [keeping the record](record-keeping.md). What is there is never overwritten.",
    keys: &[
        required(
            "url",
            "URL",
            "`s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX` or `file:///DIR`; below it come the host's name and the segments.",
        ),
        optional(
            "endpoint",
            "URL",
            "Another address than the provider's: `https://…`, or `http://` to an address of this host's loopback.",
        ),
        optional("region", "string", "Of S3."),
        optional(
            "auth",
            "`keys` or `instance`",
            "Required but for `file://`. `keys`: as below; `instance`: what instance metadata or a web identity gives. Nothing else is tried.",
        ),
        optional(
            "access_key_id",
            "string",
            "Of S3 the id of the key; of Azure the storage account, also with `instance`.",
        ),
        optional(
            "secret_access_key",
            "secret",
            "Of S3 and Azure the key, of Google the JSON of a service account.",
        ),
        default(
            "ca_files",
            "list of paths",
            "[]",
            "PEM files with roots for the store, besides the system's.",
        ),
    ],
};
