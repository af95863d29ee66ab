//! An emulated AWS with real faults.
