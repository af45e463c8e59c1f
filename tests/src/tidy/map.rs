//! `ARCHITECTURE.md` is a map: what it names is there.

use crate::process::repository;

/// The paths that a page names: whatever stands between backticks and begins with one of the top folders.
fn paths(page: &str) -> Vec<&str> {
    const FOLDERS: [&str; 6] = ["proto/", "shared/", "control-plane/", "data-plane/", "cli/", "tests/"];
    let quoted = page.split('`').skip(1).step_by(2);
    quoted.filter(|text| FOLDERS.iter().any(|folder| text.starts_with(folder)) && !text.contains(' ')).collect()
}

#[test]
fn every_path_that_the_map_names_is_there() {
    let page = std::fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let paths = paths(&page);
    assert!(paths.len() > 40, "only {} paths were found", paths.len());
    for path in paths {
        assert!(repository().join(path).exists(), "{path} is not there");
    }
}

#[test]
fn every_link_of_the_pages_leads_somewhere() {
    for page in
        ["README.md", "CONTRIBUTING.md", "SECURITY.md", "ARCHITECTURE.md", "docs/operators.md", "docs/admins.md"]
    {
        let page = repository().join(page);
        let text = std::fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if !link.starts_with("http") {
                assert!(page.with_file_name(link).exists(), "{}: {link}", page.display());
            }
        }
    }
}
