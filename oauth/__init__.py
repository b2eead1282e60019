"""The authorization server: OAuth 2.1 with PKCE for several resources. It decides who may act for whom.

Owns the protocol's rules, its endpoints and pages, and the store. Imports nothing from the rest of the project. Each
folder imports only those above it in this list:

    foundation       words, clock, secrets, queues and caches without I/O
    jose             strict reading of JSON and JWS
    protocol         the rules of the RFCs, pure functions over frozen values
    database         SQLite and PostgreSQL behind one interface, statements batched
    flow_history     what happened to each attempt to connect
    remote           requests to hosts that a stranger named
    stores           what is kept, as ports, and their implementation in SQL
    pages            HTML for people
    client_registry  clients: metadata documents, secrets, resource servers
    endpoints        HTTP: parse, validate, decide, persist, answer"""
