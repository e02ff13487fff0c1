#!/usr/bin/env bash
# strictyaml reads a year as today's day of that year.
#
# Version:   strictyaml 1.7.3 with python-dateutil 4.0.0.
# Expected:  an error, or the 1st of January: StrictYAML exists because YAML guesses too much.
# Seen:      `Datetime()` fills in month and day from the clock. The same file gives another date each day.
# Who it hurts: whoever keeps dates of birth in a file of settings, where a year alone is a common entry.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check strictyaml==1.7.3 python-dateutil==4.0.0

"$work/venv/bin/python" - <<'PY'
from datetime import datetime

from strictyaml import Datetime, Map, load

today = datetime.now()
# 2000 has every day that a year may have.
read = load("date_of_birth: 2000", Map({"date_of_birth": Datetime()})).data["date_of_birth"]
assert (read.year, read.month, read.day) == (2000, today.month, today.day), read
PY
echo "as described"
