"""OTLP logs in and out: what the OpenTelemetry Collector and everything that speaks its protocol sends."""
