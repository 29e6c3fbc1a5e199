"""Template tags: words, icons, times. They format; they never query."""
