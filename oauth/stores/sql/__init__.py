"""The ports in SQL, one file a port. Redeeming a code and refreshing have an implementation per driver.

The rules of redemption stay in `oauth.protocol.grant_types`; a store calls the decision that it is given."""
