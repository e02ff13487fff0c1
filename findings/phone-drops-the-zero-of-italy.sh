#!/usr/bin/env bash
# npm's `phone` drops the leading zero of Italian landline numbers, and calls the rest valid.
#
# Version:   phone 3.1.72; libphonenumber-js 1.13.16 keeps it.
# Expected:  Italy and San Marino keep the zero behind the country code: 055 is Florence, +39 055.
# Seen:      `phone` strips leading zeros for all countries but two. `055 1234567` becomes `+39551234567`, a
#            number that does not exist, while `+390551234567` stays as it is: two strings for one customer.
# Who it hurts: services that store what it returns, or compare by it: such a customer cannot be called, and is
#            not found again.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund phone@3.1.72 libphonenumber-js@1.13.16 >/dev/null

cat >run.mjs <<'JS'
import { parsePhoneNumber } from "libphonenumber-js/max";
import { phone } from "phone";

for (const [number, two, three] of [
    ["06 12 34 56 78", "FR", "FRA"],
    ["+39 055 1234567", "IT", "ITA"],
    ["055 1234567", "IT", "ITA"],
    ["02 12345678", "IT", "ITA"],
]) {
    const { isValid, phoneNumber } = phone(number, { country: three, validateMobilePrefix: false });
    const other = parsePhoneNumber(number, two);
    console.log(`${two} ${number}: phone ${phoneNumber} ${isValid}, libphonenumber ${other.number} ${other.isValid()}`);
}
JS
node run.mjs >seen

diff seen - <<'SEEN'
FR 06 12 34 56 78: phone +33612345678 true, libphonenumber +33612345678 true
IT +39 055 1234567: phone +390551234567 true, libphonenumber +390551234567 true
IT 055 1234567: phone +39551234567 true, libphonenumber +390551234567 true
IT 02 12345678: phone +39212345678 true, libphonenumber +390212345678 true
SEEN
echo "as described"
