//! The data folder of `tenantwatch run`: the database and the generated action key. Both are private to one user, because
//! the key signs buttons that disable accounts, and the database contains audit records.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The file that contains the generated `ACTION_KEY`.
const ACTION_KEY_FILE: &str = "action-key";

/// The file that contains the tables.
const DATABASE_FILE: &str = "tenantwatch.db";

/// The first bytes of every SQLite database: <https://www.sqlite.org/fileformat.html#magic_header_string>.
const SQLITE_HEADER: &[u8] = b"SQLite format 3\0";

/// Why the data folder or a file in it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The folder or file cannot be created, read or written.
    #[error("{0} cannot be used: {1}")]
    Io(PathBuf, #[source] Error),
    /// Other users can change the folder, or read a file in it.
    #[error("{path} is open to other users (mode {mode:03o}); run `chmod {wanted:o} {path}`", path = path.display())]
    Exposed {
        /// The folder or file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The permission bits that it should have.
        wanted: u32,
    },
    /// It belongs to another user.
    #[error("{path} belongs to user {owner}, but Tenantwatch runs as user {user}; run it as the owner, or change the owner", path = path.display())]
    ForeignOwner {
        /// The folder or file.
        path: PathBuf,
        /// The user id of its owner.
        owner: u32,
        /// The user id of this process.
        user: u32,
    },
    /// A run was interrupted while it wrote the key.
    #[error("{} is empty; delete it, and Tenantwatch generates a new key", .0.display())]
    EmptyKey(PathBuf),
    /// The database file has another format.
    #[error(
        "{} is not an SQLite database; restore it from a backup, or move it away and Tenantwatch creates a new one",
        .0.display()
    )]
    NotADatabase(PathBuf),
    /// No run has used the folder.
    #[error("the folder {} contains no {DATABASE_FILE}; name the data folder of `tenantwatch run`", .0.display())]
    Unused(PathBuf),
}

/// A folder that only this user can change.
#[derive(Debug)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// Opens the folder, and creates it with mode 0700 if it does not exist.
    ///
    /// # Errors
    /// Returns [`DataError`] if it cannot be created, belongs to another user or can be changed by others. Others may list an
    /// existing folder, as in the state folder that a service manager creates: the files in it are private.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let failed = |error| DataError::Io(path.to_owned(), error);
        create_folder(path).map_err(failed)?;
        let metadata = std::fs::metadata(path).map_err(failed)?;
        if !metadata.is_dir() {
            return Err(failed(ErrorKind::NotADirectory.into()));
        }
        check_access(path, &metadata, 0o022, 0o700)?;
        Ok(Self(path.to_owned()))
    }

    /// Opens a folder that a run has used, and creates nothing in it.
    ///
    /// # Errors
    /// As [`DataFolder::open`], and [`DataError::Unused`] if it contains no database.
    pub fn open_used(path: &Path) -> Result<Self, DataError> {
        if !path.join(DATABASE_FILE).is_file() {
            return Err(DataError::Unused(path.to_owned()));
        }
        Self::open(path)
    }

    /// Returns the stored action key, and generates it with the first call.
    ///
    /// # Errors
    /// Returns [`DataError`] if the file cannot be read or written, or is not private.
    pub fn action_key(&self) -> Result<String, DataError> {
        let path = self.0.join(ACTION_KEY_FILE);
        let failed = |error| DataError::Io(path.clone(), error);
        match private_file(&path).map_err(failed)? {
            Opened::Created(mut file) => {
                let mut bytes = [0_u8; 32];
                getrandom::fill(&mut bytes).map_err(|error| failed(Error::other(error)))?;
                let key = BASE64.encode(bytes);
                file.write_all(key.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
                Ok(key)
            }
            Opened::Existing(mut file) => {
                check_access(&path, &file.metadata().map_err(failed)?, 0o077, 0o600)?;
                let mut key = String::new();
                file.read_to_string(&mut key).map_err(failed)?;
                let key = key.trim();
                if key.is_empty() { Err(DataError::EmptyKey(path)) } else { Ok(key.to_owned()) }
            }
        }
    }

    /// Returns the path of the database, which is then an SQLite database or an empty private file.
    ///
    /// # Errors
    /// Returns [`DataError`] if the file cannot be used, is not private or is not a database.
    pub fn database(&self) -> Result<PathBuf, DataError> {
        let path = self.0.join(DATABASE_FILE);
        let failed = |error| DataError::Io(path.clone(), error);
        // SQLite gives the files beside the database the same permissions.
        let Opened::Existing(file) = private_file(&path).map_err(failed)? else { return Ok(path) };
        check_access(&path, &file.metadata().map_err(failed)?, 0o077, 0o600)?;
        let mut header = Vec::new();
        file.take(SQLITE_HEADER.len() as u64).read_to_end(&mut header).map_err(failed)?;
        if header.is_empty() || header == SQLITE_HEADER { Ok(path) } else { Err(DataError::NotADatabase(path)) }
    }
}

/// A file that was created by this call, or one that existed before.
enum Opened {
    Created(File),
    Existing(File),
}

/// Creates a file that only its owner can read, or opens the one that exists.
fn private_file(path: &Path) -> std::io::Result<Opened> {
    let mut options = OpenOptions::new();
    // Exclusive: a link or file that someone else placed there first is never written to.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => Ok(Opened::Created(file)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => File::open(path).map(Opened::Existing),
        Err(error) => Err(error),
    }
}

fn create_folder(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut folder = std::fs::DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.create(path)
}

#[cfg(unix)]
fn check_access(path: &Path, metadata: &std::fs::Metadata, forbidden: u32, wanted: u32) -> Result<(), DataError> {
    use std::os::unix::fs::MetadataExt as _;
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user {
        return Err(DataError::ForeignOwner { path: path.to_owned(), owner, user });
    }
    let mode = metadata.mode() & 0o777;
    if mode & forbidden != 0 {
        return Err(DataError::Exposed { path: path.to_owned(), mode, wanted });
    }
    Ok(())
}

/// Accepts every file: other systems have no permission bits, and a new file inherits the access list of the user's folder.
#[cfg(not(unix))]
fn check_access(_: &Path, _: &std::fs::Metadata, _: u32, _: u32) -> Result<(), DataError> {
    Ok(())
}
