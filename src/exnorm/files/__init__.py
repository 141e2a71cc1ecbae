"""Files that exnorm opens: private ones for log contents, logs that others write, rejected lines."""
