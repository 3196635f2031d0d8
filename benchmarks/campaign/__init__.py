"""Faults on purpose: what is killed, damaged or without room ends well, or says in words what is wrong."""

RIGHT = "as if nothing had happened"
TOLD = "refused or left out, in words"
RAW = "raw tracebacks"
WRONG = "silently wrong"
LOST = "lost"
LONG = "too long or too large"
OUTCOMES = (RIGHT, TOLD, RAW, WRONG, LOST, LONG)
