//! NVML's functions, by the names and layouts of nvml.h.
//!
//! Every function here is called from C by the rules of nvml.h: a pointer is null or points to what its type says. That
//! is the contract each
//! `unsafe` below leans on; nulls are refused in [`put`].
#![allow(missing_docs, clippy::missing_safety_doc, reason = "nvml.h is their documentation")]
#![allow(unreachable_pub, reason = "exported to C, not to Rust")]
#![allow(non_snake_case, reason = "the names are NVML's")]
mod device;
mod events;
mod processes;
mod system;
mod unsupported;

use std::ffi::{c_char, c_uint};

use crate::Answer;

/// Writes an answer where the caller wants it.
fn put<T>(place: *mut T, value: T) -> Result<(), Answer> {
    if place.is_null() {
        return Err(Answer::InvalidArgument);
    }
    // SAFETY: not null, and by the contract of this module then a place for a `T`. C may align it less than Rust would.
    unsafe { place.write_unaligned(value) };
    Ok(())
}

/// Writes a C string into a buffer of `room` bytes.
fn put_text(place: *mut c_char, room: c_uint, text: &str) -> Result<(), Answer> {
    if place.is_null() {
        return Err(Answer::InvalidArgument);
    }
    if text.len() >= room as usize {
        return Err(Answer::InsufficientSize);
    }
    for (at, byte) in text.bytes().chain([0]).enumerate() {
        // SAFETY: not null, a buffer of `room` bytes by the contract of this module, and `at` is at most the text's
        // length, which is below `room`.
        unsafe { place.add(at).write(byte as c_char) };
    }
    Ok(())
}
