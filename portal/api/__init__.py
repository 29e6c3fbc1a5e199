"""The JSON API for gates. In doubt, and on every failure, it says `enforce`."""
