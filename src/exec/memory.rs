//! Memory that this process can do without for now, given back.
use std::path::Path;

use crate::sys;

/// Gives back what a busy time has left: freed pieces of the heap that the allocator keeps, and pages of our own code, which
/// come back from the page cache, where they stay, when they are run again. Costs about a millisecond then.
pub fn let_go() {
    sys::trim_heap();
    let Ok(own) = std::fs::read_link("/proc/self/exe") else {
        return;
    };
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else {
        return;
    };
    for (start, end) in code_of(&maps, &own) {
        sys::unmap_pages_of_code(start, end);
    }
}

/// Where a file's code is mapped: only what can be run, and cannot be written, so that nothing but the file is in it.
fn code_of(maps: &str, file: &Path) -> Vec<(usize, usize)> {
    let mapping = |line: &str| {
        let (fields, path) = line.split_at(line.find('/')?);
        let mut fields = fields.split_whitespace();
        let (range, rights) = (fields.next()?, fields.next()?);
        let (start, end) = range.split_once('-')?;
        let number = |text: &str| usize::from_str_radix(text, 16).ok();
        (rights == "r-xp" && Path::new(path) == file).then_some((number(start)?, number(end)?))
    };
    maps.lines().filter_map(mapping).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
5581a0000000-5581a0100000 r--p 00000000 fe:00 11 /opt/gpu yard/gpuyard
5581a0100000-5581a0300000 r-xp 00100000 fe:00 11 /opt/gpu yard/gpuyard
5581a0300000-5581a0310000 rw-p 00300000 fe:00 11 /opt/gpu yard/gpuyard
5581a0400000-5581a0500000 rw-p 00000000 00:00 0 [heap]
7f0000000000-7f0000100000 r-xp 00000000 fe:00 12 /usr/lib/libc.so.6
7f0000200000-7f0000201000 r-xp 00000000 fe:00 13 /opt/gpu yard/gpuyard (deleted)
7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0 [vdso]
";

    #[test]
    fn only_our_own_code_is_found() {
        let found = code_of(MAPS, Path::new("/opt/gpu yard/gpuyard"));
        assert_eq!(found, [(0x5581_a010_0000, 0x5581_a030_0000)]);
        assert!(code_of("", Path::new("/x")).is_empty() && code_of("what is this?\n/x\n", Path::new("/x")).is_empty());
    }

    #[test]
    fn all_goes_on_afterwards() {
        let before: Vec<String> = (0..1000).map(|n| format!("line {n}")).collect();
        let_go();
        assert_eq!(before.iter().map(String::len).sum::<usize>(), 7890);
        assert_eq!(code_of(MAPS, Path::new("/usr/lib/libc.so.6")).len(), 1);
    }
}
