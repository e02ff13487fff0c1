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
    // All that is above a recipe's test.
    let recipes = recipes.map(|file| file.split_once("\n\n#[test]\n").unwrap().0);
    assert_eq!(quotes(), recipes);
}
