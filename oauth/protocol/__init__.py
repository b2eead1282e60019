"""The rules of the protocol, one RFC idea a file: values in, a value or an OAuthError out.

Pure and synchronous: no I/O, no clock, no framework. What awaits calls these functions, never the reverse."""
