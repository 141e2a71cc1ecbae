"""Text functions: lines, encodings, syslog headers, patterns and YAML with line numbers."""
