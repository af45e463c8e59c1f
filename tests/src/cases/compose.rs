//! The compose file and the images, as far as they can be checked without an engine.

use std::process::Command;

use crate::process::repository;

#[test]
fn the_compose_file_asks_for_no_more_than_it_needs() {
    let output = Command::new(repository().join(".venv/bin/python"))
        .arg(repository().join("tests/python/compose_check.py"))
        .arg(repository().join("docker-compose.yml"))
        .output()
        .expect("python runs; tests/run sets it up");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_image_runs_as_nobody_in_particular() {
    let text = std::fs::read_to_string(repository().join("Dockerfile")).unwrap();
    for target in ["control", "proxy", "cli"] {
        let stage =
            text.split(&format!(" AS {target}\n")).nth(1).unwrap_or_else(|| panic!("there is a target {target}"));
        let stage = stage.split("\nFROM ").next().unwrap_or_default();
        assert!(stage.contains("USER 65532:65532"), "{target}: {stage}");
        assert!(stage.contains("ENTRYPOINT ["), "{target} needs no shell");
    }
}
