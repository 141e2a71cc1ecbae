"""The engine compiles a table, the columns of a log and a format into one plan, and runs it in C or in
Python.
"""
