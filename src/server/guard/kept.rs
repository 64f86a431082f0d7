//! Logins over the daemon's restarts: read when it starts, written when one came, went or was used.
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use gpuyard_core::model::Now;
use gpuyard_store::{
    StoreError,
    logins::{KeptLogins, LoginFile},
};

use super::{secret::Secret, session::Sessions};

/// Where logins are kept.
pub(crate) struct Kept {
    file: LoginFile,
    boot_id: String,
    /// One writes at a time, so that an older state never replaces a newer one.
    turn: Mutex<()>,
    /// The last write failed, and was said.
    failed: AtomicBool,
}

impl Kept {
    pub(crate) fn new(file: LoginFile, boot_id: String) -> Kept {
        Kept {
            file,
            boot_id,
            turn: Mutex::default(),
            failed: AtomicBool::new(false),
        }
    }

    /// Opens the logins that were kept. A file that is not what it should be is said and put aside, and nobody is logged in.
    pub(crate) fn restore(&self, sessions: &mut Sessions, secret: Option<&Secret>, now: Now) {
        let kept = match self.file.load() {
            Ok(Some(kept)) => kept,
            Ok(None) => return,
            Err(error) => return self.set_aside(&error),
        };
        let same = matches!((&kept.secret, secret), (Some(mark), Some(secret)) if secret.has(mark));
        if !same {
            if !kept.logins.is_empty() {
                tracing::info!("the secret has changed since the last run: every login has ended");
                // Or they would come back with it.
                sessions.close_all();
            }
            return;
        }
        let passed = if kept.boot_id == self.boot_id {
            now.mono.since(kept.written.mono)
        } else {
            // Another boot: only the wall clock tells, and a clock that was put back makes no login longer than it was then.
            now.wall
                .duration_since(kept.written.wall)
                .as_millis()
                .try_into()
                .unwrap_or(0)
        };
        let open = sessions.restore(&kept.logins, passed, now);
        tracing::info!(open, "logins of the last run go on");
    }

    fn set_aside(&self, error: &StoreError) {
        match self.file.set_aside() {
            Ok(to) => {
                let to = to.display();
                tracing::error!("{error}; nobody is logged in, and the file is kept as {to}");
            }
            Err(aside) => tracing::error!("{error}; nobody is logged in ({aside})"),
        }
    }

    /// Writes what `take` hands out for this boot, if anything. Returns whether it is written; what could not be is said once.
    pub(crate) fn save(&self, take: impl FnOnce(String) -> Option<KeptLogins>) -> bool {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = take(self.boot_id.clone()) else {
            return true;
        };
        let saved = self.file.save(&kept);
        let failed_before = self.failed.swap(saved.is_err(), Ordering::Relaxed);
        if let (Err(error), false) = (&saved, failed_before) {
            tracing::warn!("{error}; until it can be written, logins end with this daemon");
        }
        saved.is_ok()
    }
}
