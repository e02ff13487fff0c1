#!/usr/bin/env bash
# Libraries that split a full name leave people who are called Ma, King or Judge without a name.
#
# Version:   humanparser 2.7.0 (npm), nameparser 2.6.0 (PyPI); parse-full-name 1.2.7 (npm) gets most right.
# Expected:  of two words the first one is the first name, the last one the last name; a title or a degree
#            needs a name beside it.
# Seen:      humanparser takes Ma for "Master of Arts", so that `Li Ma` has no last name. nameparser takes
#            `King Roe` for King's first name Roe, `Judge Roe` for no first name, `Jane Junior` for no last one.
# Who it hurts: imports from a system with one field for the name: letters to such a customer have none, and an
#            update with an empty name is rejected or empties it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund humanparser@2.7.0 parse-full-name@1.2.7 >/dev/null
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check nameparser==2.6.0

cat >run.cjs <<'JS'
const { parseName } = require("humanparser");
const { parseFullName } = require("parse-full-name");

for (const name of process.argv.slice(2)) {
    const { firstName, lastName } = parseName(name);
    const { first, last } = parseFullName(name);
    console.log(`${name}: humanparser "${firstName}" "${lastName}", parse-full-name "${first}" "${last}"`);
}
JS
cat >run.py <<'PY'
import sys

from nameparser import HumanName

for text in sys.argv[1:]:
    name = HumanName(text)
    print(f'{text}: nameparser "{name.first}" "{name.last}"')
PY
names=("Jane Roe" "Li Ma" "King Roe" "Judge Roe" "Jane Junior")
node run.cjs "${names[@]}" >seen
venv/bin/python run.py "${names[@]}" >>seen

diff seen - <<'SEEN'
Jane Roe: humanparser "Jane" "Roe", parse-full-name "Jane" "Roe"
Li Ma: humanparser "Li" "", parse-full-name "Li" "Ma"
King Roe: humanparser "King" "Roe", parse-full-name "King" "Roe"
Judge Roe: humanparser "undefined" "Roe", parse-full-name "" "Roe"
Jane Junior: humanparser "Jane" "", parse-full-name "Jane" "Junior"
Jane Roe: nameparser "Jane" "Roe"
Li Ma: nameparser "Li" "Ma"
King Roe: nameparser "Roe" ""
Judge Roe: nameparser "" "Roe"
Jane Junior: nameparser "Jane" ""
SEEN
echo "as described"
