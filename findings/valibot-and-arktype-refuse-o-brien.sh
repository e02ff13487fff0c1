#!/usr/bin/env bash
# valibot's `email` and arktype's `string.email` refuse the address of Jane O'Brien.
#
# Version:   valibot 1.5.0, arktype 2.2.10; zod 4.6.7 takes the apostrophe, validator 13.15.35 and ajv-formats 3.0.1
#            take all of these.
# Expected:  an apostrophe is as good as a letter in an address (RFC 5322, 3.2.3), and companies that build addresses
#            from names have it.
# Seen:      both allow letters, digits and a few of the other characters; zod leaves out `&` and `/`. All three
#            refuse a domain whose last part is not Latin, in the form that goes over the wire (`xn--`).
# Who it hurts: customers with such an address: they exist in the database, and the new form refuses them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund \
    valibot@1.5.0 arktype@2.2.10 zod@4.6.7 validator@13.15.35 ajv@8.20.0 ajv-formats@3.0.1 >/dev/null

cat >run.mjs <<'JS'
import Ajv from "ajv";
import formats from "ajv-formats";
import { type } from "arktype";
import * as v from "valibot";
import validator from "validator";
import { z } from "zod";

const accepts = {
    ajv: formats.default(new Ajv.default()).compile({ type: "string", format: "email" }),
    arktype: (text) => !(type("string.email")(text) instanceof type.errors),
    validator: (text) => validator.isEmail(text),
    valibot: (text) => v.safeParse(v.pipe(v.string(), v.email()), text).success,
    zod: (text) => z.email().safeParse(text).success,
};
const texts = ["jane.roe@example.com", "jane.o'brien@example.com", "jane&john@example.com", "jane@xn--e1afmkfd.xn--p1ai"];
for (const [name, accept] of Object.entries(accepts)) {
    console.log(`${name} refuses: ${texts.filter((text) => !accept(text)).join(", ") || "none"}`);
}
JS
node run.mjs >seen

diff seen - <<'SEEN'
ajv refuses: none
arktype refuses: jane.o'brien@example.com, jane&john@example.com, jane@xn--e1afmkfd.xn--p1ai
validator refuses: none
valibot refuses: jane.o'brien@example.com, jane&john@example.com, jane@xn--e1afmkfd.xn--p1ai
zod refuses: jane&john@example.com, jane@xn--e1afmkfd.xn--p1ai
SEEN
echo "as described"
