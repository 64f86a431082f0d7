//! Xid errors of one GPU: the driver tells each once, to whoever asked to be told.
use std::mem::{ManuallyDrop, forget};

use gpuyard_core::model::{Now, XidErrors};
use nvml_wrapper::{Device, EventSet, Nvml, bitmasks::event::EventTypes, enums::event::XidError};

/// Errors taken in at one look; a driver that has more to tell is asked again at the next.
const AT_ONCE: usize = 64;

/// What NVML calls an Xid that it has no number for.
const WITHOUT_NUMBER: u64 = 999;

/// One GPU's errors since we look.
#[derive(Default)]
pub(super) struct Xids {
    set: Set,
    errors: XidErrors,
}

#[derive(Default)]
enum Set {
    /// Not asked for yet, or with a library that is gone.
    #[default]
    None,
    /// Its handle in the library that is open; a number, so that it may be kept beside the library.
    Open(usize),
    /// This GPU, or this driver, tells of none.
    Unsupported,
}

impl Xids {
    /// Takes in what is new. Never waits.
    pub(super) fn look(&mut self, nvml: &Nvml, device: &Device<'_>, now: Now) {
        if matches!(self.set, Set::None) {
            self.set = ask(nvml, device).map_or(Set::Unsupported, Set::Open);
        }
        let Set::Open(handle) = self.set else { return };
        // SAFETY: the handle is that of a set of this library, which `expire` forgets when the library is dropped; it is
        // not freed twice, since this copy of it never is.
        let set = ManuallyDrop::new(unsafe { EventSet::new(handle as _, nvml) });
        for _ in 0..AT_ONCE {
            // Mostly the end of the wait, which is none. A GPU that is lost says so elsewhere.
            let Ok(event) = set.wait(0) else { return };
            let code = match event.event_data {
                Some(XidError::Value(code)) => code,
                Some(XidError::Unknown) => WITHOUT_NUMBER,
                None => continue,
            };
            tracing::warn!(gpu = ?device.uuid().ok(), "Xid {code}: the driver reports an error of a GPU");
            self.errors.count += 1;
            self.errors.last_code = Some(code);
            self.errors.last_at = Some(now.wall);
        }
    }

    /// The library is gone, and the set with it.
    pub(super) fn expire(&mut self) {
        self.set = Set::None;
    }

    /// The errors so far; `None` where they are not told.
    pub(super) fn so_far(&self) -> Option<XidErrors> {
        (!matches!(self.set, Set::Unsupported)).then(|| self.errors.clone())
    }
}

fn ask(nvml: &Nvml, device: &Device<'_>) -> Option<usize> {
    // A set of its own: one GPU that tells of none must not cost the others theirs.
    let set = nvml.create_event_set().ok()?;
    let device = nvml.device_by_uuid(device.uuid().ok()?).ok()?;
    let set = device.register_events(EventTypes::CRITICAL_XID_ERROR, set).ok()?;
    // SAFETY: the set is given up here, so that the handle stays the only one.
    let handle = unsafe { set.handle() } as usize;
    forget(set);
    Some(handle)
}
