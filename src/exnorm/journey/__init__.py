"""The way of a message: rows of message tracking joined into one story. Pure; no file is read here.

``steps`` takes a row, ``joining`` says which rows are of one message, ``fates`` what became of each
recipient, ``hops`` which servers it went over and whose log is missing, ``story`` puts it together.
``beside`` reads rows of other logs that belong to it.
"""
