//! The tables of the file and their keys.

use super::{Key, Need, Section};

pub(in crate::config) static FILE: Section = Section {
    heading: "the configuration",
    doc: "",
    keys: &[
        required("scope", "tables", "What is enforced."),
        optional("workload", "tables", "Names for process groups."),
        required("account", "tables", "Snowflake accounts."),
        optional("credential", "tables", "Ways in to an account."),
        optional("kernel", "table", "The eBPF programs."),
        optional("tls", "table", "Certificates."),
        optional("policy", "table", "Where policies are."),
        optional("record", "table", "The recording."),
        optional("access", "table", "Asks, grants and budgets."),
        optional("webhook", "tables", "Who is told of asks and grants."),
        optional("slack", "tables", "Which channels are told of them."),
        optional("admin", "table", "Status and metrics."),
        optional("mask", "table", "The masking key."),
        optional("limits", "table", "Limits of the proxy."),
    ],
};

pub(in crate::config) static SCOPE: Section = Section {
    heading: "[[scope]]",
    doc: "A cgroup subtree that is enforced, with everything that starts below it later.",
    keys: &[
        required(
            "cgroup",
            "string",
            "Path below the cgroup v2 mount: `agents.slice`.",
        ),
        default(
            "mode",
            "`enforce` or `observe`",
            "\"enforce\"",
            "`observe` judges and records every statement and blocks none.",
        ),
        default(
            "other_tls",
            "`pass` or `deny`",
            "\"pass\"",
            "TLS to names that are not Snowflake's. What passes goes, untouched, to an address that the daemon resolves itself.",
        ),
        default(
            "unnamed",
            "`deny` or `pass-listed`",
            "\"deny\"",
            "What is not TLS on an intercepted port, or names no server.",
        ),
        default(
            "unnamed_networks",
            "array of networks",
            "[]",
            "Where `pass-listed` lets such connections go.",
        ),
    ],
};

pub(in crate::config) static WORKLOAD: Section = Section {
    heading: "[[workload]]",
    doc: "A name for a process group. All given fields must match; the first table that matches names it; nothing matches: `unknown`.",
    keys: &[
        required("name", "string", "What policies call it."),
        optional("unit", "pattern", "systemd unit: `etl-*.service`."),
        optional("slice", "pattern", "systemd slice."),
        optional("cgroup", "pattern", "cgroup path, with a leading `/`."),
        optional("container", "pattern", "Container id."),
        optional("pod", "pattern", "Kubernetes pod UID."),
        optional("exe", "pattern", "Path of the executable."),
        optional(
            "exe_sha256",
            "string",
            "SHA-256 of the executable, hexadecimal.",
        ),
        optional("uid", "integer", "User id in the initial user namespace."),
    ],
};

pub(in crate::config) static ACCOUNT: Section = Section {
    heading: "[[account]]",
    doc: "One Snowflake account.",
    keys: &[
        required(
            "name",
            "string",
            "What policies call it: `testorg-testacct`.",
        ),
        required(
            "hosts",
            "array of host names",
            "The names clients use. The first is used upstream. Names outside Snowflake's domains are added to what the CA may sign.",
        ),
        optional(
            "default_credential",
            "string",
            "Used when the client names none.",
        ),
    ],
};

pub(in crate::config) static CREDENTIAL: Section = Section {
    heading: "[[credential]]",
    doc: "One way in to an account, which only the daemon holds.",
    keys: &[
        required("name", "string", "What clients and policies call it."),
        required("account", "string", "The `name` of an `[[account]]`."),
        required(
            "kind",
            "string",
            "`key-pair`, `programmatic-access-token`, `oauth-client-credentials` or `password`.",
        ),
        optional(
            "user",
            "string",
            "Snowflake user. Required but for `oauth-client-credentials`.",
        ),
        optional(
            "private_key",
            "secret",
            "`key-pair`: PKCS#8 in PEM, encrypted or not.",
        ),
        optional("passphrase", "secret", "`key-pair`: of an encrypted key."),
        optional("token", "secret", "`programmatic-access-token`."),
        optional(
            "token_url",
            "https URL",
            "`oauth-client-credentials`: the token endpoint.",
        ),
        optional("client_id", "string", "`oauth-client-credentials`."),
        optional("client_secret", "secret", "`oauth-client-credentials`."),
        optional(
            "scope",
            "string",
            "`oauth-client-credentials`: the scope asked for.",
        ),
        optional("password", "secret", "`password`: the last resort."),
        optional("role", "string", "Role of every session."),
        default(
            "roles",
            "array of strings",
            "[]",
            "Further roles a client may ask for.",
        ),
        optional("warehouse", "string", "Warehouse of every session."),
        optional("database", "string", "Database of every session."),
        optional("schema", "string", "Schema of every session."),
        optional(
            "session_parameters",
            "table",
            "Parameters set at login, over the client's.",
        ),
    ],
};

pub(in crate::config) static SECRET: Section = Section {
    heading: "a secret",
    doc: "Where a secret comes from; the secret itself is never in this file. Exactly one of `file`, `systemd` and `command`.",
    keys: &[
        optional(
            "file",
            "path",
            "A file of root's that nobody else can read.",
        ),
        optional(
            "systemd",
            "string",
            "Name of a systemd credential (`LoadCredential=`).",
        ),
        optional(
            "command",
            "array of strings",
            "A program that prints the secret.",
        ),
        default(
            "ttl",
            "duration",
            "\"10m\"",
            "With `command`: when it is run again.",
        ),
    ],
};

pub(in crate::config) static KERNEL: Section = Section {
    heading: "[kernel]",
    doc: "The eBPF programs.",
    keys: &[
        default(
            "attach",
            "string",
            "\"/\"",
            "The cgroup the programs are attached to; an ancestor of every scope that does not vanish.",
        ),
        default(
            "pin_dir",
            "path",
            "\"/sys/fs/bpf/snowfence\"",
            "Where links and maps are pinned.",
        ),
        default("ports", "array of ports", "[443]", "Intercepted TCP ports."),
    ],
};

pub(in crate::config) static TLS: Section = Section {
    heading: "[tls]",
    doc: "Certificates, towards clients and upstream.",
    keys: &[
        default(
            "ca_dir",
            "path",
            "\"/var/lib/snowfence/ca\"",
            "Holds `ca.crt` and `ca.key`.",
        ),
        default(
            "upstream_ca_files",
            "array of paths",
            "[]",
            "PEM files with roots besides the system's, for the upstream leg.",
        ),
        default(
            "extra_names",
            "array of host names",
            "[]",
            "Names besides Snowflake's and the accounts' hosts that the CA may sign.",
        ),
    ],
};

pub(in crate::config) static POLICY: Section = Section {
    heading: "[policy]",
    doc: "Who may do what.",
    keys: &[default(
        "dir",
        "path",
        "\"/etc/snowfence/policies\"",
        "Every `*.cedar` file counts.",
    )],
};

pub(in crate::config) static ACCESS: Section = Section {
    heading: "[access]",
    doc: "Asks, votes, grants and budgets.",
    keys: &[
        default(
            "store",
            "path",
            "\"/var/lib/snowfence/access.db\"",
            "The SQLite file that keeps them.",
        ),
        default(
            "socket",
            "path",
            "\"/run/snowfence/access.sock\"",
            "Where agents ask and people decide. Anyone may connect; the kernel says who it is.",
        ),
    ],
};

pub(in crate::config) static ADMIN: Section = Section {
    heading: "[admin]",
    doc: "Status for operators, metrics for Prometheus.",
    keys: &[
        default(
            "socket",
            "path",
            "\"/run/snowfence/admin.sock\"",
            "For root and the daemon's user.",
        ),
        default(
            "metrics",
            "address and port, or `off`",
            "\"127.0.0.1:9464\"",
            "Serves `/metrics` and `/health`.",
        ),
    ],
};

pub(in crate::config) static LIMITS: Section = Section {
    heading: "[limits]",
    doc: "Beyond a limit the daemon refuses.",
    keys: &[
        default(
            "connections_max",
            "integer",
            "4096",
            "Client connections at a time.",
        ),
        default(
            "sessions_max",
            "integer",
            "1024",
            "Snowflake sessions at a time.",
        ),
        default(
            "hello_timeout",
            "duration",
            "\"10s\"",
            "How long a client may take to say hello.",
        ),
        default(
            "request_body_bytes_max",
            "size",
            "\"16 MiB\"",
            "Of one request, decompressed.",
        ),
        default(
            "response_body_bytes_max",
            "size",
            "\"64 MiB\"",
            "Of one answer, decompressed.",
        ),
        default(
            "row_bytes_max",
            "size",
            "\"160 MiB\"",
            "Of one row (JSON) or record batch (Arrow) of a result that is masked. A chunk on its way takes up to twice as much memory.",
        ),
        default(
            "upstream_timeout",
            "duration",
            "\"50s\"",
            "The longest silence of the upstream.",
        ),
        default(
            "hold_poll",
            "duration",
            "\"40s\"",
            "How long a driver that asks about a statement that waits for approval is kept before it is told to ask again.",
        ),
    ],
};

pub(super) const fn required(name: &'static str, kind: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        kind,
        need: Need::Required,
        doc,
    }
}

pub(super) const fn optional(name: &'static str, kind: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        kind,
        need: Need::Optional,
        doc,
    }
}

pub(super) const fn default(
    name: &'static str,
    kind: &'static str,
    value: &'static str,
    doc: &'static str,
) -> Key {
    Key {
        name,
        kind,
        need: Need::Default(value),
        doc,
    }
}
