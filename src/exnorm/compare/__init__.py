"""Our events held against what a vendor's connector or DSM made of the same logs."""
