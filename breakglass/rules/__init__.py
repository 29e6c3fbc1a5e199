"""The rules: pure decisions on values. No Django, clock, settings, network, chance."""
