"""The journey of a message: rows of message tracking joined into one story. Pure: no file is read here.

``steps`` reads a row, ``joining`` finds the rows of one message, ``fates`` the state of each recipient,
``hops`` the servers on the way and those whose log is missing, ``story`` combines them. ``beside`` reads rows
of other logs that belong to it.
"""
