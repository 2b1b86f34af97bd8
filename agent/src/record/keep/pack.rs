//! A closed segment becomes a compressed, and where there are recipients an encrypted, file.
//!
//! ```text
//! N.sfr ─zstd─► N.sfr.zst.part ─read back─┬─► N.sfr.zst                       no recipients
//!                                         └─age─► N.sfr.zst.age.part ─► N.sfr.zst.age
//! ```
//!
//! The plain file goes last, after the packed one is durable, read back and recorded as archived. As
//! long as both are there the plain one is the segment, and packing begins anew.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use age::x25519::Recipient;

use super::disk::{Content, Disk, Sink};
use crate::record::format::{Packing, file_name, parse_file_name};

/// What was read and written at once.
const CHUNK_BYTES: usize = 128 << 10;

/// Why a segment stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    #[error("cannot read `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write `{}`", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` does not read back as it was written; the disk may be failing", path.display())]
    Differs { path: PathBuf },
    #[error("cannot encrypt `{}`", path.display())]
    Encrypt {
        path: PathBuf,
        #[source]
        source: Box<age::EncryptError>,
    },
    #[error("`{text}` is no age recipient")]
    Recipient { text: String },
    #[error("cannot start the thread that packs")]
    Thread {
        #[source]
        source: io::Error,
    },
}

/// Packs the segments of one recording.
#[derive(Clone)]
pub(super) struct Packer {
    dir: PathBuf,
    level: i32,
    recipients: Vec<Recipient>,
    disk: Arc<dyn Disk>,
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Packer")
            .field("dir", &self.dir)
            .field("recipients", &self.recipients.len())
            .finish_non_exhaustive()
    }
}

impl Packer {
    pub(super) fn new(
        dir: &Path,
        level: i32,
        recipients: &[String],
        disk: Arc<dyn Disk>,
    ) -> Result<Self, PackError> {
        let parsed = recipients.iter().map(|text| {
            text.parse()
                .map_err(|_text: &str| PackError::Recipient { text: text.clone() })
        });
        Ok(Self {
            dir: dir.to_owned(),
            level,
            recipients: parsed.collect::<Result<_, _>>()?,
            disk,
        })
    }

    /// Removes what interrupted packing left: the files that are not complete.
    pub(super) fn clean(&self) -> io::Result<()> {
        for file in fs::read_dir(&self.dir)? {
            let file = file?;
            let name = file.file_name();
            let segment = name.to_str().and_then(|it| it.strip_suffix(".part"));
            if segment.and_then(parse_file_name).is_some() {
                self.disk.remove(&file.path())?;
            }
        }
        Ok(())
    }

    /// Packs the segment `number`; its plain file stays.
    pub(super) fn pack(&self, number: u64) -> Result<(PathBuf, Content), PackError> {
        let plain = self.path(number, Packing::Plain);
        for other in [Packing::Zstd, Packing::Age] {
            let other = self.path(number, other);
            remove_if_there(&*self.disk, &other).map_err(writing(&other))?;
        }
        let zst = part(&self.path(number, Packing::Zstd));
        let compressed = self.compress(&plain, &zst)?;
        let (part, packing, content) = if self.recipients.is_empty() {
            (zst, Packing::Zstd, compressed)
        } else {
            let age = part(&self.path(number, Packing::Age));
            let content = self.encrypt((&zst, &compressed), &age)?;
            self.disk.remove(&zst).map_err(writing(&zst))?;
            (age, Packing::Age, content)
        };
        let packed = self.path(number, packing);
        // The age of a segment is when it was closed, not when it was packed.
        let closed = fs::metadata(&plain).and_then(|it| it.modified());
        let closed = closed.map_err(reading(&plain))?;
        File::open(&part)
            .and_then(|file| file.set_modified(closed))
            .and_then(|()| self.disk.rename(&part, &packed))
            .and_then(|()| self.disk.sync_dir(&self.dir))
            .map_err(writing(&packed))?;
        Ok((packed, content))
    }

    /// Removes the plain file of a segment that is packed.
    pub(super) fn finish(&self, number: u64) -> Result<(), PackError> {
        let plain = self.path(number, Packing::Plain);
        let removed = self.disk.remove(&plain);
        removed
            .and_then(|()| self.disk.sync_dir(&self.dir))
            .map_err(writing(&plain))
    }

    fn path(&self, number: u64, packing: Packing) -> PathBuf {
        self.dir.join(file_name(number, packing))
    }

    /// Compresses, reads back, and compares.
    fn compress(&self, plain: &Path, zst: &Path) -> Result<Content, PackError> {
        let (read, write) = (reading(plain), writing(zst));
        let mut input = File::open(plain).map_err(&read)?;
        remove_if_there(&*self.disk, zst).map_err(&write)?;
        let sink = Sink::create(&*self.disk, zst).map_err(&write)?;
        let mut encoder = zstd::Encoder::new(sink, self.level).map_err(&write)?;
        encoder.include_checksum(true).map_err(&write)?;
        let mut before = blake3::Hasher::new();
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let length = input.read(&mut buffer).map_err(&read)?;
            let bytes = buffer.get(..length).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            before.update(bytes);
            encoder.write_all(bytes).map_err(&write)?;
        }
        let content = encoder.finish().and_then(Sink::finish).map_err(&write)?;
        let back = reading(zst);
        let mut decoder = File::open(zst)
            .and_then(zstd::Decoder::new)
            .map_err(&back)?;
        let mut after = blake3::Hasher::new();
        io::copy(&mut decoder, &mut after).map_err(&back)?;
        if before.finalize() == after.finalize() {
            return Ok(content);
        }
        Err(PackError::Differs {
            path: zst.to_owned(),
        })
    }

    /// Encrypts to all recipients. Nobody here can decrypt: what went in is compared with what was
    /// verified, what is on the disk with what came out.
    fn encrypt(
        &self,
        (zst, verified): (&Path, &Content),
        age: &Path,
    ) -> Result<Content, PackError> {
        let (read, write) = (reading(zst), writing(age));
        let mut input = File::open(zst).map_err(&read)?;
        remove_if_there(&*self.disk, age).map_err(&write)?;
        let recipients = self.recipients.iter().map(|it| it as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(recipients);
        let encryptor = encryptor.map_err(|source| PackError::Encrypt {
            path: zst.to_owned(),
            source: Box::new(source),
        })?;
        let sink = Sink::create(&*self.disk, age).map_err(&write)?;
        let mut stream = encryptor.wrap_output(sink).map_err(&write)?;
        let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
        let (mut buffer, mut bytes) = (vec![0; CHUNK_BYTES], 0);
        loop {
            let length = input.read(&mut buffer).map_err(&read)?;
            let chunk = buffer.get(..length).unwrap_or_default();
            if chunk.is_empty() {
                break;
            }
            digest.update(chunk);
            bytes += length as u64;
            stream.write_all(chunk).map_err(&write)?;
        }
        let content = stream.finish().and_then(Sink::finish).map_err(&write)?;
        let back = File::open(age)
            .and_then(Content::read)
            .map_err(reading(age))?;
        if Content::new(digest, bytes) == *verified && back == content {
            return Ok(content);
        }
        Err(PackError::Differs {
            path: age.to_owned(),
        })
    }
}

fn part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn remove_if_there(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(_there) => disk.remove(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn reading(path: &Path) -> impl Fn(io::Error) -> PackError {
    move |source| PackError::Read {
        path: path.to_owned(),
        source,
    }
}

fn writing(path: &Path) -> impl Fn(io::Error) -> PackError {
    move |source| PackError::Write {
        path: path.to_owned(),
        source,
    }
}
