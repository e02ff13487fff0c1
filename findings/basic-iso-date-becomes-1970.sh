#!/usr/bin/env bash
# A date of birth as ISO 8601's basic form, `19900102`, is stored as the 1st of January 1970.
#
# Version:   mongoose 9.12.1, fastest-validator 1.19.1 with `convert`, @sinclair/typebox 0.34.52's Convert.
# Expected:  the 2nd of January 1990, or an error: the text is a date of ISO 8601, not a number.
# Seen:      all three take a text of digits for milliseconds since 1970 and report nothing; two of them
#            take `1990` for 1.99 seconds after 1970, and the third one for the year.
# Who it hurts: imports whose writer uses the basic form (HL7, SAP, DB2): every customer is 56 years old.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund mongoose@9.12.1 fastest-validator@1.19.1 @sinclair/typebox@0.34.52 >/dev/null

cat >run.mjs <<'JS'
import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import Validator from "fastest-validator";
import mongoose from "mongoose";

const Customer = mongoose.model("Customer", new mongoose.Schema({ date_of_birth: Date }));
const check = new Validator().compile({ date_of_birth: { type: "date", convert: true } });
for (const text of ["1990-01-02", "19900102", "1990"]) {
    const customer = new Customer({ date_of_birth: text });
    const form = { date_of_birth: text };
    const found = customer.validateSync() ?? check(form);
    const dates = [customer.date_of_birth, form.date_of_birth, Value.Convert(Type.Date(), text)];
    console.log(text, found, ...dates.map((date) => date.toISOString()));
}
process.exit(0);
JS
node run.mjs >seen

diff seen - <<'SEEN'
1990-01-02 true 1990-01-02T00:00:00.000Z 1990-01-02T00:00:00.000Z 1990-01-02T00:00:00.000Z
19900102 true 1970-01-01T05:31:40.102Z 1970-01-01T05:31:40.102Z 1970-01-01T05:31:40.102Z
1990 true 1990-01-01T00:00:00.000Z 1970-01-01T00:00:01.990Z 1970-01-01T00:00:01.990Z
SEEN
echo "as described"
