//! Which inode of which file system a descriptor names, as the kernel numbers them.

use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, OwnedFd};

/// An inode and the file system that it is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) inode: u64,
    /// `s_dev`: 12 bits of major, 20 bits of minor number.
    pub(super) device: u64,
    kind: String,
}

impl Mount {
    /// Whether a program answers for the file system instead of the kernel. Anyone can mount such a
    /// file system in a user namespace of their own.
    pub(super) fn is_user_space(&self) -> bool {
        self.kind == "fuse" || self.kind.starts_with("fuse.") || self.kind == "fuseblk"
    }
}

/// A mount and an inode on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    mount_id: u64,
    inode: u64,
}

/// Reads where a descriptor points, without asking the file system.
pub(super) fn position(descriptor: &OwnedFd) -> io::Result<Position> {
    let path = format!("/proc/self/fdinfo/{}", descriptor.as_raw_fd());
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(FDINFO_BYTES_MAX)
        .read_to_string(&mut text)?;
    parse_fdinfo(&text).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

fn parse_fdinfo(text: &str) -> Option<Position> {
    let field = |name: &str| -> Option<u64> {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    };
    // `ino` is there since 5.14.
    Some(Position {
        mount_id: field("mnt_id:")?,
        inode: field("ino:")?,
    })
}

/// Finds the mount in a `mountinfo` file: `id parent major:minor root point options [tag]* - kind …`.
pub(super) fn find(mountinfo: &[u8], position: Position) -> Option<Mount> {
    let text = String::from_utf8_lossy(mountinfo);
    text.lines().find_map(|line| {
        let mut fields = line.split(' ');
        if fields.next()?.parse() != Ok(position.mount_id) {
            return None;
        }
        let (major, minor) = fields.nth(1)?.split_once(':')?;
        let (major, minor): (u64, u64) = (major.parse().ok()?, minor.parse().ok()?);
        // Blanks in paths are escaped as \040, so this is the separator.
        let kind = fields.skip_while(|field| *field != "-").nth(1)?;
        Some(Mount {
            inode: position.inode,
            device: major << MINOR_BITS | minor,
            kind: kind.to_owned(),
        })
    })
}

const MINOR_BITS: u32 = 20;

/// A plain file's takes about 60 bytes.
const FDINFO_BYTES_MAX: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &[u8] = b"21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
          40 21 0:33 / /srv/a\\040-\\040b rw shared:9 master:2 - fuse.sshfs u@h:/ rw\n\
          41 21 259:1048575 / /data rw - xfs /dev/nvme0n1 rw\n";

    #[track_caller]
    fn check(mount_id: u64, expected: Option<(u64, &str)>) {
        let found = find(MOUNTINFO, Position { mount_id, inode: 7 });
        let expected = expected.map(|(device, kind)| Mount {
            inode: 7,
            device,
            kind: kind.to_owned(),
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn a_mount_is_found_by_its_id() {
        check(21, Some((8 << 20 | 1, "ext4")));
        check(40, Some((33, "fuse.sshfs")));
        check(41, Some((259 << 20 | 0xf_ffff, "xfs")));
        check(1, None);
        check(2, None);
    }

    #[test]
    fn file_systems_in_user_space_are_told_apart() {
        let kind = |kind: &str| Mount {
            inode: 1,
            device: 1,
            kind: kind.to_owned(),
        };
        assert!(kind("fuse").is_user_space());
        assert!(kind("fuse.sshfs").is_user_space());
        assert!(kind("fuseblk").is_user_space());
        assert!(!kind("ext4").is_user_space());
    }

    /// `/proc/PID/maps` prints `i_sb->s_dev` and `i_ino` of mapped files: the numbers that the
    /// kernel half remembers.
    #[test]
    fn device_and_inode_are_the_kernels() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let exe = std::env::current_exe().unwrap();
        let line = maps
            .lines()
            .find(|line| line.ends_with(exe.to_str().unwrap()))
            .unwrap();
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (major, minor) = fields[3].split_once(':').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();

        let file = std::fs::File::open("/proc/self/exe").unwrap();
        let mountinfo = std::fs::read("/proc/self/mountinfo").unwrap();
        let mount = find(&mountinfo, position(&file.into()).unwrap()).unwrap();
        assert_eq!(mount.inode, fields[4].parse().unwrap());
        assert_eq!(mount.device, (number(major) << MINOR_BITS) | number(minor));
    }
}
