#!/usr/bin/env bash
# spdx-correct finds a free license in "all rights reserved" and in npm's word for "no license", UNLICENSED.
#
# Version:   spdx-correct 3.2.0, which license checkers and npm's validate-npm-package-license build on.
# Expected:  null for a text that names no license, as for `Proprietary`; one that names two gives both or null.
# Seen:      it looks for parts of words. `UNLICENSED` is the Unlicense, which gives all rights away; `EXAMPLE` holds
#            MPL, and `Submit` holds MIT. Of `MIT/Apache-2.0`, as old crates write it, one license is left, and of
#            `MIT and GPL` the other.
# Who it hurts: whoever makes a list of licenses or an SBOM: closed code is listed as free, and a duty that comes with
#            a second license is not listed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund spdx-correct@3.2.0 >/dev/null

cat >run.cjs <<'JS'
const correct = require("spdx-correct");

for (const license of [
    "Proprietary",
    "UNLICENSED",
    "Copyright Example Inc., all rights reserved",
    "Submit a request for use",
    "Commercial, not MIT",
    "MIT and GPL",
    "MIT/Apache-2.0",
    "GPL-2.0 or MIT",
]) {
    console.log(`${license} -> ${correct(license)}`);
}
JS
node run.cjs >seen

diff seen - <<'SEEN'
Proprietary -> null
UNLICENSED -> Unlicense
Copyright Example Inc., all rights reserved -> MPL-2.0
Submit a request for use -> MIT
Commercial, not MIT -> MIT
MIT and GPL -> GPL-3.0-or-later
MIT/Apache-2.0 -> Apache-2.0
GPL-2.0 or MIT -> GPL-2.0 OR MIT
SEEN
echo "as described"
