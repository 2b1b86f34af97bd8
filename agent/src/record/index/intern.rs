//! Words, texts and sets of tables, each kept once and named by a number.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::error::IndexError;
use super::file::scalar;
use super::write::{insert, pieces, run};

/// Of texts, and of words: 40 bytes for each, and what is not here is looked up in the file.
const REMEMBERED_MAX: usize = 1 << 17;

/// What a word is. The numbers are in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Word {
    Workload,
    User,
    Account,
    Credential,
    Operation,
    Reason,
    Object,
    Label,
    Client,
}

impl Word {
    pub(super) const fn code(self) -> i64 {
        match self {
            Self::Workload => 1,
            Self::User => 2,
            Self::Account => 3,
            Self::Credential => 4,
            Self::Operation => 5,
            Self::Reason => 6,
            Self::Object => 7,
            Self::Label => 8,
            Self::Client => 9,
        }
    }
}

type Digest = [u8; 16];

/// What is known of what is in the file. After a transaction that failed it is wrong.
#[derive(Debug, Default)]
pub(super) struct Interned {
    words: HashMap<(Word, String), i64>,
    texts: HashMap<Digest, i64>,
    sets: HashMap<Digest, i64>,
    last_word: i64,
    last_text: i64,
    last_set: i64,
}

impl Interned {
    pub(super) async fn load(&mut self, c: &mut SqliteConnection) -> Result<(), IndexError> {
        self.last_word = scalar(c, "SELECT coalesce(max(id), 0) FROM words").await?;
        self.last_text = scalar(c, "SELECT coalesce(max(id), 0) FROM texts").await?;
        self.last_set = scalar(c, "SELECT coalesce(max(id), 0) FROM sets").await?;
        Ok(())
    }

    /// What the deletion of old texts and sets makes wrong.
    pub(super) fn forget(&mut self) {
        self.texts.clear();
        self.sets.clear();
    }

    pub(super) async fn word(
        &mut self,
        kind: Word,
        word: &str,
        c: &mut SqliteConnection,
    ) -> Result<i64, IndexError> {
        let key = (kind, word.to_owned());
        if let Some(id) = self.words.get(&key) {
            return Ok(*id);
        }
        let found = sqlx::query_scalar("SELECT id FROM words WHERE kind = $1 AND word = $2")
            .bind(kind.code())
            .bind(word)
            .fetch_optional(&mut *c)
            .await
            .map_err(IndexError::failed)?;
        let id = match found {
            Some(id) => id,
            None => {
                self.last_word += 1;
                let statement = "INSERT INTO words (id, kind, word) VALUES ($1, $2, $3)";
                let query = sqlx::query(statement).bind(self.last_word);
                run(query.bind(kind.code()).bind(word), c).await?;
                self.last_word
            }
        };
        if self.words.len() >= REMEMBERED_MAX {
            self.words.clear();
        }
        self.words.insert(key, id);
        Ok(id)
    }

    /// The numbers of texts, by the texts.
    pub(super) async fn texts<'t>(
        &mut self,
        texts: &BTreeSet<&'t str>,
        c: &mut SqliteConnection,
    ) -> Result<HashMap<&'t str, i64>, IndexError> {
        let mut ids = HashMap::with_capacity(texts.len());
        let mut missing = BTreeMap::new();
        for text in texts {
            let digest = digest(&[text]);
            match self.texts.get(&digest) {
                Some(id) => drop(ids.insert(*text, *id)),
                None => drop(missing.insert(digest, *text)),
            }
        }
        let digests: Vec<Digest> = missing.keys().copied().collect();
        if self.texts.len() >= REMEMBERED_MAX {
            self.texts.clear();
        }
        for (id, digest) in look_up("SELECT id, digest FROM texts", &digests, c).await? {
            if let Some(text) = missing.remove(&digest) {
                ids.insert(text, id);
                self.texts.insert(digest, id);
            }
        }
        let mut fresh = Vec::with_capacity(missing.len());
        for (digest, text) in missing {
            self.last_text += 1;
            fresh.push((self.last_text, digest, text));
            ids.insert(text, self.last_text);
            self.texts.insert(digest, self.last_text);
        }
        insert(
            "INSERT INTO texts (id, digest, text) ",
            &fresh,
            "",
            c,
            |mut to, row| {
                to.push_bind(row.0)
                    .push_bind(row.1.to_vec())
                    .push_bind(row.2.to_owned());
            },
        )
        .await?;
        insert(
            "INSERT INTO finds (rowid, text) ",
            &fresh,
            "",
            c,
            |mut to, row| {
                to.push_bind(row.0).push_bind(row.2.to_owned());
            },
        )
        .await?;
        Ok(ids)
    }

    /// The number of a set of tables; 0 for none.
    pub(super) async fn set(
        &mut self,
        names: &[String],
        c: &mut SqliteConnection,
    ) -> Result<i64, IndexError> {
        if names.is_empty() {
            return Ok(0);
        }
        let parts: Vec<&str> = names.iter().map(String::as_str).collect();
        let digest = digest(&parts);
        if let Some(id) = self.sets.get(&digest) {
            return Ok(*id);
        }
        let found = look_up("SELECT id, digest FROM sets", &[digest], c).await?;
        let id = match found.first() {
            Some((id, _digest)) => *id,
            None => self.new_set(names, digest, c).await?,
        };
        if self.sets.len() >= REMEMBERED_MAX {
            self.sets.clear();
        }
        self.sets.insert(digest, id);
        Ok(id)
    }

    async fn new_set(
        &mut self,
        names: &[String],
        digest: Digest,
        c: &mut SqliteConnection,
    ) -> Result<i64, IndexError> {
        self.last_set += 1;
        let id = self.last_set;
        let query = sqlx::query("INSERT INTO sets (id, digest) VALUES ($1, $2)");
        run(query.bind(id).bind(digest.to_vec()), c).await?;
        for name in names {
            let object = self.word(Word::Object, name, c).await?;
            let query = sqlx::query("INSERT INTO set_objects (object, objects) VALUES ($1, $2)");
            run(query.bind(object).bind(id), c).await?;
        }
        Ok(id)
    }
}

/// Half of BLAKE3: enough that two texts never meet by chance. Who makes two that do, on purpose,
/// has done 2^64 work to hide one of them from a search.
fn digest(parts: &[&str]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut digest = Digest::default();
    let hash = hasher.finalize();
    digest
        .iter_mut()
        .zip(hash.as_bytes())
        .for_each(|(to, from)| *to = *from);
    digest
}

async fn look_up(
    select: &'static str,
    digests: &[Digest],
    c: &mut SqliteConnection,
) -> Result<Vec<(i64, Digest)>, IndexError> {
    let mut found = Vec::with_capacity(digests.len());
    for piece in pieces(digests) {
        let mut query = sqlx::QueryBuilder::new(select);
        query.push(" WHERE digest IN (");
        let mut list = query.separated(", ");
        for digest in piece {
            list.push_bind(digest.to_vec());
        }
        query.push(")");
        let rows = query.build().fetch_all(&mut *c).await;
        for row in rows.map_err(IndexError::failed)? {
            let digest: Vec<u8> = row.try_get(1).map_err(IndexError::failed)?;
            let id = row.try_get(0).map_err(IndexError::failed)?;
            if let Ok(digest) = Digest::try_from(digest.as_slice()) {
                found.push((id, digest));
            }
        }
    }
    Ok(found)
}
