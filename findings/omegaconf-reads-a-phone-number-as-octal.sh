#!/usr/bin/env bash
# OmegaConf stores the phone number 0551234567 as 94714231, where Hydra, built on it, stores the text.
#
# Version:   omegaconf 2.3.1, hydra-core 1.3.8.
# Expected:  the words of one command line mean the same by `OmegaConf.from_cli` and by Hydra; digits with a zero
#            in front are text, or lose the zero.
# Seen:      `from_cli` and `from_dotlist` read values by YAML 1.1: an octal number if no digit is 8 or 9, else text;
#            `12:30` is 750 and `0x1F` 31. Hydra's own grammar keeps these three, and both drop the `+` of a number.
# Who it hurts: programs that take a phone number or a postcode as `name=value`: of two customers one gets
#            the number that was typed, the other one a shorter one, and moving to Hydra changes which.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check omegaconf==2.3.1 hydra-core==1.3.8

"$work/venv/bin/python" - >"$work/seen" <<'PY'
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

hydra = OverridesParser.create()
for text in ["0551234567", "0551234568", "+15551234567", "12:30", "0x1F", "555-1234567"]:
    word = f"phone_number={text}"
    [override] = hydra.parse_overrides([word])
    print(f"{text}: OmegaConf {OmegaConf.from_dotlist([word]).phone_number!r}, Hydra {override.value()!r}")
PY

diff "$work/seen" - <<'SEEN'
0551234567: OmegaConf 94714231, Hydra '0551234567'
0551234568: OmegaConf '0551234568', Hydra '0551234568'
+15551234567: OmegaConf 15551234567, Hydra 15551234567
12:30: OmegaConf 750, Hydra '12:30'
0x1F: OmegaConf 31, Hydra '0x1F'
555-1234567: OmegaConf '555-1234567', Hydra '555-1234567'
SEEN
echo "as described"
