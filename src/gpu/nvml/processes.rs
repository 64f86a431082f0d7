//! The processes on a GPU, read by a raw call of our own.
//!
//! Drivers 535.43 to 535.86 return entries of 32 bytes behind a symbol whose entries have 24. Read as 24, they give
//! pids such as 0 and 4294967295 (−1 as an i32: `kill(-1)` hits everything), and with more than about 15 processes
//! overrun a buffer made for 24. So the buffer is made for far larger entries than any version has, filled with a
//! sentinel, and the distance between two entries is measured by how far the driver wrote. And no pid is believed that
//! is not above 1, below `pid_max`, and in `/proc`.
use std::{collections::BTreeMap, os::raw::c_uint};

use gpuyard_core::model::{Bytes, GpuProcess, Work};
use nvml_wrapper::{
    Device, Nvml,
    error::{NvmlError, nvml_try},
};
use nvml_wrapper_sys::bindings::nvmlReturn_t;

use crate::{
    facts::{FactsReader, Looked},
    procfs::Proc,
};

/// No entry that NVML ever returned is half as large.
const WORDS_PER_ENTRY: usize = 8;
/// Not 0 and not all ones, which both stand in real entries.
const SENTINEL: u64 = 0xa5a5_a5a5_a5a5_a5a5;
/// Entries asked for at first.
const FIRST_CAPACITY: usize = 64;
/// More processes on one GPU than this is the driver's nonsense.
const MOST: usize = 1 << 16;
/// NVML_VALUE_NOT_AVAILABLE: the driver does not say.
const NOT_AVAILABLE: u64 = u64::MAX;

/// An entry of the driver's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    pid: u32,
    memory: Option<u64>,
    /// MIG: GPU instance and compute instance; all ones elsewhere.
    instance: (u32, u32),
}

/// The buffer that the driver writes into.
struct List {
    words: Vec<u64>,
}

impl Default for List {
    fn default() -> Self {
        List {
            words: vec![SENTINEL; FIRST_CAPACITY * WORDS_PER_ENTRY],
        }
    }
}

impl List {
    /// Calls until the buffer is large enough. `call` gets the number of entries that fit, to be replaced by the number
    /// there are, and the buffer.
    fn read(&mut self, call: impl Fn(&mut c_uint, *mut u64) -> nvmlReturn_t) -> Result<Vec<Entry>, NvmlError> {
        loop {
            self.words.fill(SENTINEL);
            let capacity = self.words.len() / WORDS_PER_ENTRY;
            let mut count = capacity as c_uint;
            let answer = nvml_try(call(&mut count, self.words.as_mut_ptr()));
            let count = count as usize;
            match answer {
                Ok(()) if count <= capacity => return entries(&self.words, count),
                Ok(()) | Err(NvmlError::InsufficientSize(_)) if capacity < MOST => {
                    // Some drivers do not say how many there are; and more may come before the next call.
                    let room = (count.min(MOST) + count.min(MOST) / 4).max(capacity * 2);
                    self.words.resize(room * WORDS_PER_ENTRY, SENTINEL);
                }
                Ok(()) => return Err(NvmlError::InsufficientSize(Some(count))),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Words from one entry to the next, by how far the driver wrote: all fields are written but the padding behind the
/// pid, and no version ends in padding. `None` when the driver wrote what no version of it writes.
fn stride(words: &[u64], count: usize) -> Option<usize> {
    let written = words.iter().rposition(|word| *word != SENTINEL)? + 1;
    (written % count == 0)
        .then_some(written / count)
        .filter(|size| (2..=4).contains(size))
}

fn entries(words: &[u64], count: usize) -> Result<Vec<Entry>, NvmlError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let stride = stride(words, count).ok_or(NvmlError::Unknown)?;
    let entry = |words: &[u64]| Entry {
        // Little-endian halves of a word, the only order that NVML runs on: the pid, then padding.
        pid: words[0] as u32,
        memory: (words[1] != NOT_AVAILABLE).then_some(words[1]),
        instance: words
            .get(2)
            .map_or((u32::MAX, u32::MAX), |both| (*both as u32, (*both >> 32) as u32)),
    };
    Ok(words.chunks_exact(stride).take(count).map(entry).collect())
}

/// Reads the driver's lists.
#[derive(Default)]
pub(super) struct ProcessReader {
    list: List,
}

/// Calls the newest version of a call that the library has: `_v3`, `_v2`, then the first. Evaluates to the driver's
/// list.
macro_rules! newest {
    ($reader:expr, $nvml:expr, $device:expr, [$($symbol:ident),+]) => {{
        let mut answer = Err(NvmlError::FunctionNotFound);
        $(
            if matches!(answer, Err(NvmlError::FunctionNotFound))
                && let Ok(call) = $nvml.lib().$symbol.as_ref()
            {
                answer = $reader.list.read(|count, buffer| {
                    // SAFETY: the symbol was loaded from the library that `nvml` keeps open, and takes a handle, the
                    // number of entries that fit and a buffer for them. The handle was given by the same library and
                    // lives. The buffer has 64 bytes for each entry, twice the largest that any version writes, and the
                    // alignment of the widest field.
                    unsafe { call($device.handle(), count, buffer.cast()) }
                });
            }
        )+
        answer
    }};
}

impl ProcessReader {
    /// The processes on one GPU, by pid, and how many more there are that cannot be looked at. An error when the list
    /// that matters, that of compute processes, cannot be read.
    pub(super) fn on(
        &mut self,
        nvml: &Nvml,
        device: &Device<'_>,
        proc: &mut Proc,
        facts: &mut FactsReader,
    ) -> Result<(Vec<GpuProcess>, u32), NvmlError> {
        let compute = newest!(
            self,
            nvml,
            device,
            [
                nvmlDeviceGetComputeRunningProcesses_v3,
                nvmlDeviceGetComputeRunningProcesses_v2,
                nvmlDeviceGetComputeRunningProcesses
            ]
        )?;
        // Clients of an MPS server are in a list of their own, which not every driver has.
        let clients = newest!(
            self,
            nvml,
            device,
            [
                nvmlDeviceGetMPSComputeRunningProcesses_v3,
                nvmlDeviceGetMPSComputeRunningProcesses_v2,
                nvmlDeviceGetMPSComputeRunningProcesses
            ]
        )
        .unwrap_or_default();
        let graphics = newest!(
            self,
            nvml,
            device,
            [
                nvmlDeviceGetGraphicsRunningProcesses_v3,
                nvmlDeviceGetGraphicsRunningProcesses_v2,
                nvmlDeviceGetGraphicsRunningProcesses
            ]
        )
        .unwrap_or_default();
        let mut merged = by_pid(compute, Work::Compute);
        for list in [by_pid(clients, Work::Compute), by_pid(graphics, Work::Graphics)] {
            for (pid, (memory, work)) in list {
                merged
                    .entry(pid)
                    .and_modify(|(known, of)| {
                        // Listed twice, a process is not larger.
                        *known = (*known).max(memory);
                        *of = if *of == work { work } else { Work::Both };
                    })
                    .or_insert((memory, work));
            }
        }
        let (mut seen, mut hidden) = (Vec::with_capacity(merged.len()), 0);
        for (pid, (memory, work)) in merged {
            match facts.of(pid, proc) {
                Looked::Seen(facts) => seen.push(facts.on_gpu(work, memory.map(Bytes))),
                Looked::Hidden => hidden += 1,
                Looked::Nonsense => {}
            }
        }
        Ok((seen, hidden))
    }
}

/// One entry a process. A process on several MIG instances is listed once for each, and uses the sum.
fn by_pid(entries: Vec<Entry>, work: Work) -> BTreeMap<u32, (Option<u64>, Work)> {
    let mut seen: Vec<(u32, (u32, u32))> = Vec::new();
    let mut merged: BTreeMap<u32, (Option<u64>, Work)> = BTreeMap::new();
    for entry in entries {
        if seen.contains(&(entry.pid, entry.instance)) {
            continue;
        }
        seen.push((entry.pid, entry.instance));
        let slot = &mut merged.entry(entry.pid).or_insert((None, work)).0;
        *slot = match (*slot, entry.memory) {
            (Some(known), Some(more)) => Some(known.saturating_add(more)),
            (known, more) => known.or(more),
        };
    }
    merged
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use nvml_wrapper_sys::bindings::{nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE, nvmlReturn_enum_NVML_SUCCESS};

    use super::*;

    /// A driver that lists `pids` in entries of `words` words, and leaves the padding behind each pid as it was.
    fn driver(pids: &'static [u32], words: usize) -> impl Fn(&mut c_uint, *mut u64) -> nvmlReturn_t {
        move |count, buffer| {
            let fits = *count as usize >= pids.len();
            *count = pids.len() as c_uint;
            if !fits {
                return nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE;
            }
            for (index, pid) in pids.iter().enumerate() {
                // SAFETY: the caller's buffer has 8 words an entry, and `words` is at most 4.
                unsafe {
                    let entry = buffer.add(index * words);
                    entry.cast::<u32>().write(*pid);
                    entry.add(1).write(u64::from(*pid) << 20);
                    for field in 2..words {
                        entry.add(field).write(u64::MAX);
                    }
                }
            }
            nvmlReturn_enum_NVML_SUCCESS
        }
    }

    /// Fault G3 (P4).
    #[test]
    fn every_stride_is_measured() {
        for words in [2, 3, 4] {
            for pids in [&[7][..], &[7, 8], &[7, 8, 9, 10, 11]] {
                let list = List::default().read(driver(pids, words)).unwrap();
                assert_eq!(
                    list.iter().map(|entry| entry.pid).collect::<Vec<_>>(),
                    pids,
                    "{words} words"
                );
                assert!(
                    list.iter()
                        .all(|entry| entry.memory == Some(u64::from(entry.pid) << 20))
                );
            }
        }
    }

    #[test]
    fn the_buffer_grows_to_what_is_asked() {
        static MANY: [u32; 1000] = [5; 1000];
        let mut list = List::default();
        for words in [4, 3] {
            assert_eq!(list.read(driver(&MANY, words)).unwrap().len(), 1000);
        }
        assert_eq!(
            list.read(driver(&[9], 3)).unwrap().len(),
            1,
            "what stood there before is not read"
        );
    }

    #[test]
    fn a_driver_that_makes_no_sense_gives_no_list() {
        let silent = |_: &mut c_uint, _: *mut u64| nvmlReturn_enum_NVML_SUCCESS;
        assert!(
            List::default().read(silent).is_err(),
            "64 entries said, nothing written"
        );
        let greedy = |count: &mut c_uint, _: *mut u64| {
            *count = c_uint::MAX;
            nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE
        };
        assert!(List::default().read(greedy).is_err(), "and it ends");
        let none = |count: &mut c_uint, _: *mut u64| {
            *count = 0;
            nvmlReturn_enum_NVML_SUCCESS
        };
        assert_eq!(List::default().read(none).unwrap(), []);
    }

    #[test]
    fn entries_of_one_process_are_added_only_across_instances() {
        let entry = |pid, memory, instance| Entry {
            pid,
            memory,
            instance: (instance, 0),
        };
        let merged = by_pid(
            vec![
                entry(5, Some(1), 1),
                entry(5, Some(2), 2),
                entry(5, Some(2), 2),
                entry(6, None, 1),
                entry(7, None, 1),
                entry(7, Some(3), 2),
            ],
            Work::Compute,
        );
        let memory: Vec<_> = merged.into_iter().map(|(pid, (memory, _))| (pid, memory)).collect();
        assert_eq!(memory, [(5, Some(3)), (6, None), (7, Some(3))]);
    }
}
