#!/usr/bin/env bash
# any-date-parser reads the 31st of December as the 12th of January, and a time in UTC as local time.
#
# Version:   any-date-parser 2.2.4, locale en-US.
# Expected:  an error for `31/12/1990`, since no month is 31; `03:04:05Z` is that hour in UTC everywhere.
# Seen:      its pattern for month, day, year matches in the middle of the text: of `31/12/1990` it reads
#            `1/12/1990`, of `13/02/1990` the 2nd of March. A zone is parsed and then has no effect.
# Who it hurts: forms and imports where some people write the day first: nothing fails, and the date is neither
#            what they meant nor its swap. Times of an API are off by hours, and it does not show where TZ is UTC.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund any-date-parser@2.2.4 >/dev/null

cat >run.mjs <<'JS'
import parser from "any-date-parser";

for (const text of ["12/31/1990", "31/12/1990", "13/02/1990", "31/1/1990"]) {
    const { year, month, day } = parser.attempt(text, "en-US");
    console.log(text, "->", [year, month, day].join("-"));
}
for (const text of ["1990-01-02T03:04:05Z", "1990-01-02T03:04:05-05:00"]) {
    console.log(text, "->", parser.fromString(text, "en-US").toISOString(), new Date(text).toISOString());
}
JS
TZ=America/New_York node run.mjs >seen

diff seen - <<'SEEN'
12/31/1990 -> 1990-12-31
31/12/1990 -> 1990-1-12
13/02/1990 -> 1990-3-2
31/1/1990 -> 1990-1-1
1990-01-02T03:04:05Z -> 1990-01-02T08:04:05.000Z 1990-01-02T03:04:05.000Z
1990-01-02T03:04:05-05:00 -> 1990-01-02T13:04:05.000Z 1990-01-02T08:04:05.000Z
SEEN
echo "as described"
