"""Post-mortems: opened at the close, written by several, reviewed, due, published."""
