"""Speed as ratios in one run: `make bench`. Never asserted in a test."""
