"""One message's way, found in folders of logs and shown.

``search`` finds rows by ids, ``tracer`` follows the ids that they name, ``views`` says what was found in
words, ``text`` and ``page`` show it.
"""
