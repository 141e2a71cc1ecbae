"""Send the events of a log to a running Fluent Bit (input forward) with fluent-logger.

Needs exnorm[fluentbit]: python send_to_fluent_bit.py MSGTRK2018112722-1.LOG 127.0.0.1 24224
"""

import json
import sys

from fluent.sender import FluentSender

import exnorm

path, host, port = sys.argv[1:4]
normalizer = exnorm.Normalizer(taxonomy="arcsight", format="json")
sender = FluentSender("exchange", host=host, port=int(port))
with open(path, "rb") as log:
    for payload in normalizer.encode(log, normalizer.stream(path)):
        if not sender.emit("events", json.loads(payload)):
            sys.exit(f"not sent: {sender.last_error}")
sender.close()
