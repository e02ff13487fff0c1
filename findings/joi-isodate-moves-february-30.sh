#!/usr/bin/env bash
# joi's `string().isoDate()` moves the 30th of February to the 2nd of March, and turns a date into a time.
#
# Version:   joi 18.3.2, Node 20.
# Expected:  a validator of strings rejects a date that no calendar has, and leaves a valid one as it is.
# Seen:      the value becomes what JavaScript's Date makes of it, in UTC with milliseconds: `1990-02-30`
#            is accepted as `1990-03-02T00:00:00.000Z`, and so is the year `1990` alone.
# Who it hurts: services that keep a date of birth as text: each is stored as a point in time, which is
#            the day before in the Americas, and a wrong date is stored as another day instead of rejected.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund joi@18.3.2 >/dev/null

cat >run.mjs <<'JS'
import Joi from "joi";

for (const date of ["1990-01-02", "1990-02-30", "1990-04-31", "1990", "1990-13-01"]) {
    const { error, value } = Joi.string().isoDate().validate(date);
    console.log(date, error ? "rejected" : value);
}
JS
node run.mjs >seen

diff seen - <<'SEEN'
1990-01-02 1990-01-02T00:00:00.000Z
1990-02-30 1990-03-02T00:00:00.000Z
1990-04-31 1990-05-01T00:00:00.000Z
1990 1990-01-01T00:00:00.000Z
1990-13-01 rejected
SEEN
echo "as described"
