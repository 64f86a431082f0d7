//! Floor 1: fault points, places where a test can have a process die or a step fail. Without the feature `fault-points`
//! they are nothing.
//!
//! `GPUYARD_FAULT=POINT:KIND:FUSE` arms one of them. It goes off while the file FUSE is there, in whichever process comes by:
//! `abort` removes the fuse and dies as by kill -9, so that it happens once; `pause` removes it and stands still as by kill -STOP;
//! `error` and `full` fail the step that the point stands before, until the fuse is taken away, and leave `FUSE.hit` beside it.
//!
//! `GPUYARD_FAULT_NETWORK=FOLDER` has that folder taken for one on a network file system.
use std::{fmt, io, path::Path};

/// What can happen at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The process dies as if by kill -9.
    Abort,
    /// The process stands still, as if by kill -STOP, until somebody has it go on.
    Pause,
    /// The step fails: input/output error.
    Error,
    /// The step fails: no space left on the device.
    Full,
}

impl Kind {
    /// As it is written in `GPUYARD_FAULT`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Abort => "abort",
            Kind::Pause => "pause",
            Kind::Error => "error",
            Kind::Full => "full",
        }
    }
}

/// A place in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Its name.
    pub name: &'static str,
    /// What can happen there.
    pub kinds: &'static [Kind],
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.kinds.iter().try_for_each(|kind| write!(f, " {}", kind.name()))
    }
}

/// A step that may fail comes next.
const fn step(name: &'static str) -> Point {
    Point {
        name,
        kinds: &[Kind::Abort, Kind::Error, Kind::Full],
    }
}

/// Between two steps: nothing can fail there, and anybody can die.
const fn between(name: &'static str) -> Point {
    Point {
        name,
        kinds: &[Kind::Abort],
    }
}

/// Every point, in the order in which an attempt comes by them.
pub const POINTS: &[Point] = &[
    // A file is replaced, any file: state, settings, command files, bindings.
    step("file-write"),
    step("file-rename"),
    step("file-renamed"),
    // The scheduler.
    step("journal-append"),
    step("journal-sync"),
    between("snapshot-begun"),
    Point {
        name: "run-closed",
        kinds: &[Kind::Abort, Kind::Pause],
    },
    step("lease-make"),
    between("lease-made"),
    between("intent-recorded"),
    step("spec-write"),
    between("attempt-written"),
    between("runner-started"),
    // The runner.
    between("set-up"),
    between("forked"),
    step("start-write"),
    between("start-recorded"),
    between("command-started"),
    between("command-ended"),
    step("exit-write"),
    between("exit-written"),
    between("exit-renamed"),
    between("exit-recorded"),
    between("lease-given-back"),
];

/// Whether this build has its points.
pub const BUILT_IN: bool = cfg!(feature = "fault-points");

/// Before a step that may fail: `Err` is what it would have failed with.
#[cfg(feature = "fault-points")]
pub fn step_at(name: &str) -> io::Result<()> {
    armed::meet(name)
}

/// Nothing.
#[cfg(not(feature = "fault-points"))]
#[inline(always)]
pub fn step_at(_name: &str) -> io::Result<()> {
    Ok(())
}

/// Between two steps.
#[cfg(feature = "fault-points")]
pub fn point(name: &str) {
    // What cannot fail here is not armed with anything but an abort.
    let _ = armed::meet(name);
}

/// Nothing.
#[cfg(not(feature = "fault-points"))]
#[inline(always)]
pub fn point(_name: &str) {}

/// Whether a test wants this path to lie on a network file system.
#[cfg(feature = "fault-points")]
pub fn on_network(path: &Path) -> bool {
    std::env::var_os("GPUYARD_FAULT_NETWORK").is_some_and(|folder| path.starts_with(folder))
}

/// No.
#[cfg(not(feature = "fault-points"))]
#[inline(always)]
pub fn on_network(_path: &Path) -> bool {
    false
}

#[cfg(feature = "fault-points")]
mod armed {
    //! The points of a build for tests.
    use std::{fs, io, path::PathBuf, sync::LazyLock};

    use rustix::{
        io::Errno,
        process::{Signal, getpid, kill_process},
    };

    use crate::{Kind, POINTS};

    struct Armed {
        name: String,
        kind: Kind,
        fuse: PathBuf,
    }

    static ARMED: LazyLock<Option<Armed>> = LazyLock::new(|| {
        let text = std::env::var("GPUYARD_FAULT").ok()?;
        let mut parts = text.splitn(3, ':');
        let (name, kind, fuse) = (parts.next()?, parts.next()?, parts.next()?);
        let point = POINTS.iter().find(|point| point.name == name)?;
        let kind = *point.kinds.iter().find(|known| known.name() == kind)?;
        Some(Armed {
            name: name.into(),
            kind,
            fuse: fuse.into(),
        })
    });

    pub(crate) fn meet(name: &str) -> io::Result<()> {
        debug_assert!(POINTS.iter().any(|point| point.name == name), "{name} is not listed");
        let Some(armed) = ARMED.as_ref().filter(|armed| armed.name == name) else {
            return Ok(());
        };
        let errno = match armed.kind {
            Kind::Abort => return once(armed, Signal::KILL),
            Kind::Pause => return once(armed, Signal::STOP),
            Kind::Error => Errno::IO,
            Kind::Full => Errno::NOSPC,
        };
        if !armed.fuse.exists() {
            return Ok(());
        }
        let mut hit = armed.fuse.clone().into_os_string();
        hit.push(".hit");
        // There from the second time on.
        let _ = fs::hard_link(&armed.fuse, hit);
        Err(errno.into())
    }

    /// Of several that come by, one gets the signal.
    fn once(armed: &Armed, signal: Signal) -> io::Result<()> {
        if fs::remove_file(&armed.fuse).is_ok() {
            // Cannot fail: it is our own process.
            let _ = kill_process(getpid(), signal);
        }
        Ok(())
    }
}
