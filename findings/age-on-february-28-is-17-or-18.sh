#!/usr/bin/env bash
# Who is born on February 29 comes of age on February 28 for some libraries, and on March 1 for others.
#
# Version:   date-fns 4.4.0, @js-joda/core 6.3.2, luxon 3.7.2, dayjs 1.11.23, moment 2.31.0 (npm); pendulum 3.3.0,
#            python-dateutil 4.0.0, whenever 0.11.0 (PyPI).
# Expected:  how many full years lie between two dates is one number, whoever counts them.
# Seen:      from 2008-02-29 to 2026-02-28 it is 17 for date-fns, js-joda and pendulum, and 18 for the five others, for
#            whom the birthday moves to a day that the year has. Laws differ, too: it is March 1 in England, and
#            February 28 in New Zealand.
# Who it hurts: services that check the age at which one may pay or sign: a form accepts the customer, and the API
#            behind it, with another library, rejects the date of birth on that day.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund date-fns@4.4.0 @js-joda/core@6.3.2 luxon@3.7.2 dayjs@1.11.23 moment@2.31.0 \
    >/dev/null
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pendulum==3.3.0 python-dateutil==4.0.0 whenever==0.11.0

cat >run.mjs <<'JS'
import { ChronoUnit, LocalDate } from "@js-joda/core";
import { differenceInYears, parseISO } from "date-fns";
import dayjs from "dayjs";
import { DateTime } from "luxon";
import moment from "moment";

const born = "2008-02-29";
for (const day of ["2026-02-28", "2026-03-01"]) {
    const ages = {
        "date-fns": differenceInYears(parseISO(day), parseISO(born)),
        "js-joda": LocalDate.parse(born).until(LocalDate.parse(day), ChronoUnit.YEARS),
        luxon: Math.floor(DateTime.fromISO(day).diff(DateTime.fromISO(born), "years").years),
        dayjs: dayjs(day).diff(born, "year"),
        moment: moment(day).diff(born, "years"),
    };
    console.log(day, JSON.stringify(ages));
}
JS
cat >run.py <<'PY'
import json
from datetime import date

import pendulum
import whenever
from dateutil.relativedelta import relativedelta

born = date(2008, 2, 29)
for day in [date(2026, 2, 28), date(2026, 3, 1)]:
    ages = {
        "pendulum": (pendulum.parse(str(day)) - pendulum.parse(str(born))).in_years(),
        "dateutil": relativedelta(day, born).years,
        "whenever": int(whenever.Date(day).since(whenever.Date(born), total="years")),
    }
    print(day, json.dumps(ages, separators=(",", ":")))
PY
{ node run.mjs && venv/bin/python run.py; } >seen

diff seen - <<'SEEN'
2026-02-28 {"date-fns":17,"js-joda":17,"luxon":18,"dayjs":18,"moment":18}
2026-03-01 {"date-fns":18,"js-joda":18,"luxon":18,"dayjs":18,"moment":18}
2026-02-28 {"pendulum":17,"dateutil":18,"whenever":18}
2026-03-01 {"pendulum":18,"dateutil":18,"whenever":18}
SEEN
echo "as described"
