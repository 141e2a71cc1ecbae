"""Find one message's way in folders of logs and show it.

``search`` finds rows by ids, ``tracer`` follows the ids that they name, ``views`` describes the result in
words, ``text`` and ``page`` show it.
"""
