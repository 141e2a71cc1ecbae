"""The pipeline: a log's lines become records, records become events, events become payloads."""
