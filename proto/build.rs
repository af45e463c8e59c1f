//! Compiles the protos with protox, in Rust, so that nothing else has to be installed, and keeps the whole descriptor set,
//! options included, for the surfaces that read it.

use std::{env, fs, path::PathBuf};

const FILES: [&str; 12] = [
    "keyplane/admin/v1/caller_key_service.proto",
    "keyplane/admin/v1/credential_service.proto",
    "keyplane/admin/v1/environment_service.proto",
    "keyplane/admin/v1/fleet_service.proto",
    "keyplane/admin/v1/model_service.proto",
    "keyplane/admin/v1/options.proto",
    "keyplane/admin/v1/project_service.proto",
    "keyplane/admin/v1/provider_service.proto",
    "keyplane/admin/v1/rate_service.proto",
    "keyplane/admin/v1/secret_service.proto",
    "keyplane/admin/v1/system_service.proto",
    "keyplane/sync/v1/sync_service.proto",
];

/// Messages that hold a secret: `src/redact.rs` gives them a `Debug` that shows nothing.
const SECRET_MESSAGES: [&str; 13] = [
    ".keyplane.admin.v1.CredentialValue",
    ".keyplane.admin.v1.CredentialValue.value",
    ".keyplane.admin.v1.AccessKeyPair",
    ".keyplane.admin.v1.ClientSecret",
    ".keyplane.admin.v1.Credential",
    ".keyplane.admin.v1.RotateCredentialRequest",
    ".keyplane.admin.v1.CallerKey",
    ".keyplane.admin.v1.JoinToken",
    ".keyplane.sync.v1.CredentialConfig",
    ".keyplane.sync.v1.CredentialConfig.value",
    ".keyplane.sync.v1.Change",
    ".keyplane.sync.v1.Change.change",
    ".keyplane.sync.v1.EnrollRequest",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=google");
    println!("cargo::rerun-if-changed=keyplane");
    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_imports(true).include_source_info(true).open_files(FILES)?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    // Encoded by protox, since prost's own descriptor types drop the options that they don't know.
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure()
        .bytes(".keyplane.sync.v1")
        // Ordered maps, so that the same message always encodes to the same bytes.
        .btree_map(".keyplane.admin.v1")
        .skip_debug(SECRET_MESSAGES)
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
