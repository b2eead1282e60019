"""Requests to hosts that a stranger named: public addresses only, bounded in size and time.

Returns documents as bytes or parsed JSON; what they mean is decided by `oauth.protocol`."""
