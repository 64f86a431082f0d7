//! Finding programs as a shell finds them.
use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// The first program of this name that our own `PATH` leads to.
pub fn find(name: &str) -> Option<PathBuf> {
    find_in(&env::var_os("PATH")?, &[name])
}

/// The first of these programs that a `PATH` leads to. Relative folders in it are passed over.
pub(crate) fn find_in(path: &OsStr, programs: &[&str]) -> Option<PathBuf> {
    let mut folders = env::split_paths(path).filter(|folder| folder.is_absolute());
    folders.find_map(|folder| {
        programs
            .iter()
            .map(|name| folder.join(name))
            .find(|path| is_program(path))
    })
}

fn is_program(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
}
