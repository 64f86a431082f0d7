//! Tests of this room with real processes, signals and locks.
