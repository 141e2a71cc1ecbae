"""Write a page about a folder of logs: ``survey`` gathers, ``findings`` judges, ``plots``
and ``page`` show.
"""
