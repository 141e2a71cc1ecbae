"""Files that exnorm opens: private ones for what came out of logs, logs that others write, rejected lines."""
