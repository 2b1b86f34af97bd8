//! `[record.ship]`.

use std::fmt;
use std::path::PathBuf;

use toml::Spanned;

use super::credential::secret;
use crate::config::reader::Reader;
use crate::config::value;
use crate::config::{Ship, ShipAuth, ShipTarget};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Auth {
    Keys,
    Instance,
}

const AUTHS: [(&str, Auth); 2] = [("keys", Auth::Keys), ("instance", Auth::Instance)];

pub(super) fn ship(mut table: Reader<'_, '_>) -> Option<Ship> {
    let target = table.required_as("url", target).map(Spanned::into_inner);
    let endpoint = table.parsed("endpoint", value::receiver);
    let region = table.parsed("region", value::not_empty);
    let auth = auth(&mut table, target.as_ref());
    let ca_files = table.list("ca_files", value::path);
    table.finish();
    Some(Ship {
        target: target?,
        endpoint,
        region,
        auth: auth?,
        ca_files: ca_files.into_iter().map(Spanned::into_inner).collect(),
    })
}

fn auth(table: &mut Reader<'_, '_>, target: Option<&ShipTarget>) -> Option<ShipAuth> {
    let (has_id, has_secret) = (table.has("access_key_id"), table.has("secret_access_key"));
    let has_auth = table.has("auth");
    let choice = table.choice("auth", &AUTHS);
    let id = table.parsed("access_key_id", value::not_empty);
    let key = secret(table, "secret_access_key");
    let target = target?;
    if matches!(target, ShipTarget::Files(_)) {
        if has_id || has_secret || has_auth {
            table.problem("`auth` and keys have no effect with `file://`");
        }
        return Some(ShipAuth::None);
    }
    if !has_auth {
        table.missing("auth");
    }
    let needs_id = match target {
        ShipTarget::S3 { .. } => choice == Some(Auth::Keys),
        ShipTarget::Azure { .. } => true,
        ShipTarget::Gcs { .. } | ShipTarget::Files(_) => false,
    };
    if needs_id && !has_id {
        table.missing("access_key_id");
    }
    match choice? {
        Auth::Instance => {
            if has_secret {
                table.problem("`secret_access_key` has no effect with `auth = \"instance\"`");
            }
            Some(ShipAuth::Instance { account: id })
        }
        Auth::Keys => {
            if !has_secret {
                table.missing("secret_access_key");
            }
            Some(ShipAuth::Keys { id, secret: key? })
        }
    }
}

fn target(text: &str) -> Result<ShipTarget, String> {
    let wrong = || {
        "write `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX` or `file:///DIR`"
            .to_owned()
    };
    let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_end_matches('/');
    let is_plain = |part: &str| {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte);
        !part.is_empty() && part != "." && part != ".." && part.bytes().all(is_known)
    };
    if scheme == "file" {
        let path = PathBuf::from(format!("/{prefix}"));
        let is_good = bucket.is_empty() && prefix.split('/').all(is_plain);
        return is_good.then_some(ShipTarget::Files(path)).ok_or_else(wrong);
    }
    if !is_plain(bucket) || !(prefix.is_empty() || prefix.split('/').all(is_plain)) {
        return Err(wrong());
    }
    let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
    match scheme {
        "s3" => Ok(ShipTarget::S3 { bucket, prefix }),
        "gs" => Ok(ShipTarget::Gcs { bucket, prefix }),
        "az" => Ok(ShipTarget::Azure {
            container: bucket,
            prefix,
        }),
        _ => Err(wrong()),
    }
}

impl fmt::Display for ShipTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, bucket, prefix) = match self {
            Self::S3 { bucket, prefix } => ("s3", bucket, prefix),
            Self::Gcs { bucket, prefix } => ("gs", bucket, prefix),
            Self::Azure { container, prefix } => ("az", container, prefix),
            Self::Files(path) => return write!(formatter, "file://{}", path.display()),
        };
        let slash = if prefix.is_empty() { "" } else { "/" };
        write!(formatter, "{scheme}://{bucket}{slash}{prefix}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_as_they_were_written() {
        for text in [
            "s3://b/p/q",
            "s3://b",
            "gs://b/p",
            "az://c/p",
            "file:///a/b",
        ] {
            assert_eq!(target(text).unwrap().to_string(), text);
        }
        for text in [
            "b/p",
            "s3://",
            "s3:///p",
            "s3://b//p",
            "s3://b/../p",
            "s3://key:secret@b/p",
            "s3://b/p?x=1",
            "file://a/b",
            "file:///",
            "ftp://b/p",
        ] {
            target(text).unwrap_err();
        }
    }
}
