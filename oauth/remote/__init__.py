"""What the authorization server asks of the network, on somebody else's word."""
