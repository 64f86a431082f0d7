//! Puts the shared library where a loader finds it, as it is or with some of its functions missing.
use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

/// The state's file name, looked for beside the library where `FAKE_NVML_STATE` is not set.
pub const STATE_FILE: &str = "fake-nvml.json";

/// The shared library that Cargo built beside the running test: whoever depends on this crate has it in
/// `target/…/deps`.
pub fn library_path() -> io::Result<PathBuf> {
    let test = env::current_exe()?;
    let folders = test.ancestors().skip(1).take(2);
    let candidates = folders.flat_map(|folder| [folder.join("libfake_nvml.so"), folder.join("deps/libfake_nvml.so")]);
    let missing = || {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("no libfake_nvml.so beside {}", test.display()),
        )
    };
    candidates.into_iter().find(|path| path.is_file()).ok_or_else(missing)
}

/// Copies the library into `folder` as `libnvidia-ml.so.1`, without the functions in `missing`, and gives its path. A
/// copy and never a link: the loader knows libraries by inode, and would take two links for one library.
pub fn install(folder: &Path, missing: &[&str]) -> io::Result<PathBuf> {
    let mut library = fs::read(library_path()?)?;
    for name in missing {
        hide(&mut library, name)?;
    }
    let path = folder.join("libnvidia-ml.so.1");
    fs::write(&path, library)?;
    Ok(path)
}

/// Renames a function in the library's string tables. Its entry stays under its old hash, where a lookup finds another
/// name, and gives up.
fn hide(library: &mut [u8], name: &str) -> io::Result<()> {
    let entry = [b"\0", name.as_bytes(), b"\0"].concat();
    let (mut places, mut from) = (Vec::new(), 0);
    while let Some(at) = find(&library[from..], &entry) {
        places.push(from + at + 1);
        from += at + 1;
    }
    for at in &places {
        library[*at] = b'X';
    }
    let missing = || io::Error::new(io::ErrorKind::NotFound, format!("the library has no function {name}"));
    (!places.is_empty()).then_some(()).ok_or_else(missing)
}

/// Where some bytes first stand. The C library's own search: one of ours takes half a minute under Valgrind.
fn find(within: &[u8], wanted: &[u8]) -> Option<usize> {
    // SAFETY: both are pointers to as many bytes as is said, which nobody changes meanwhile.
    let found = unsafe {
        libc::memmem(
            within.as_ptr().cast(),
            within.len(),
            wanted.as_ptr().cast(),
            wanted.len(),
        )
    };
    (!found.is_null()).then(|| found as usize - within.as_ptr() as usize)
}
