"""Normal codes, bent by maps whose volume is known."""
