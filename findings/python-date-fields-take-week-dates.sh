#!/usr/bin/env bash
# Date fields of Python servers accept week dates and digits of other scripts since Python 3.11.
#
# Version:   djangorestframework 3.18.3 on Django 5.2.19, cattrs 26.2.1, mashumaro 3.23, apischema 0.19.0,
#            marshmallow 3.26.2; msgspec 0.22.0 alone is strict. Python 3.11 or later.
# Expected:  YYYY-MM-DD, as their documentation and error messages say.
# Seen:      `1990-W01-2` and `19900102` are the 2nd of January 1990: they hand the text to
#            `date.fromisoformat`, which takes all of ISO 8601 from 3.11 on. The same code on 3.10 rejects
#            them. REST framework also takes full-width digits and a line break at the end, and marshmallow,
#            whose regular expression keeps week dates out, takes these two.
# Who it hurts: an API whose accepted input changed with the interpreter, while its schema did not; a
#            client that relies on the server to check a date.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    django==5.2.19 djangorestframework==3.18.3 cattrs==26.2.1 mashumaro==3.23 apischema==0.19.0 msgspec==0.22.0 marshmallow==3.26.2

"$work/venv/bin/python" - >"$work/seen" <<'PY'
import dataclasses
from datetime import date

import apischema
import cattrs.preconf.json
import django
import marshmallow
import msgspec
from django.conf import settings
from mashumaro.mixins.json import DataClassJSONMixin

settings.configure()
django.setup()
from rest_framework import serializers  # noqa: E402 (needs the settings)


@dataclasses.dataclass
class Customer(DataClassJSONMixin):
    date_of_birth: date


readers = {
    "apischema": lambda text: apischema.deserialize(date, text),
    "cattrs": lambda text: cattrs.preconf.json.make_converter().structure(text, date),
    "marshmallow": marshmallow.fields.Date().deserialize,
    "mashumaro": lambda text: Customer.from_dict({"date_of_birth": text}).date_of_birth,
    "msgspec": lambda text: msgspec.convert(text, date),
    "REST framework": serializers.DateField().run_validation,
}
texts = ["1990-01-02", "19900102", "1990-W01-2", "１９９０-01-02", "1990-01-02\n"]
for name, read in readers.items():
    accepted = []
    for text in texts:
        try:
            accepted += [ascii(text)] if read(text) == date(1990, 1, 2) else []
        except Exception:
            pass
    print(f"{name}: {', '.join(accepted)}")
PY

diff "$work/seen" - <<'SEEN'
apischema: '1990-01-02', '19900102', '1990-W01-2'
cattrs: '1990-01-02', '19900102', '1990-W01-2'
marshmallow: '1990-01-02', '\uff11\uff19\uff19\uff10-01-02', '1990-01-02\n'
mashumaro: '1990-01-02', '19900102', '1990-W01-2'
msgspec: '1990-01-02'
REST framework: '1990-01-02', '19900102', '1990-W01-2', '\uff11\uff19\uff19\uff10-01-02', '1990-01-02\n'
SEEN
echo "as described"
