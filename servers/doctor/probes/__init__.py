"""Requests that the doctor makes: one file a protocol step, bounded in size and time, cleaned up afterwards."""
