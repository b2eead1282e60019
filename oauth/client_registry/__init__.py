"""What is known of clients beyond the store: metadata documents and their keys, secrets, resource servers.

Awaits the store, the network and the hashing thread; the rules are in `oauth.protocol.clients`."""
