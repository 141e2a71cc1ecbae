"""Normalize a file: one CEF line for each event, then what became of every line."""

import sys

import exnorm

normalizer = exnorm.Normalizer(taxonomy="arcsight", profile="security")
path = sys.argv[1]
with open(path, "rb") as log:
    for payload in normalizer.encode(log, normalizer.stream(path)):
        sys.stdout.buffer.write(payload + b"\n")
print(normalizer.counts.as_dict(), file=sys.stderr)
