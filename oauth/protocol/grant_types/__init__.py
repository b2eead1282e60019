"""One grant type a file: may this be exchanged, and for what?

Pure: the request, the stored record and `now` in, `Issue` or `Refuse` out. The store carries the decision out."""
