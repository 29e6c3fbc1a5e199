"""The gates' pages: how they fare, set-up, care, findings."""
