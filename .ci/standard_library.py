"""Rust's standard library for a target for which rustup brings none: as Rust's releases
have it, built by Debian's compiler from the source that Debian has beside it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

# What Debian's libunwind asks of glibc.
FPRINTF_CHK = """
#include <stdarg.h>
#include <stdio.h>
int __fprintf_chk(FILE *file, int flag, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    return vfprintf(file, format, arguments);
}
"""


def from_source(triple, gcc, folder, out):
    """The sysroot of Debian's compiler for a target, built once in a folder, and its version."""
    musl = triple.endswith("musl")
    install("rustc-web cargo-web rust-web-src" + " libunwind-14-dev" * musl)
    version = subprocess.run(["/usr/bin/rustc", "--version"], check=True, capture_output=True,
                             text=True).stdout.split()[1]
    sysroot = folder / f"std-{version}"
    lib = sysroot / f"lib/rustlib/{triple}/lib"
    if not lib.exists():
        package = folder / "std"
        (package / "src").mkdir(parents=True, exist_ok=True)
        (package / "src/lib.rs").touch()
        (package / "Cargo.toml").write_text('[package]\nname = "empty"\nedition = "2024"\n[workspace]\n')
        command = ["/usr/bin/cargo", "build", "--release", "--target", triple,
                   "-Zbuild-std=std,panic_unwind,test,proc_macro"]
        env = os.environ | {"RUSTC": "/usr/bin/rustc", "RUSTC_BOOTSTRAP": "1", f"CC_{triple}": gcc}
        if call(command, out, env, cwd=package):
            sys.exit(Path(out.name).read_text())
        # Renamed once it is whole.
        part = lib.with_name("part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for rlib in (package / f"target/{triple}/release/deps").glob("*.rlib"):
            shutil.copy(rlib, part)
        if musl:
            self_contained(part / "self-contained")
        part.rename(lib)
    return sysroot, f"source, {version}"


def self_contained(folder):
    """What rustc links into a static program for musl."""
    folder.mkdir()
    musl = Path("/usr/lib/x86_64-linux-musl")
    for file in ["crt1.o", "Scrt1.o", "rcrt1.o", "crti.o", "crtn.o", "libc.a"]:
        shutil.copy(musl / file, folder)
    for file in ["crtbegin.o", "crtbeginS.o", "crtend.o", "crtendS.o", "libgcc.a"]:
        path = subprocess.run(["gcc", f"-print-file-name={file}"], check=True, capture_output=True, text=True)
        shutil.copy(path.stdout.strip(), folder)
    shutil.copy("/usr/lib/llvm-14/lib/libunwind.a", folder)
    compile_c("musl-gcc", FPRINTF_CHK, folder / "fprintf_chk.o", "-c")
    subprocess.run(["ar", "r", folder / "libunwind.a", folder / "fprintf_chk.o"], check=True)


def install(packages):
    packages = packages.split()
    state = subprocess.run(["dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n", *packages],
                           capture_output=True, text=True).stdout.splitlines()
    if missing := [package for package in packages if f"{package} installed" not in state]:
        apt = [*(["sudo"] if os.getuid() else []), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
        subprocess.run([*apt, "update"], check=True)
        subprocess.run([*apt, "install", "-y", "--no-install-recommends", *missing], check=True)


def call(command, out, env, cwd):
    return subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          env=env, cwd=cwd).returncode


def compile_c(gcc, source, path, flag):
    subprocess.run([gcc, flag, "-O2", "-o", path, "-x", "c", "-"], input=source, text=True, check=True)
