//! What a process that holds secrets does about itself: no core dumps, and no attaching by others of the same user.

/// Makes the process non-dumpable: no core file is written of it, and only root may trace it or read its memory.
///
/// # Errors
///
/// When the operating system refuses. On systems other than Linux it does nothing.
pub fn protect_memory() -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_protected_process_is_not_dumpable() {
        protect_memory().unwrap();
        let behavior = rustix::process::dumpable_behavior().unwrap();
        assert_eq!(behavior, rustix::process::DumpableBehavior::NotDumpable);
    }
}
