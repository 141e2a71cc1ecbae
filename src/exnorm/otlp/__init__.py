"""OTLP logs in and out, as the OpenTelemetry Collector and other programs send them."""
