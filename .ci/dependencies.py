"""Checks what the crate depends on: directly, in number, and in age."""

import json
import subprocess
import sys

DIRECT = {"serde", "serde_json", "time", "ureq"}
# The most crates below this one, as README says.
MOST = {(): 32, ("--no-default-features",): 20}
BANNED = {"openssl", "openssl-sys", "tokio", "reqwest", "serde_derive", "syn"}


def cargo(*args):
    return subprocess.run(["cargo", *args], check=True, capture_output=True, text=True).stdout


def crates(*features):
    lines = cargo("tree", "-e", "normal", "--prefix", "none", "--format", "{p}", *features)
    return {" ".join(line.split()[:2]) for line in lines.splitlines()} - {""}


def minor(version):
    return tuple(int(part) for part in version.split(".")[:2])


def main():
    problems = []
    metadata = json.loads(cargo("metadata", "--format-version", "1"))
    packages = {package["id"]: package for package in metadata["packages"]}
    own = packages[metadata["resolve"]["root"]]

    normal = [d for d in own["dependencies"] if d["kind"] is None]
    if {d["name"] for d in normal} != DIRECT:
        problems.append(f"direct dependencies: {sorted(d['name'] for d in normal)}")
    problems += [f"{d['name']} has its default features" for d in normal if d["uses_default_features"]]

    for features, most in MOST.items():
        below = {crate for crate in crates(*features) if not crate.startswith("paywithsoap ")}
        print(f"{len(below)} crates below with {' '.join(features) or 'default features'}")
        if len(below) > most:
            problems.append(f"{len(below)} crates, more than {most}: {sorted(below)}")
        names = [crate.split()[0] for crate in below]
        problems += [f"{name} is in the tree" for name in BANNED.intersection(names)]
        problems += [f"two versions of {name}" for name in set(names) if names.count(name) > 1]

    # Of the crates that a user builds, none may need a newer Rust than is promised.
    built = {crate.split()[0] for crate in crates("--all-features")}
    for package in packages.values():
        needs = package["rust_version"]
        if package["name"] in built and needs and minor(needs) > minor(own["rust_version"]):
            problems.append(f"{package['name']} {package['version']} needs Rust {needs}")

    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(bool(problems))


main()
