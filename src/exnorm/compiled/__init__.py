"""Generated code: the flow normalize -> encode as one function, for what has nothing odd about it."""

from exnorm.compiled.records import (
    MOST_COLUMNS,
    RecordProgram,
    RecordPrograms,
    generate_for_records,
    may_have_code,
)
from exnorm.compiled.rows import Program, Run, generate

__all__ = [
    "MOST_COLUMNS",
    "Program",
    "RecordProgram",
    "RecordPrograms",
    "Run",
    "generate",
    "generate_for_records",
    "may_have_code",
]
