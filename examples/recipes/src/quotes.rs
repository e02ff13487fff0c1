/// The code that README marks as not compiled by `cargo test`.
fn quotes() -> Vec<&'static str> {
    let (_, section) = include_str!("../../../README.md")
        .split_once("\n## Recipes\n")
        .unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    section
        .split("\n```rust,ignore\n")
        .skip(1)
        .map(|rest| rest.split_once("\n```\n").unwrap().0)
        .collect()
}

#[test]
fn readme_quotes_each_recipe() {
    let recipes = [
        include_str!("anyhow.rs"),
        include_str!("thiserror.rs"),
        include_str!("toml.rs"),
    ];
    assert_eq!(quotes(), recipes.map(recipe));
}

#[test]
fn the_crate_page_quotes_the_async_recipe() {
    let page = include_str!("../../../src/lib.rs");
    let page = page.replace("//! ", "").replace("//!\n", "\n");
    assert!(page.contains(recipe(include_str!("tokio.rs"))));
}

/// All that is above a recipe's test.
fn recipe(file: &'static str) -> &'static str {
    file.split_once("\n\n#[test]\n").unwrap().0
}
