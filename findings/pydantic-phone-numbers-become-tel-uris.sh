#!/usr/bin/env bash
# pydantic's PhoneNumber turns `+12015550123` into `tel:+1-201-555-0123`, and an extension into a parameter of it.
#
# Version:   pydantic-extra-types 2.11.1 with pydantic 2.14.4 and phonenumbers 9.0.43.
# Expected:  a valid number stays as it is, or is E.164, as APIs and databases have it.
# Seen:      the type is a `str` whose default format is RFC 3966's URI: 19 characters for 12. `len`, `==`
#            and JSON see the URI. Only a subclass with `phone_format = "E164"` keeps the number, and that drops the
#            extension.
# Who it hurts: who adds the type to validate what is there: the next API gets a URI for a number, a column of 16
#            characters is too short, and a look-up by number finds nobody.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    pydantic==2.14.4 pydantic-extra-types==2.11.1 phonenumbers==9.0.43
cd "$work"

venv/bin/python - >seen <<'PY'
from pydantic import BaseModel
from pydantic_extra_types.phone_numbers import PhoneNumber


class E164(PhoneNumber):
    phone_format = "E164"


class Customer(BaseModel):
    phone_number: PhoneNumber
    e164: E164


for text in ["+12015550123", "+390551234567", "+12015550123 ext. 5"]:
    customer = Customer(phone_number=text, e164=text)
    print(f"{text}: {customer.model_dump_json()}, {'equal' if customer.phone_number == text else 'not equal'}")
PY

diff seen - <<'SEEN'
+12015550123: {"phone_number":"tel:+1-201-555-0123","e164":"+12015550123"}, not equal
+390551234567: {"phone_number":"tel:+39-055-123-4567","e164":"+390551234567"}, not equal
+12015550123 ext. 5: {"phone_number":"tel:+1-201-555-0123;ext=5","e164":"+12015550123"}, not equal
SEEN
echo "as described"
