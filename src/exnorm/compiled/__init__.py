"""Generated code: the flow normalize -> encode as one function, for what has nothing odd about it."""

from exnorm.compiled.records import RecordProgram, RecordPrograms, Sample, generate_for_records, sample_record
from exnorm.compiled.rows import Program, Run, generate

__all__ = [
    "Program",
    "RecordProgram",
    "RecordPrograms",
    "Run",
    "Sample",
    "generate",
    "generate_for_records",
    "sample_record",
]
