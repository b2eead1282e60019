"""mcp-auth doctor: walks a deployment as each known client does, and says why one would not get in.

It knows a deployment only from outside, be it ours or anybody's: nothing here imports the rest of the program."""
