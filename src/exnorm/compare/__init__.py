"""Compare our events with those of a vendor's connector or DSM from the same logs."""
