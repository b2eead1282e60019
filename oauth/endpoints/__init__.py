"""The awaiting rooms: parse, validate, decide, persist, answer; top to bottom, each room entered once."""
