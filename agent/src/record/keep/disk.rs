//! What the keeper does to files, one step at a time.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use ring::digest::{Context, SHA256};

/// Each step either happens or fails; between two of them the machine may stop.
pub(super) trait Disk: Debug + Send + Sync {
    /// Comes before every step; an error takes the step's place.
    fn step(&self) -> io::Result<()>;

    /// Makes a file that was not there, for us alone.
    fn create(&self, path: &Path) -> io::Result<File> {
        self.step()?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        options.custom_flags(libc::O_NOFOLLOW).open(path)
    }

    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        self.step()?;
        file.write_all(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.step()?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        fs::remove_file(path)
    }

    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.step()?;
        File::open(dir)?.sync_all()
    }

    /// Puts `bytes` in the place of a small file, all or nothing.
    fn replace(&self, dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
        let part = dir.join(format!("{name}.part"));
        match self.remove(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let file = self.create(&part)?;
        self.write(&file, bytes)?;
        self.sync(&file)?;
        self.rename(&part, &dir.join(name))?;
        self.sync_dir(dir)
    }
}

/// The file system itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Real;

impl Disk for Real {
    fn step(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a file and knows its digest.
pub(super) struct Sink<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) file: File,
    digest: Context,
    bytes: u64,
}

impl<'a> Sink<'a> {
    pub(super) fn create(disk: &'a dyn Disk, path: &Path) -> io::Result<Self> {
        Ok(Self {
            disk,
            file: disk.create(path)?,
            digest: Context::new(&SHA256),
            bytes: 0,
        })
    }

    /// Makes the file durable.
    pub(super) fn finish(self) -> io::Result<Content> {
        self.disk.sync(&self.file)?;
        Ok(Content::new(self.digest, self.bytes))
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.write(&self.file, bytes)?;
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) bytes: u64,
    /// Hexadecimal.
    pub(super) sha256: String,
}

impl Content {
    pub(super) fn new(digest: Context, bytes: u64) -> Self {
        use std::fmt::Write as _;
        let mut sha256 = String::new();
        for byte in digest.finish().as_ref() {
            // Writing into a string does not fail.
            write!(sha256, "{byte:02x}").ok();
        }
        Self { bytes, sha256 }
    }

    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut digest = Context::new(&SHA256);
        digest.update(bytes);
        Self::new(digest, bytes.len() as u64)
    }

    /// Reads to the end.
    pub(super) fn read(mut input: impl io::Read) -> io::Result<Self> {
        let (mut digest, mut bytes) = (Context::new(&SHA256), 0);
        let mut buffer = vec![0; 128 << 10];
        loop {
            let read = input.read(&mut buffer)?;
            if read == 0 {
                return Ok(Self::new(digest, bytes));
            }
            digest.update(buffer.get(..read).unwrap_or_default());
            bytes += read as u64;
        }
    }
}
